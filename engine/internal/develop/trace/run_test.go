package trace

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

const (
	owner = `package owner
import rego.v1
deny contains "no owner" if {
	input.resource.kind == "Pod"
	not input.resource.metadata.labels.owner
	print("looked at", input.resource.metadata.name)
}
warn contains "short" if count(input.resource.metadata.name) < 2
`
	broken = "package broken\nimport rego.v1\ndeny contains \"x\" if to_number(input.resource.metadata.name) > 1\n"
	pods   = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: bb, labels: {owner: me}}\n"
)

// traces runs policies on inputs and gives the answer, where `owner` is asked unless other policies are named.
func traces(t *testing.T, view View, inputs []string, policies ...string) Result {
	t.Helper()
	folder := trial.Folder(t, map[string]string{"owner.rego": owner, "broken.rego": broken, "t.yaml": trial.Template + "---\n" + trial.Constraint})
	set, _, problems := policyset.Load(t.Context(), policyset.Params{Paths: []string{folder}, OPA: true, Gatekeeper: true, StrictErrors: true, Print: true})
	if model.HasErrors(problems) {
		t.Fatal(problems)
	}
	params := Params{View: view}
	for _, text := range inputs {
		params.Inputs = append(params.Inputs, check.Text{File: "in.yaml", Text: text})
	}
	if policies == nil {
		policies = []string{"owner"}
	}
	for _, name := range policies {
		params.Policies = append(params.Policies, rego.Selection{Name: name})
	}
	result, err := Run(t.Context(), set, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// summary is a trace in one line: policy, resource, place, and what was found.
func summary(one *Trace) string {
	text := one.Policy + " of " + rego.Name(one.Resource) + " at " + one.File + ":" + string(rune('0'+one.Line)) + ":"
	for _, finding := range one.Findings {
		text += " " + finding.Message
	}
	return text
}

func summaries(result Result) []string {
	var out []string
	for _, one := range result.Traces {
		out = append(out, summary(one))
	}
	slices.Sort(out)
	return out
}

func TestWhatIsTraced(t *testing.T) {
	whole := `{"resource": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "w", "namespace": "shop"}}}`
	cases := map[string]struct {
		inputs   []string
		view     View
		policies []string
		want     []string
		skipped  int
	}{
		"each resource of a file":              {inputs: []string{pods}, want: []string{"owner of Pod/bb at in.yaml:5:", "owner of Pod/shop/a at in.yaml:1: no owner short"}},
		"one resource alone":                   {inputs: []string{pods}, view: View{Resource: "Pod/bb"}, want: []string{"owner of Pod/bb at in.yaml:5:"}},
		"no resource, where none is called so": {inputs: []string{pods}, view: View{Resource: "Pod/a"}},
		"each policy that is asked": {
			inputs: []string{pods}, view: View{Resource: "Pod/shop/a"}, policies: []string{"owner", "broken"},
			want: []string{"broken of Pod/shop/a at in.yaml:1:", "owner of Pod/shop/a at in.yaml:1: no owner short"},
		},
		"an input document in place of a manifest":    {inputs: []string{whole}, want: []string{"owner of Pod/shop/w at in.yaml:1: no owner short"}},
		"an input document beside manifests":          {inputs: []string{whole, pods}, want: []string{"owner of Pod/bb at in.yaml:5:", "owner of Pod/shop/a at in.yaml:1: no owner short", "owner of Pod/shop/w at in.yaml:1: no owner short"}},
		"a review, whose object is what is named":     {inputs: []string{`{"review": {"object": {"kind": "Job", "metadata": {"name": "j"}}}}`}, want: []string{"owner of Job/j at in.yaml:1:"}},
		"an input document without a resource":        {inputs: []string{`{"resource": {}}`}, want: []string{"owner of / at in.yaml:1:"}},
		"names of other types, as if there were none": {inputs: []string{`{"resource": {"kind": ["Pod"], "metadata": 7}}`}, want: []string{"owner of / at in.yaml:1:"}},
		"nothing that only looks like one":            {inputs: []string{"kind: Pod\nresource: {}\n"}},
		"nothing of a document that is no resource":   {inputs: []string{"replicas: 2\n"}, skipped: 1},
		"a constraint": {inputs: []string{pods}, view: View{Resource: "Pod/bb"}, policies: []string{"K8sNo/none"}, want: []string{"K8sNo/none of Pod/bb at in.yaml:5: no"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := traces(t, c.view, c.inputs, c.policies...)
			if got := summaries(result); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q: %v", got, c.want, result.Problems)
			}
			if len(result.Skipped) != c.skipped {
				t.Errorf("skipped %v", result.Skipped)
			}
		})
	}
}

func TestATraceHoldsRulesPrintsAndItsOwnProblems(t *testing.T) {
	result := traces(t, View{Resource: "Pod/shop/a", Explain: Full}, []string{pods}, "owner", "broken")
	ids := map[string]bool{}
	for _, one := range result.Traces {
		ids[one.ID] = true
		if one.Engine != "opa" || one.Truncated || one.Nanoseconds <= 0 || len(one.Rules) == 0 {
			t.Errorf("%+v", one)
		}
		if own := len(one.Problems) > 0; own != (one.Policy == "broken") {
			t.Errorf("problems of `%s`: %v", one.Policy, one.Problems)
		}
		if said := len(one.Printed) > 0; said != (one.Policy == "owner") || said && !strings.Contains(one.Printed[0].Text, "looked at a") {
			t.Errorf("prints of `%s`: %v", one.Policy, one.Printed)
		}
	}
	if len(ids) != 2 || ids[""] {
		t.Errorf("ids: %v", ids)
	}
	if slices.ContainsFunc(result.Problems, func(p model.Problem) bool { return p.Policy == "broken" }) {
		t.Errorf("what a trace tells is told again: %v", result.Problems)
	}
}

func TestFilesOfInputDocumentsAndManifestsAreToldApart(t *testing.T) {
	folder := trial.Folder(t, map[string]string{
		"w.json": `{"resource": {"kind": "Pod"}}`, "r.json": `{"review": {}}`, "m.yaml": pods, "n.json": `{"resource": null}`, "bad.json": `{`,
	})
	paths := []string{"w.json", "r.json", "m.yaml", "n.json", "bad.json", "none.json", "."}
	for i, name := range paths {
		paths[i] = filepath.Join(folder, name)
	}
	whole, others := wholeInputs(paths)
	if len(whole) != 2 || whole[0].File != paths[0] || whole[1].File != paths[1] || !slices.Equal(others, paths[2:]) {
		t.Errorf("%v %q", whole, others)
	}
}

func TestWhatIsStoppedPointsAtTheRuleThatWasUnderWay(t *testing.T) {
	const endless = "package slow\nimport rego.v1\ndeny contains \"quick\" if input.resource.kind == \"Job\"\ndeny contains \"x\" if never\n" +
		"never if {\n\tsome a in numbers.range(1, 100000)\n\tsome b in numbers.range(1, 100000)\n\ta * b < 0\n}\n"
	set, _, problems := policyset.Load(t.Context(), policyset.Params{Paths: []string{trial.File(t, "slow.rego", endless)}, OPA: true})
	if model.HasErrors(problems) {
		t.Fatal(problems)
	}
	params := Params{View: View{Resource: "Pod/bb"}}
	params.Inputs, params.Policies, params.Timeout = []check.Text{{File: "in.yaml", Text: pods}}, []rego.Selection{{Name: "slow"}}, 50
	result, err := Run(t.Context(), set, params)
	if err != nil || len(result.Traces) != 1 {
		t.Fatal(result, err)
	}
	one := result.Traces[0]
	if !slices.ContainsFunc(one.Problems, func(p model.Problem) bool {
		return Late(p) && p.Line >= 6 && p.Line <= 8 && strings.HasSuffix(p.Message, "was stopped in rule `slow.never`")
	}) {
		t.Errorf("%+v", one.Problems)
	}
}

func TestATraceGoesOnlySoDeep(t *testing.T) {
	var rules strings.Builder
	for i := range 2 * maxDepth {
		fmt.Fprintf(&rules, "f%d(x) if f%d(x)\n", i, i+1)
	}
	tracer := evaluate(t, fmt.Sprintf("r if f0(1)\n%sf%d(x) if x == 1", rules.String(), 2*maxDepth), `{}`, DefaultLimits)
	if !tracer.Truncated {
		t.Error("the trace does not say that it is cut")
	}
	if n := count(tracer.Root.Children); n > maxDepth {
		t.Errorf("%d nodes in a line, where the limit is %d", n, maxDepth)
	}
	for node := tracer.Root; len(node.Children) > 0; {
		if node = node.Children[0]; node.Outcome != "" {
			t.Fatalf("%s %s %s, though it was still under way", node.Kind, node.Name, node.Outcome)
		}
	}
}
