package trace

import (
	"context"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/trial"
)

// evaluate traces data.p.r of a module.
func evaluate(t *testing.T, rules, input string, limits Limits) *Tracer {
	t.Helper()
	parsed, err := ast.ParseModule("p.rego", "package p\n"+rules)
	if err != nil {
		t.Fatal(err)
	}
	compiler := ast.NewCompiler().WithEnablePrintStatements(true)
	if compiler.Compile(map[string]*ast.Module{"p.rego": parsed}); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	tracer := New(compiler, nil, limits)
	query := topdown.NewQuery(ast.MustParseBody("data.p.r")).WithCompiler(compiler).WithInput(ast.MustParseTerm(input))
	if _, err := tracer.Watch(query).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return tracer
}

// drawn is a tree in one line: steps by the first letters of kind and outcome, `+` for another solution.
func drawn(nodes []*Node) string {
	parts := make([]string, 0, len(nodes))
	for _, n := range nodes {
		text := map[string]string{KindResult: "=", KindPrint: "print", KindNote: "note", KindMore: "more"}[n.Kind]
		if text == "" {
			text = n.Kind[:1] + n.Outcome[:1]
		}
		if n.Kind == KindElement {
			text = "el" + n.Outcome[:1]
		}
		if n.Again {
			text += "+"
		}
		if len(n.Children) > 0 {
			text += "(" + drawn(n.Children) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func TestBodiesAreTraced(t *testing.T) {
	cases := map[string]struct{ rules, want string }{
		"each expression, until one fails": {`r if { input.a == 1; input.b == 3; input.b == 2 }`, "rf(eh ef)"},
		"all expressions":                  {`r if { input.a == 1; input.b == 2 }`, "rh(eh eh)"},
		"each body of a rule":              {"r if input.a == 2\nr if input.a == 1", "rf(ef) rh(eh)"},
		"each solution":                    {`r contains x if { some x in [1, 2, 3]; x != 2 }`, "rh(eh eh = eh+ ef eh+ eh =)"},
		"a call and its result":            {"r if f(1) == 2\nf(x) := x + 1", "rh(eh(rh(=)))"},
		"a negation, as one step":          {"r if not input.a == 2", "rh(eh)"},
		"a negation of a rule":             {"r if not f\nf if input.a == 2", "rh(eh(rf(ef)))"},
		"elements of an every":             {"r if every x in [1, 2] { x < 3 }", "rh(eh(elh(eh) elh(eh)))"},
		"an every that fails":              {"r if every x in [1, 5, 2] { x < 3 }", "rf(ef(elh(eh) elf(ef)))"},
		"what is printed":                  {`r if { print("x"); input.a == 2 }`, "rf(eh(print) ef)"},
		"what is noted":                    {`r if { trace("x"); input.a == 2 }`, "rf(eh(note) ef)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tracer := evaluate(t, c.rules, `{"a": 1, "b": 2}`, DefaultLimits)
			got := drawn(View{Explain: Full}.Prune(tracer.Root.Children))
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnOutcomeIsThatOfTheEvaluation(t *testing.T) {
	holds := func(a, b int8) bool {
		rules := "r if { input.a < input.b; input.a != 3 }"
		input := ast.ObjectTerm(
			ast.Item(ast.StringTerm("a"), ast.IntNumberTerm(int(a))), ast.Item(ast.StringTerm("b"), ast.IntNumberTerm(int(b))),
		)
		outcome := evaluate(t, rules, input.String(), DefaultLimits).Root.Children[0].Outcome
		return (outcome == Holds) == (a < b && a != 3)
	}
	trial.Law(t, holds)
}

func TestATraceIsBounded(t *testing.T) {
	rules := "r if { some a in numbers.range(1, 50); some b in numbers.range(1, 50); a * b < 0 }"
	limits := Limits{Nodes: 100, Events: 1_000_000, ValueChars: 20}
	tracer := evaluate(t, rules, `{}`, limits)
	if !tracer.Truncated {
		t.Error("the trace does not say that it is cut")
	}
	// The limit is looked at before each event, and one event adds two nodes at most.
	if n := count(tracer.Root.Children); n > limits.Nodes+2 {
		t.Errorf("%d nodes, where the limit is %d", n, limits.Nodes)
	}
	if rule := tracer.Root.Children[0]; rule.Outcome != "" {
		t.Errorf("the rule %s, though nobody knows", rule.Outcome)
	}
}

func count(nodes []*Node) int {
	n := len(nodes)
	for _, node := range nodes {
		n += count(node.Children)
	}
	return n
}

func TestValuesAreCut(t *testing.T) {
	cut := func(text string, limit uint8) bool {
		written := write(ast.String(text), int(limit))
		return len(written) <= int(limit)+len("…")
	}
	trial.Law(t, cut)
}
