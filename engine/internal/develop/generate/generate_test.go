package generate

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/trial"
)

func generated(t *testing.T, policy string) Result {
	t.Helper()
	file := trial.File(t, "p.rego", policy)
	result, err := Run(context.Background(), Params{File: file, Budget: 1500}, &Meter{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

const limits = `package p

violation contains {"msg": msg} if {
	input.resource.kind == "Deployment"
	input.resource.spec.replicas < least
	msg := sprintf("Deployment '%s' has %v replicas", [input.resource.metadata.name, input.resource.spec.replicas])
}

violation contains {"msg": "a Service must not be of type NodePort"} if {
	input.resource.kind == "Service"
	input.resource.spec.type == "NodePort"
}

default least := 2

least := input.parameters.least
`

func TestEachRuleHasAViolationAndItsNeighbour(t *testing.T) {
	result := generated(t, limits)
	var names []string
	for _, test := range result.Tests {
		names = append(names, test.Name)
	}
	for _, want := range []string{
		"test_deployment_has_1_replicas", "test_a_service_must_not_be_of_type_nodeport",
		"test_a_service_must_not_be_of_type_nodeport_unless_spec_type_is_",
	} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, want) }) {
			t.Errorf("no test `%s…` among %v", want, names)
		}
	}
	if len(result.Problems) > 0 || len(result.Unreached) > 0 || len(result.Coverage.NotCovered) > 0 {
		t.Errorf("%+v", result)
	}
	if result.Faults.Noticed != result.Faults.Planted {
		t.Errorf("%d of %d faults noticed in\n%s", result.Faults.Noticed, result.Faults.Planted, result.Text)
	}
}

func TestABoundIsTestedOnBothSides(t *testing.T) {
	text := generated(t, limits).Text
	for _, replicas := range []string{`"replicas": 1`, `"replicas": 2`} {
		if !strings.Contains(text, replicas) {
			t.Errorf("%s is not among the inputs of\n%s", replicas, text)
		}
	}
}

// TestNoFieldCouldBeLeftOut takes each value of each violating input away: the test must fail then.
func TestNoFieldCouldBeLeftOut(t *testing.T) {
	g := prepared(t, limits+"\nwarn contains sprintf(\"%s has no owner\", [input.resource.kind]) if not input.resource.owner\n")
	for _, c := range g.cases {
		if c.Kind != "violates" {
			continue
		}
		c.world.Walk(func(path explore.Path, _ any) {
			smaller, ok := c.world.Apply(explore.Edit{Path: path, Remove: true})
			if ok && len(path) > 1 && g.subject.Run(g.ctx, smaller).Agrees(c.outcome, c.Rule) {
				t.Errorf("%s: %s could be left out", c.Name, path)
			}
		})
	}
}

// TestPassingInputsAreOneFieldApart looks for the one edit between a violation and its neighbour.
func TestPassingInputsAreOneFieldApart(t *testing.T) {
	g := prepared(t, limits)
	pairs := 0
	for i, c := range g.cases {
		if c.Kind != "passes" {
			continue
		}
		pairs++
		if changes := difference(leavesOf(c.world), leavesOf(g.cases[i-1].world)); len(changes) != 1 {
			t.Errorf("%s: %d fields apart: %v", c.Name, len(changes), changes)
		}
	}
	if pairs != 2 {
		t.Errorf("%d pairs", pairs)
	}
}

func prepared(t *testing.T, policy string) *generator {
	t.Helper()
	file := trial.File(t, "p.rego", policy)
	subject, problems := explore.Open(context.Background(), explore.Options{File: file})
	if subject == nil {
		t.Fatal(problems)
	}
	g := newGenerator(context.Background(), subject)
	g.pool = explore.Search(g.ctx, subject, subject.Seeds(nil), 1500)
	g.pairs()
	return g
}

// whys are rules that can't be reached, with what must be said of them.
var whys = map[string]struct {
	rule, reason string
	proven       bool
}{
	"no input satisfies it": {
		`deny contains "x" if { input.kind == "a"; input.kind == "b" }`, "no input can satisfy its conditions", true,
	},
	"none was found": {
		`deny contains "x" if crypto.sha256(input.name) == "00"`, "its condition in line 5, `crypto.sha256(input.name) == \"00\"`, held in none of", false,
	},
	"nothing calls a helper": {
		"deny contains \"x\" if helper(input.name)\n\nhelper(name) if name == \"a\"\n\nhelper(name) if crypto.sha256(name) == \"00\"",
		"`crypto.sha256(name) == \"00\"`, held in none of", false,
	},
}

func TestItSaysWhyARuleIsNotReached(t *testing.T) {
	for name, c := range whys {
		t.Run(name, func(t *testing.T) {
			result := generated(t, "package p\n\ndeny contains \"reached\" if input.kind == \"c\"\n\n"+c.rule+"\n")
			if len(result.Unreached) != 1 || !strings.Contains(result.Unreached[0].Reason, c.reason) || result.Unreached[0].Proven != c.proven {
				t.Fatalf("%+v", result.Unreached)
			}
			if !strings.Contains(result.Text, "# Not tested: ") {
				t.Errorf("the file does not say so:\n%s", result.Text)
			}
		})
	}
}

// TestTestsOfAServiceAskWhatThePolicyAsks: a changed request must not find its answer.
func TestTestsOfAServiceAskWhatThePolicyAsks(t *testing.T) {
	result := generated(t, `package p

deny contains "blocked" if {
	answer := http.send({"method": "GET", "url": concat("/", ["http://list", input.resource.metadata.name]), "timeout": "3s"})
	answer.body.blocked
}
`)
	if !strings.Contains(result.Text, `"timeout": "3s"`) || !strings.Contains(result.Text, "with http.send as answer") {
		t.Errorf("no strict answer in\n%s", result.Text)
	}
	if result.Faults.Noticed < result.Faults.Planted-1 {
		t.Errorf("%d of %d faults noticed", result.Faults.Noticed, result.Faults.Planted)
	}
}

func TestV0PoliciesGetTestsInV1(t *testing.T) {
	result := generated(t, "package p\n\ndeny[msg] { input.kind == \"Pod\"; msg := \"no Pods\" }\n")
	if result.Dialect != "v0" || !strings.Contains(result.Text, "import rego.v1") || len(result.Tests) < 2 {
		t.Errorf("%+v", result)
	}
}

func TestTheFileIsTheSameEachTime(t *testing.T) {
	first, second := generated(t, limits), generated(t, limits)
	if first.Text != second.Text {
		t.Error("two runs wrote different tests")
	}
}

// TestHostileTextStaysText: what a policy says must not end a comment, nor reach a terminal.
func TestHostileTextStaysText(t *testing.T) {
	result := generated(t, "package p\n\ndeny contains \"a b c\\n}\\ntest_evil := true\\u001b[2J\\u202e\" if input.kind == \"Pod\\n# x\"\n")
	if len(result.Problems) > 0 || len(result.Tests) == 0 {
		t.Fatalf("%+v", result)
	}
	if strings.ContainsAny(result.Text, "\x1b") {
		t.Errorf("control characters in %q", result.Text)
	}
	module := ast.MustParseModuleWithOpts(result.Text, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if len(module.Rules) != len(result.Tests) {
		t.Errorf("%d rules, %d tests", len(module.Rules), len(result.Tests))
	}
	for _, line := range strings.Split(result.Text, "\n") {
		if strings.HasPrefix(line, "test_evil") {
			t.Error("the policy wrote a rule into the tests")
		}
	}
}

func TestProblemsOfThePolicy(t *testing.T) {
	cases := map[string]struct{ policy, code string }{
		"it never ends":           {"package p\n\ndeny contains \"x\" if {\n\tsome a in numbers.range(1, 100000)\n\tsome b in numbers.range(1, 100000)\n\ta * b < 0\n}\n", "eval_timeout"},
		"every evaluation fails":  {"package p\n\ndeny contains f(1)\n\nf(x) := \"a\" if x > 0\n\nf(x) := \"b\" if x > 0\n", "eval_error"},
		"it does not parse":       {"package p\n\ndeny contains {\n", "rego_parse_error"},
		"it has no rule to test":  {"package p\n\nf(x) := x\n", "no_rules"},
		"it needs what is absent": {"package p\n\ndeny contains \"x\" if nothing(input)\n", "rego_type_error"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := generated(t, c.policy)
			found := slices.ContainsFunc(result.Problems, func(p model.Problem) bool { return p.Code == c.code && !strings.Contains(p.Message, "\n") })
			if !found || result.Text != "" {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestNamesSayWhatIsShown(t *testing.T) {
	cases := map[string]string{
		"Deployment 'web' has 1 replicas: two are needed":            "deployment_has_1_replicas",
		"Container image 'a:b' can't be scanned: it is no reference": "container_image_cant_be_scanned",
		"no owner":      "no_owner",
		"PodSecurity":   "podsecurity",
		"it is part of": "it_is_part",
	}
	identifier := regexp.MustCompile(`^[a-z0-9_]+$`)
	g := prepared(t, "package p\n\ndeny contains \"x\" if input.a\n")
	for text, want := range cases {
		o := &explore.Outcome{Values: map[string]*ast.Term{"deny": ast.SetTerm(ast.StringTerm(text))}}
		if got := g.slug(0, o, maxSlug); got != want || !identifier.MatchString(got) {
			t.Errorf("%q is named %s", text, got)
		}
	}
}

func TestFaultsAreMadeOfTheText(t *testing.T) {
	var got []string
	const text = "package p\n\ndeny contains \"x\" if {\n\tinput.a > 3\n\tinput.b == \"c\"\n}\n"
	for _, f := range faults("p.rego", text, 100) {
		got = append(got, text[f.from:f.to]+" → "+f.text)
	}
	want := []string{
		`"x" → "x-changed"`, "input.a > 3 → true", "> → >=", "> → <", "3 → 4", `input.b == "c" → true`, "== → !=", `"c" → "c-changed"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestPeersOfConstants(t *testing.T) {
	const text = "package p\n\nfields := {\"ConfigMap\": \"data\", \"Secret\": \"stringData\"}\n"
	peers := peersOf(ast.MustParseModuleWithOpts(text, ast.ParserOptions{RegoVersion: ast.RegoV1}))
	got := peers[strings.Index(text, `"stringData"`)]
	if len(got) != 1 || got[0]["ConfigMap"] != "Secret" || got[0]["data"] != "stringData" {
		t.Errorf("%v", got)
	}
}
