package explore

import (
	"path/filepath"
	"testing"

	"attest.continuu.ms/engine/internal/trial"
)

// rootsOf are policies by where they look for a resource.
var rootsOf = map[string]string{
	"resource": `deny contains "x" if input.resource.kind == "Pod"`,
	"review":   `violation contains {"msg": "x"} if input.review.object.kind == "Pod"`,
	"request":  `deny contains "x" if input.request.object.kind == "Pod"`,
	"":         `deny contains "x" if input.kind == "Pod"`,
	"?":        `deny contains "x" if input.parameters.strict`,
}

func TestAResourceStandsWhereThePolicyLooks(t *testing.T) {
	resource := map[string]any{"apiVersion": "apps/v1", "kind": "Pod"}
	for root, want := range map[string]string{
		"resource": `{"input":{"resource":{"apiVersion":"apps/v1","kind":"Pod"}}}`,
		"review":   `{"input":{"review":{"kind":{"group":"apps","kind":"Pod","version":"v1"},"object":{"apiVersion":"apps/v1","kind":"Pod"},"operation":"CREATE"}}}`,
		"request":  `{"input":{"request":{"kind":{"group":"apps","kind":"Pod","version":"v1"},"object":{"apiVersion":"apps/v1","kind":"Pod"},"operation":"CREATE"}}}`,
		"":         `{"input":{"apiVersion":"apps/v1","kind":"Pod"}}`,
		"?":        `{"input":{}}`,
	} {
		s := open(t, rootsOf[root])
		if s.Words.Root != root {
			t.Errorf("the root is %q, not %q", s.Words.Root, root)
		}
		w := s.Place(resource)
		if w.Key() != want {
			t.Errorf("%q: %s", root, w.Key())
		}
		if found := s.Resource(w); root != "?" && Text(found) != Text(resource) || root == "?" && found != nil {
			t.Errorf("%q: the resource is %v", root, found)
		}
	}
	if core := review(map[string]any{"apiVersion": "v1", "kind": "Pod"})["kind"]; Text(core) != `{"group":"","kind":"Pod","version":"v1"}` {
		t.Errorf("of the core group: %s", Text(core))
	}
}

func TestWorldsOfAnotherPolicy(t *testing.T) {
	plain, gatekeeper, bare := open(t, rootsOf["resource"]), open(t, rootsOf["review"]), open(t, rootsOf[""])
	asking := open(t, `deny contains "x" if data.teams[input.resource.team]`)
	w := world(t, `{"input": {"resource": {"kind": "Pod"}, "namespace": {"a": 1}, "operation": "UPDATE", "parameters": {"p": 1}}, "data.teams": {"a": 1}, "data.other": 2}`)
	for name, c := range map[string]struct {
		to   *Subject
		want string
	}{
		"keep the resource and what surrounds it, not the parameters": {plain, `{"input":{"namespace":{"a":1},"operation":"UPDATE","resource":{"kind":"Pod"}}}`},
		"keep the documents that the policy asks":                     {asking, `{"data.teams":{"a":1},"input":{"namespace":{"a":1},"operation":"UPDATE","resource":{"kind":"Pod"}}}`},
		"have the resource where the other policy looks":              {gatekeeper, `{"input":{"namespace":{"a":1},"operation":"UPDATE","review":{"kind":{"group":"","kind":"Pod","version":""},"object":{"kind":"Pod"},"operation":"CREATE"}}}`},
		"are the resource alone where it is the input":                {bare, `{"input":{"kind":"Pod"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := c.to.Transfer(w, plain); !ok || got.Key() != c.want {
				t.Errorf("%v %s", ok, got.Key())
			}
		})
	}
	if _, ok := plain.Transfer(world(t, `{"input": {}}`), plain); ok {
		t.Error("a world without a resource is another policy's")
	}
	want := `{"data.other":2,"data.teams":{"a":1},"input":{"namespace":{"a":1},"operation":"UPDATE","resource":{"kind":"Job"}}}`
	if got := plain.Replace(w, map[string]any{"kind": "Job"}); got.Key() != want {
		t.Errorf("with another resource: %s", got.Key())
	}
	if want := `{"data.other":2,"data.teams":{"a":1},"input":{"kind":"Job"}}`; bare.Replace(w, map[string]any{"kind": "Job"}).Key() != want {
		t.Errorf("with another resource, which is the input: %s", bare.Replace(w, map[string]any{"kind": "Job"}).Key())
	}
}

func TestIdentitiesOfKinds(t *testing.T) {
	for kind, want := range map[string]string{
		"Deployment": `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"}}`,
		"Namespace":  `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}`,
		"Unheard":    `{}`,
	} {
		if got := Text(Identity(kind)); got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

func TestSeedsAreWhatThePolicySpeaksOf(t *testing.T) {
	s := opened(t, `package attest.p

deny contains "x" if {
	input.resource.kind == "Service"
	some other in data.inventory.namespace[_].v1.ServiceAccount
	data.attest.evidence.images[other]
}
`)
	seeds := s.Seeds([]Example{{Resource: map[string]any{"kind": "Own"}, Parameters: map[string]any{"p": number(1)}, Evidence: map[string]any{"e": number(2)}}})
	if seeds[0].Key() != `{"input":{}}` {
		t.Errorf("the first is %s", seeds[0].Key())
	}
	kinds, stocked := map[any]bool{}, 0
	for _, w := range seeds {
		kind, _ := w.At(Path{"input", "resource", "kind"})
		kinds[kind] = true
		if account, there := w.At(Path{"data.inventory", "namespace", "shop", "v1", "ServiceAccount", "web", "kind"}); there && account == "ServiceAccount" {
			stocked++
		}
	}
	for _, kind := range []string{"Pod", "Deployment", "Service", "Own"} {
		if !kinds[kind] {
			t.Errorf("no seed of the kind %s", kind)
		}
	}
	if stocked == 0 {
		t.Error("no seed has another resource beside it")
	}
	last := seeds[len(seeds)-1]
	if want := `{"data.attest.evidence":{"e":2},"input":{"parameters":{"p":1},"resource":{"kind":"Own"}}}`; last.Key() != want {
		t.Errorf("the example is %s", last.Key())
	}
	settled := s.Settle(map[string]any{"q": number(1)}).Seeds([]Example{{Resource: map[string]any{"kind": "Own"}, Parameters: map[string]any{"p": number(1)}}})
	if parameters, _ := settled[len(settled)-1].At(Path{"input", "parameters"}); Text(parameters) != `{"q":1}` {
		t.Errorf("settled parameters give way to an example's: %s", Text(parameters))
	}
}

func TestExamplesHaveWhatTheyAreJudgedBy(t *testing.T) {
	pod := func(name string) string { return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\n" }
	root := trial.Folder(t, map[string]string{
		"examples/parameters.yaml":              "outer: 1\n",
		"examples/own/parameters.yaml":          "inner: 12345678901234567\n",
		"examples/own/evidence.json":            `{"e": 1}`,
		"examples/own/pass/pod.yaml":            pod("a") + "---\n" + pod("b"),
		"examples/other/pass/pod.yaml":          pod("c"),
		"examples/other/pass/far/away/pod.yaml": pod("d"),
		"empty/values.yaml":                     "replicas: 1\n",
		"broken/pod.yaml":                       "kind: [\n",
	})
	examples, problems := NamedExamples([]string{filepath.Join(root, "examples")})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := map[string]string{}
	for _, e := range examples {
		got[Text(e.Resource.(map[string]any)["metadata"])] = Text(e.Parameters) + Text(e.Evidence)
	}
	for name, want := range map[string]string{
		"a": `{"inner":12345678901234567}{"e":1}`, "b": `{"inner":12345678901234567}{"e":1}`, "c": `{"outer":1}null`, "d": `nullnull`,
	} {
		if got[`{"name":"`+name+`"}`] != want {
			t.Errorf("%s is judged by %s", name, got[`{"name":"`+name+`"}`])
		}
	}
	for folder, code := range map[string]string{"empty": "no_examples", "nowhere": "", "broken": ""} {
		_, problems := NamedExamples([]string{filepath.Join(root, folder)})
		if len(problems) != 1 || code != "" && problems[0].Code != code || code == "" && problems[0].Code == "no_examples" {
			t.Errorf("%s: %+v", folder, problems)
		}
	}
	for policy, want := range map[string]string{"own": "examples/own", "none": "examples"} {
		if found := Beside(filepath.Join(root, "p.rego"), policy); len(found) != 1 || found[0] != filepath.Join(root, want) {
			t.Errorf("beside %s: %q", policy, found)
		}
	}
	if found := Beside(filepath.Join(root, "empty", "p.rego"), "own"); found != nil {
		t.Errorf("beside a policy without examples: %q", found)
	}
}
