package overlay

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio/kioutil"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/render/internal/answer"
)

// helmGenerator is the kind of generators that inflate charts.
const helmGenerator = "HelmChartInflationGenerator"

// named is a chart that a kustomization names, with where it does.
type named struct {
	types.HelmGlobals
	types.HelmChart
	file   string
	line   int
	origin resource.Origin // as kustomize would tell it
}

// namedCharts are the charts that a kustomization names itself, then those of its generators, and its other generators.
func (b *build) namedCharts(file string, k *types.Kustomization, content []byte) (charts []named, others []string, err error) {
	namespace := b.inherited(file)
	for _, chart := range k.HelmCharts {
		for _, given := range []string{k.Namespace, namespace} {
			if chart.Namespace == "" {
				chart.Namespace = given
			}
		}
		one := named{HelmChart: chart, file: file, line: lineOf(content, chart.Name), origin: b.configured(file, kyaml.ResourceIdentifier{
			TypeMeta: kyaml.TypeMeta{APIVersion: "builtin", Kind: helmGenerator},
		})}
		if k.HelmGlobals != nil {
			one.HelmGlobals = *k.HelmGlobals
		}
		charts = append(charts, one)
	}
	for _, generator := range k.Generators {
		more, rest, err := b.generatorsOf(file, generator, content)
		if err != nil {
			return nil, nil, err
		}
		charts, others = append(charts, more...), append(others, rest...)
	}
	return charts, others, nil
}

func (b *build) configured(file string, by kyaml.ResourceIdentifier) resource.Origin {
	path, err := filepath.Rel(b.root, file)
	if err != nil {
		path = file
	}
	return resource.Origin{ConfiguredIn: path, ConfiguredBy: by}
}

// generatorsOf reads one entry of `generators`: a folder, a file, or generators in line. Entries without a chart stay as
// they are, and what is wrong with them kustomize says.
func (b *build) generatorsOf(file, entry string, content []byte) (charts []named, others []string, err error) {
	at, text := filepath.Join(filepath.Dir(file), entry), entry
	source, above := file, 0
	switch {
	case b.files.IsDir(at):
		return b.generatorsIn(file, at, entry)
	case b.files.Exists(at):
		read, err := b.files.ReadFile(at)
		if err != nil {
			return nil, []string{entry}, nil
		}
		source, text = at, string(read)
	default:
		above = inlineLine(&kyaml.Node{Kind: kyaml.SequenceNode, Content: nodesOf(content)}, entry)
	}
	nodes, err := parseAll(text)
	if err != nil || !slices.ContainsFunc(nodes, isHelm) {
		return nil, []string{entry}, nil
	}
	for _, node := range nodes {
		if charts, others, err = b.told(charts, others, node, source, above+node.YNode().Line); err != nil {
			return nil, nil, err
		}
	}
	return charts, others, nil
}

// generatorsIn are those that the kustomization of a folder makes: what it changes in them counts.
func (b *build) generatorsIn(file, folder, entry string) (charts []named, others []string, err error) {
	real, err := b.files.Resolve(folder)
	if err != nil || slices.Contains(b.generating, real) {
		return nil, nil, &answer.Error{Message: fmt.Sprintf("the generators in `%s` can't be found out: they lead back to themselves", entry), File: file, Line: 1}
	}
	b.generating = append(b.generating, real)
	defer func() { b.generating = b.generating[:len(b.generating)-1] }()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(b.files, real)
	if err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(made.Resources(), func(one *resource.Resource) bool { return isHelm(&one.RNode) }) {
		return nil, []string{entry}, nil
	}
	for _, one := range made.Resources() {
		source := b.kustomization(real)
		if origin, err := one.GetOrigin(); err == nil && origin != nil && origin.Path != "" {
			source = filepath.Join(real, origin.Path)
		}
		if charts, others, err = b.told(charts, others, &one.RNode, source, 1); err != nil {
			return nil, nil, err
		}
	}
	return charts, others, nil
}

func isHelm(node *kyaml.RNode) bool {
	annotations := node.GetAnnotations()
	isFunction := annotations["config.kubernetes.io/function"] != "" || annotations["config.k8s.io/function"] != ""
	return node.GetApiVersion() == "builtin" && node.GetKind() == helmGenerator && !isFunction
}

// told adds a generator to the charts, or to the others.
func (b *build) told(charts []named, others []string, node *kyaml.RNode, file string, line int) ([]named, []string, error) {
	annotations := node.GetAnnotations()
	delete(annotations, "config.kubernetes.io/origin")
	for _, own := range []string{kioutil.PathAnnotation, kioutil.IndexAnnotation} {
		delete(annotations, own)
	}
	if err := node.SetAnnotations(annotations); err != nil {
		return nil, nil, err
	}
	text, err := node.String()
	if err != nil {
		return nil, nil, err
	}
	if !isHelm(node) {
		return charts, append(others, text), nil
	}
	one := named{file: file, line: line, origin: b.configured(file, kyaml.ResourceIdentifier{
		TypeMeta: kyaml.TypeMeta{APIVersion: node.GetApiVersion(), Kind: node.GetKind()},
		NameMeta: kyaml.NameMeta{Name: node.GetName(), Namespace: node.GetNamespace()},
	})}
	if err := yaml.Unmarshal([]byte(text), &one); err != nil {
		return nil, nil, &answer.Error{Message: "the generator of a chart can't be read: " + strings.Join(strings.Fields(err.Error()), " "), File: file, Line: line}
	}
	return append(charts, one), others, nil
}

// inherit notes which namespaces kustomizations get from those that bring them in, in the order in which kustomize reads
// them: charts that say none are rendered for it.
func (b *build) inherit(folder, namespace string, met []string) {
	real, err := b.files.Resolve(folder)
	if err != nil || slices.Contains(met, real) {
		return
	}
	file := b.kustomization(real)
	k, _, err := b.read(file)
	if err != nil {
		return
	}
	b.namespaces[file] = append(b.namespaces[file], namespace)
	if k.Namespace != "" {
		namespace = k.Namespace
	}
	for _, path := range slices.Concat(k.Resources, k.Generators, k.Components, k.Transformers, k.Validators) {
		if inner := filepath.Join(real, path); b.files.IsDir(inner) {
			b.inherit(inner, namespace, append(met, real))
		}
	}
}

// inherited is the namespace that a kustomization gets this time.
func (b *build) inherited(file string) string {
	waiting := b.namespaces[file]
	if len(waiting) == 0 {
		return ""
	}
	if len(waiting) > 1 {
		b.namespaces[file] = waiting[1:]
	}
	return waiting[0]
}

// sound says whether a chart may be inflated at all, as kustomize does.
func (n named) sound() error {
	switch {
	case n.Name == "":
		return errors.New("a chart has no name")
	case !slices.Contains([]string{"", "merge", "override", "replace"}, n.ValuesMerge):
		return fmt.Errorf("`valuesMerge: %s` is none of `merge`, `override` and `replace`", n.ValuesMerge)
	}
	return nil
}
