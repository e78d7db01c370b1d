package check

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

// sayings are the messages of a check by all policies of a set, in their order.
func sayings(t *testing.T, set *policyset.Set, params Params) (said []string) {
	t.Helper()
	for _, name := range []string{"demo", "Twice/all", "Teams/all"} {
		params.Policies = append(params.Policies, rego.Selection{Name: name})
	}
	all, _ := collect(t, set, params)
	for _, finding := range all.Findings {
		said = append(said, finding.Message)
	}
	for _, problem := range all.Problems {
		said = append(said, problem.Message)
	}
	return said
}

func templateOf(kind, rego, spec string) string {
	return `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: ` + strings.ToLower(kind) + `}
spec:
  crd: {spec: {names: {kind: ` + kind + `}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package t
      ` + rego + `
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: ` + kind + `
metadata: {name: all}
spec: ` + spec + "\n"
}

// What policies look up is what all files hold, whether a plain policy asks for it, for all there is, or a template does.
func TestWhatIsLookedUpIsInTheFilesThatAreJudged(t *testing.T) {
	all := "package demo\nviolation contains {\"msg\": name} if { some kind; data.inventory.namespace[_].v1[kind][name]; kind == input.resource.data.kind }\n"
	template := templateOf("Twice", `violation[{"msg": name}] { data.inventory.namespace[_].v1.Secret[name]; input.review.kind.kind == "ConfigMap" }`, "{}")
	one := strings.Replace(configMap("a", "kind"), `"1"`, "Secret", 1)
	inputs := []Text{{"a", one}, {"b", secret("first")}, {"c", "kind: List\napiVersion: v1\nitems: []\n"}, {"d", secret("second")}}
	for name, set := range map[string]*policyset.Set{
		"by its kind":   loadSet(t, inventoryPolicy+"violation contains {\"msg\": \"never\"} if input.resource.kind == \"None\"\n"),
		"whatever kind": loadSet(t, all),
		"by a template": loadMixed(t, template),
	} {
		t.Run(name, func(t *testing.T) {
			said := sayings(t, set, Params{Inputs: inputs})
			if slices.Sort(said); !slices.Equal(slices.Compact(said), []string{"first", "second"}) {
				t.Errorf("%q", said)
			}
		})
	}
}

// A constraint that selects by the labels of Namespaces finds these in the files, however few policies look up anything.
func TestConstraintsKnowTheNamespacesOfTheFiles(t *testing.T) {
	set := loadMixed(t, templateOf("Teams", `violation[{"msg": msg}] { msg := input.review.object.metadata.name }`, "{match: {namespaceSelector: {matchLabels: {team: web}}}}"))
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, labels: {team: %}}\n"
	for team, want := range map[string][]string{"web": {"s", "x"}, "other": nil} {
		inputs := []Text{{"a", secret("s")}, {"b", strings.Replace(namespace, "%", team, 1)}}
		if said := sayings(t, set, Params{Inputs: inputs}); !slices.Equal(said, want) {
			t.Errorf("%s: %q", team, said)
		}
	}
}

// What is wrong with a file that is judged is told once, though policies look around in it before.
func TestWhatIsWrongWithAFileIsToldOnceThoughItIsReadTwice(t *testing.T) {
	inputs := []Text{{"a", secret("s") + "---\na: b: c\n"}, {"b", "a: b: c\n"}}
	all, result := collect(t, loadSet(t, inventoryPolicy), Params{Inputs: inputs})
	if len(all.Problems) != 2 || all.Problems[0].File != "a" || all.Problems[1].File != "b" || result.Resources != 1 {
		t.Errorf("%+v, %+v", all.Problems, result)
	}
}

const held = `package demo
violation contains {"msg": concat(" ", ["of", object.get(input, ["namespace", "metadata", "labels", "team"], "nobody")])} if input.resource.kind == "ConfigMap"
violation contains {"msg": name} if { input.resource.kind == "ConfigMap"; data.inventory.namespace[_].v1.Secret[name] }
`

// Objects of a cluster are looked up as manifests are, which take their place.
func TestHeldObjectsAreLookedUpWhereNoFileHasThem(t *testing.T) {
	term := func(text string) admission.Object { return admission.Object{Term: ast.MustParseTerm(text), Bytes: 1} }
	state, err := admission.NewHeld(10).Apply([]admission.Object{
		term(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "held"}}}`),
		term(`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "held", "namespace": "x"}}`),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inside := Text{"a", strings.Replace(configMap("a", "k"), "name: a", "name: a\n  namespace: x", 1)}
	namespace := Text{"b", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, labels: {team: file}}\n"}
	set := loadSet(t, held)
	for name, test := range map[string]struct {
		state  *admission.Snapshot
		inputs []Text
		want   []string
	}{
		"nothing else":       {nil, []Text{inside}, []string{"of nobody"}},
		"held objects":       {state, []Text{inside}, []string{"held", "of held"}},
		"files":              {nil, []Text{inside, namespace, {"c", secret("file")}}, []string{"file", "of file"}},
		"both":               {state, []Text{inside, namespace, {"c", secret("file")}}, []string{"file", "held", "of file"}},
		"another Namespace":  {state, []Text{inside, {"b", strings.Replace(namespace.Text, "name: x", "name: z", 1)}}, []string{"held", "of held"}},
		"held ones for none": {state, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			said := sayings(t, set, Params{Inputs: test.inputs, State: test.state})
			if slices.Sort(said); !slices.Equal(said, test.want) {
				t.Errorf("%q", said)
			}
		})
	}
}

const (
	fits    = "package demo\nviolation contains {\"msg\": e.message, \"path\": e.path, \"fix\": e.fix} if some e in input.schema_errors\n"
	widgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {sizes: {type: array, items: {type: integer}}}}}
`
	widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {sizes: [1, big]}\n"
)

// Resources are held to the definitions of their types, which stand in any of the files.
func TestResourcesAreHeldToTheirDefinitions(t *testing.T) {
	for name, policy := range map[string]string{"a policy asks": fits, "no policy asks": unnamed} {
		all, _ := collect(t, loadSet(t, policy), Params{Inputs: []Text{{"a", widget}, {"b", "# nothing\n"}, {"c", widgets}}})
		if policy == unnamed {
			if len(all.Findings)+len(all.Problems) > 0 {
				t.Errorf("%s: %+v", name, all)
			}
			continue
		}
		if len(all.Findings) != 1 || len(all.Problems) > 0 || all.Findings[0].Location.Path != "/spec/sizes/1" || all.Findings[0].Location.Line != 4 {
			t.Fatalf("%s: %+v %+v", name, all.Findings, all.Problems)
		}
		if said := all.Findings[0]; !strings.Contains(said.Message, "spec.sizes[1]") || said.Fix == "" {
			t.Errorf("%s: %+v", name, said)
		}
	}
}

// A patch need not have what its type requires: what it is a patch of has it.
func TestAPatchIsHeldToWhatItSays(t *testing.T) {
	part := "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {sizes: [big]}\n"
	root := trial.Folder(t, map[string]string{
		"kustomization.yaml": "resources: [crd.yaml, web.yaml]\npatches: [{path: patch.yaml}]\n",
		"crd.yaml":           strings.Replace(widgets, "type: object, properties: {sizes", "type: object, required: [color], properties: {color: {type: string}, sizes", 1),
		"web.yaml":           part,
		"patch.yaml":         part,
	})
	for fragments, want := range map[bool]string{true: "patch.yaml: 0, web.yaml: 2", false: "patch.yaml: 2, web.yaml: 2"} {
		all, _ := collect(t, loadSet(t, fits), Params{Paths: []string{root}, Fragments: fragments})
		found := map[string]int{}
		for _, finding := range all.Findings {
			found[filepath.Base(finding.Location.File)]++
		}
		if got := fmt.Sprintf("patch.yaml: %d, web.yaml: %d", found["patch.yaml"], found["web.yaml"]); got != want {
			t.Errorf("fragments %v: %s, %+v", fragments, got, all.Findings)
		}
	}
}

// Policies may go by the version of Kubernetes as well, so one that is none is an error whatever they ask.
func TestAVersionOfKubernetesThatIsNoneEndsTheRun(t *testing.T) {
	for version, wrong := range map[string]bool{"1.30": false, "": false, "newest": true} {
		for _, policy := range []string{fits, unnamed} {
			set := loadWith(t, compiled.Compiled, `{"attest": {"kubernetes_version": "`+version+`"}}`, policy)
			_, err := Run(context.Background(), set, Params{Inputs: repeated(1, configMap("a", "x"))}, func(Batch) error { return nil })
			if got := err != nil; got != wrong || wrong && !strings.Contains(err.Error(), "`policy.kubernetes_version`") {
				t.Errorf("%q: %v", version, err)
			}
		}
	}
}
