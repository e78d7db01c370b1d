package explore

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

const podSpec = `{"containers":[{"name":"web","image":"registry.company.com/shop/web:1.2.3"}]}`

// skeletons are the smallest sensible resources of the kinds that policies speak of.
var skeletons = map[string]string{
	"Pod":                     `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":` + podSpec + `}`,
	"Deployment":              workload("apps/v1", "Deployment"),
	"StatefulSet":             workload("apps/v1", "StatefulSet"),
	"DaemonSet":               workload("apps/v1", "DaemonSet"),
	"ReplicaSet":              workload("apps/v1", "ReplicaSet"),
	"Job":                     workload("batch/v1", "Job"),
	"CronJob":                 `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"web"},"spec":{"jobTemplate":{"spec":{"template":{"spec":` + podSpec + `}}}}}`,
	"Service":                 `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web"},"spec":{"type":"ClusterIP","ports":[{"port":80}]}}`,
	"Ingress":                 `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"web"},"spec":{"rules":[{"host":"web.company.com"}]}}`,
	"NetworkPolicy":           `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"web"},"spec":{"podSelector":{}}}`,
	"Namespace":               `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
	"ConfigMap":               `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"web"},"data":{"key":"value"}}`,
	"Secret":                  `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"web"},"type":"Opaque"}`,
	"ServiceAccount":          `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"web"}}`,
	"PersistentVolume":        `{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"web"},"spec":{}}`,
	"PersistentVolumeClaim":   `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"web"},"spec":{}}`,
	"StorageClass":            `{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"fast"},"provisioner":"csi.company.com"}`,
	"Role":                    rbac("Role", `"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]`),
	"ClusterRole":             rbac("ClusterRole", `"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]`),
	"RoleBinding":             rbac("RoleBinding", binding("Role")),
	"ClusterRoleBinding":      rbac("ClusterRoleBinding", binding("ClusterRole")),
	"PodDisruptionBudget":     `{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"web"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"web"}}}}`,
	"HorizontalPodAutoscaler": `{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"web"},"spec":{"maxReplicas":2}}`,
}

func workload(version, kind string) string {
	return `{"apiVersion":"` + version + `","kind":"` + kind + `","metadata":{"name":"web"},"spec":{"replicas":1,"template":{"spec":` + podSpec + `}}}`
}

func rbac(kind, rest string) string {
	return `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"` + kind + `","metadata":{"name":"web"},` + rest + `}`
}

func binding(kind string) string {
	return `"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"` + kind + `","name":"view"},"subjects":[{"kind":"ServiceAccount","name":"web"}]`
}

// Identity is what every manifest of a kind says of itself: its API version, the kind and a name.
func Identity(kind string) map[string]any {
	out := map[string]any{}
	skeleton, _ := decode(skeletons[kind]) // a table of ours
	if object, ok := skeleton.(map[string]any); ok {
		for _, key := range []string{"apiVersion", "kind", "metadata"} {
			out[key] = object[key]
		}
	}
	return out
}

// Whole is a resource with what every manifest says, so that it can be tried.
func Whole(resource any) any {
	object, _ := resource.(map[string]any)
	kind, _ := object["kind"].(string)
	return Merge(Identity(cmp.Or(kind, "Pod")), resource)
}

// Likely is a value that a person would give a field of this name.
func Likely(key string) string {
	switch key {
	case "name":
		return "web"
	case "image":
		return "registry.company.com/shop/web:1.2.3"
	case "kind":
		return "Pod"
	case "namespace":
		return "shop"
	case "operation":
		return "CREATE"
	}
	return "example"
}

// Place puts a resource where the policy looks for it.
func (s *Subject) Place(resource any) World {
	w := s.Empty()
	input := maps.Clone(w["input"].(map[string]any))
	w["input"] = input
	switch s.Words.Root {
	case "resource":
		input["resource"] = resource
	case "review", "request":
		input[s.Words.Root] = review(resource)
	case "":
		if object, ok := resource.(map[string]any); ok {
			maps.Copy(input, object)
		}
	}
	return w
}

// Resource is what a world has where the policy looks for a resource; nil for nothing.
func (s *Subject) Resource(w World) any {
	path := Path{"input"}
	switch s.Words.Root {
	case "resource":
		path = Path{"input", "resource"}
	case "review", "request":
		path = Path{"input", s.Words.Root, "object"}
	case "?":
		return nil
	}
	resource, _ := w.At(path)
	return resource
}

// surroundings are the members of an input beside the resource that mean the same to every policy.
var surroundings = []string{"namespace", "operation", "user"}

// Transfer is a world of another subject as this one sees it: the same resource in the same
// surroundings. It fails where the world has no resource.
func (s *Subject) Transfer(w World, from *Subject) (World, bool) {
	resource := from.Resource(w)
	if resource == nil {
		return nil, false
	}
	out := s.Place(resource)
	theirs, _ := w["input"].(map[string]any)
	for _, key := range surroundings {
		if value, ok := theirs[key]; ok && s.Words.Root != "" {
			out["input"].(map[string]any)[key] = value
		}
	}
	for _, mock := range s.Mocks {
		if value, ok := w[mock.Name]; ok {
			out[mock.Name] = value
		}
	}
	return out, true
}

// Replace is a world with another resource in it.
func (s *Subject) Replace(w World, resource any) World {
	out := s.Place(resource)
	theirs, _ := w["input"].(map[string]any)
	for _, key := range surroundings {
		if value, ok := theirs[key]; ok && s.Words.Root != "" {
			out["input"].(map[string]any)[key] = value
		}
	}
	for name, value := range w {
		if name != "input" {
			out[name] = value
		}
	}
	return out
}

func review(resource any) map[string]any {
	object, _ := resource.(map[string]any)
	version, _ := object["apiVersion"].(string)
	group, version, found := strings.Cut(version, "/")
	if !found {
		group, version = "", group
	}
	return map[string]any{
		"object": resource, "operation": "CREATE",
		"kind": map[string]any{"group": group, "version": version, "kind": object["kind"]},
	}
}

// Seeds are the worlds that a search starts from, the smallest first: nothing, the kinds that the
// policy names, and the example resources.
func (s *Subject) Seeds(examples []Example) []World {
	out := []World{s.Empty()}
	for _, kind := range s.kinds() {
		resource, _ := decode(skeletons[kind]) // a table of ours
		out = append(out, s.Place(resource))
	}
	slices.SortStableFunc(out, func(a, b World) int { return len(a.Key()) - len(b.Key()) })
	out = append(out, s.stocked(out)...)
	for _, example := range examples {
		w := s.Place(example.Resource)
		if len(example.Parameters) > 0 && s.Fixed == nil {
			w["input"].(map[string]any)["parameters"] = example.Parameters
		}
		for _, mock := range s.Mocks {
			if mock.Name == "data.attest.evidence" && example.Evidence != nil {
				w[mock.Name] = example.Evidence
			}
		}
		out = append(out, w)
	}
	return out
}

// stocked are worlds with other resources beside the one that is judged, for policies that look at them
// in Gatekeeper's `data.inventory`.
func (s *Subject) stocked(worlds []World) []World {
	if !slices.ContainsFunc(s.Mocks, func(m Mock) bool { return m.Name == inventory }) {
		return nil
	}
	byVersion := stockOf(s.Words.fields)
	if len(byVersion) == 0 {
		byVersion = stockOf(append(s.Words.Fields, s.Words.Strings...))
	}
	var out []World
	for _, namespace := range []string{"shop", "production"} {
		for _, w := range worlds {
			edit := Edit{Path: Path{inventory}, Value: map[string]any{"namespace": map[string]any{namespace: byVersion}}}
			if stocked, ok := w.Apply(edit); ok {
				out = append(out, stocked)
			}
		}
	}
	return out
}

const inventory = "data.inventory"

// stockOf has a resource of each kind among some words, as an inventory does: by version, kind and name.
func stockOf(words []string) map[string]any {
	out := map[string]any{}
	for _, word := range words {
		resource, _ := decode(skeletons[word])
		if object, ok := resource.(map[string]any); ok {
			version, _ := object["apiVersion"].(string)
			kinds, _ := out[version].(map[string]any)
			out[version] = Merge(map[string]any{word: map[string]any{"web": resource}}, kinds)
		}
	}
	return out
}

// kinds are those that the policy names and, for want of any, the ones that most resources have.
func (s *Subject) kinds() []string {
	out := append([]string{"Pod", "Deployment"}, s.Words.Kinds...)
	slices.Sort(out)
	return slices.Compact(out)
}

// Example is a resource that lies beside a policy, with what it is judged by.
type Example struct {
	File       string
	Resource   any
	Parameters map[string]any
	Evidence   any
}

// maxExamples and maxExampleBytes bound what is worth mutating.
const (
	maxExamples     = 60
	maxExampleBytes = 16 << 10
)

// ReadExamples reads the resources below some paths. A file `parameters.yaml` or `evidence.json`
// in a folder above a resource belongs to it.
func ReadExamples(paths []string) ([]Example, []model.Problem) {
	sources, _, problems := load.Walk(paths)
	var out []Example
	for _, source := range sources {
		base := filepath.Base(source.Path)
		if base == "parameters.yaml" || base == "evidence.json" {
			continue
		}
		file := load.Read(source, load.DefaultLimits)
		problems = append(problems, file.Problems...)
		for _, document := range file.Documents {
			raw, err := ast.JSON(document.Term.Value)
			if err != nil {
				continue
			}
			resource, err := Native(raw)
			if err != nil || len(Text(resource)) > maxExampleBytes {
				continue
			}
			example := Example{File: source.Path, Resource: resource}
			example.surroundings()
			out = append(out, example)
		}
	}
	return out[:min(len(out), maxExamples)], problems
}

// NamedExamples reads the resources below paths that a person named: each must hold some.
func NamedExamples(paths []string) (all []Example, problems []model.Problem) {
	for _, path := range paths {
		examples, more := ReadExamples([]string{path})
		if len(examples) == 0 && !model.HasErrors(more) {
			more = append(more, model.Problem{
				Severity: model.Error, Code: "no_examples", File: path, Message: "there is no Kubernetes resource in it",
				Hint: "name a file or a folder with manifests",
			})
		}
		all, problems = append(all, examples...), append(problems, more...)
	}
	return all, problems
}

func (e *Example) surroundings() {
	folder := filepath.Dir(e.File)
	for range 3 {
		if parameters, ok := readYAML(filepath.Join(folder, "parameters.yaml")).(map[string]any); ok && e.Parameters == nil {
			e.Parameters = parameters
		}
		if evidence := readYAML(filepath.Join(folder, "evidence.json")); evidence != nil && e.Evidence == nil {
			e.Evidence = evidence
		}
		folder = filepath.Dir(folder)
	}
}

func readYAML(path string) any {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	text, err := yaml.YAMLToJSON(raw)
	if err != nil {
		return nil
	}
	value, err := decode(string(text))
	if err != nil {
		return nil
	}
	return value
}

// Beside are the folders of examples that belong to a policy file: `examples/<policy>` beside it, else
// `examples`.
func Beside(file, policy string) []string {
	folder := filepath.Join(filepath.Dir(file), "examples")
	for _, path := range []string{filepath.Join(folder, policy), folder} {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return []string{path}
		}
	}
	return nil
}

func keysOf(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
