package overlay

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/render/internal/answer"
	"attest.continuu.ms/render/internal/chart"
)

// prepared is a kustomization as kustomize gets it: the root one asks where resources come from, and the charts of each
// are resources that were rendered already, in place of a program that would be started.
func (b *build) prepared(path string, content []byte) (changed []byte, err error) {
	defer func() {
		if b.refused == nil {
			b.refused = err
		}
	}()
	if !slices.Contains(names, filepath.Base(path)) {
		return content, nil
	}
	k, _, err := b.read(path)
	if err != nil {
		return content, nil // kustomize says what is wrong
	}
	charts, generators, err := b.namedCharts(path, k, content)
	if err != nil {
		return nil, err
	}
	inGenerators := len(b.generating) > 0 && filepath.Dir(path) == b.generating[len(b.generating)-1]
	atRoot := filepath.Dir(path) == b.root
	if len(charts) == 0 && !atRoot && !inGenerators {
		return content, nil
	}
	object := map[string]any{}
	if err := kyaml.Unmarshal(content, &object); err != nil {
		return content, nil
	}
	if atRoot {
		b.keeps = slices.Contains(k.BuildMetadata, types.OriginAnnotations)
	}
	if !slices.Contains(k.BuildMetadata, types.OriginAnnotations) {
		object["buildMetadata"] = append(slices.Clone(k.BuildMetadata), types.OriginAnnotations)
	}
	if len(charts) > 0 {
		return b.instead(object, filepath.Dir(path), k.Resources, charts, generators)
	}
	return kyaml.Marshal(object)
}

// instead is a kustomization in which what charts were rendered to is among the resources.
func (b *build) instead(object map[string]any, folder string, resources []string, charts []named, generators []string) ([]byte, error) {
	resources = slices.Clone(resources)
	for _, one := range charts {
		made, err := b.inflate(folder, one)
		if err != nil {
			return nil, err
		}
		resources = append(resources, made)
	}
	for _, key := range []string{"helmCharts", "helmGlobals", "helmChartInflationGenerator", "bases"} {
		delete(object, key)
	}
	object["resources"], object["generators"] = resources, generators
	return kyaml.Marshal(object)
}

// inflate renders a chart that a kustomization names into a file that exists for kustomize alone.
func (b *build) inflate(folder string, wanted named) (string, error) {
	if err := wanted.sound(); err != nil {
		return "", &answer.Error{Message: "the kustomization can't be rendered: " + err.Error(), File: wanted.file, Line: wanted.line}
	}
	home := wanted.ChartHome
	if home == "" {
		home = types.HelmDefaultHome
	}
	if wanted.Version != "" && wanted.Repo != "" {
		home = filepath.Join(home, wanted.Name+"-"+wanted.Version)
	}
	if filepath.IsAbs(home) {
		home, _ = filepath.Rel(folder, home)
	}
	real, err := b.files.Resolve(filepath.Join(folder, home, wanted.Name))
	if err != nil || !b.files.IsDir(real) {
		message := fmt.Sprintf("the chart `%s` is not in the folder `%s`: nothing is downloaded here", wanted.Name, home)
		return "", &answer.Error{Message: message, File: wanted.file, Line: wanted.line, Hint: "pull it first: `helm pull --untar`"}
	}
	options, err := b.optionsOf(folder, real, wanted.HelmChart)
	if err != nil {
		return "", &answer.Error{Message: "values of a chart can't be read: " + err.Error(), File: wanted.file, Line: wanted.line}
	}
	rendered, err := chart.Render(b.files, real, options)
	if err != nil {
		return "", err
	}
	b.out.Read = append(b.out.Read, real)
	name := fmt.Sprintf(".attest-chart-%d.yaml", len(b.charts))
	file := filepath.Join(folder, name)
	b.made[file] = wanted
	return name, b.write(file, rendered, wanted.HelmChart)
}

// write joins what the templates of a chart came to, and remembers where each line comes from.
func (b *build) write(file string, rendered []chart.Rendered, wanted types.HelmChart) error {
	var text strings.Builder
	var places []answer.Place
	for _, one := range rendered {
		if covered, yes := one.Covers(); yes {
			b.out.Templates = append(b.out.Templates, covered)
		}
		for _, document := range chart.Documents(one) {
			if document.IsHook() && (wanted.SkipHooks || wanted.SkipTests && document.IsTest()) {
				continue
			}
			text.WriteString("---\n" + strings.TrimSuffix(document.Text, "\n") + "\n")
			places = append(append(places, answer.Place{}), document.Places...)
		}
	}
	marked, err := fromHelm(text.String())
	b.files.Instead[file], b.charts[file] = marked, places
	b.texts[file] = text.String()
	return err
}

// fromHelm says of each resource that Helm made it: kustomize leaves the namespaces of such to Helm.
func fromHelm(text string) ([]byte, error) {
	nodes, err := parseAll(text)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	for _, node := range nodes {
		if err := node.PipeE(kyaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
		one, err := node.String()
		if err != nil {
			return nil, err
		}
		out.WriteString("---\n" + one)
	}
	return []byte(out.String()), nil
}

// optionsOf are those that kustomize would call Helm with.
func (b *build) optionsOf(folder, home string, wanted types.HelmChart) (chart.Options, error) {
	options := chart.Options{Chart: answer.Chart{
		Release: wanted.ReleaseName, Namespace: wanted.Namespace, KubeVersion: wanted.KubeVersion, APIVersions: wanted.ApiVersions,
	}, WithCRDs: wanted.IncludeCRDs}
	if options.Release == "" {
		options.Release = "release-name"
	}
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	if wanted.NameTemplate != "" {
		name, err := chart.Name(wanted.NameTemplate)
		if err != nil {
			return options, err
		}
		options.Release = name
	}
	values, err := b.valuesOf(folder, home, wanted)
	if err != nil {
		return options, err
	}
	options.Values = append(options.Values, values)
	for _, path := range wanted.AdditionalValuesFiles {
		content, err := b.files.ReadFile(filepath.Join(folder, path))
		if err != nil {
			return options, err
		}
		options.Values = append(options.Values, answer.Values{File: filepath.Join(folder, path), Text: string(content)})
	}
	return options, nil
}

// valuesOf merges the file of values with those that stand in the kustomization.
func (b *build) valuesOf(folder, home string, wanted types.HelmChart) (answer.Values, error) {
	file := filepath.Join(home, "values.yaml")
	if wanted.ValuesFile != "" {
		file = filepath.Join(folder, wanted.ValuesFile)
	}
	inline, err := kyaml.FromMap(wanted.ValuesInline)
	if err != nil {
		return answer.Values{}, err
	}
	if len(wanted.ValuesInline) > 0 && wanted.ValuesMerge == "replace" {
		return valuesFrom(file, inline)
	}
	content, err := b.files.ReadFile(file)
	if err != nil || len(wanted.ValuesInline) == 0 {
		return answer.Values{File: file, Text: string(content)}, err
	}
	given, err := kyaml.Parse(string(content))
	if err != nil {
		return answer.Values{}, err
	}
	above, below := inline, given
	if wanted.ValuesMerge == "merge" {
		above, below = given, inline
	}
	merged, err := merge2.Merge(above, below.Copy(), kyaml.MergeOptions{})
	if err != nil {
		return answer.Values{}, err
	}
	return valuesFrom(file, merged)
}

// valuesFrom writes values as kustomize hands them to Helm, for which keys such as `off` are text in quotes alone.
func valuesFrom(file string, values *kyaml.RNode) (answer.Values, error) {
	object, err := values.Map()
	if err != nil {
		return answer.Values{}, err
	}
	text, err := yaml.Marshal(object)
	return answer.Values{File: file, Text: string(text)}, err
}
