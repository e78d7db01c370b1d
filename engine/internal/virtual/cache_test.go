package virtual

import (
	"context"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const module = `package t
double(x) := 2 * x
sees(x) if x == input.resource
asked(x) if x == object.get(input, "parameters", {}).name
whole(x) if x == object.get(input, "resource", {})
listed contains x if some x in input.parameters.list
kinds contains input.resource.kind
looked(x) := data.inventory[x]
indirect(x) if sees(x)
everything(x) := [x, input]
chained(x) := 1 if { x == 1 } else := 2 if { input.resource }
`

func compiled(t *testing.T, text string) *ast.Compiler {
	t.Helper()
	compiler, err := ast.CompileModules(map[string]string{"t.rego": text})
	if err != nil {
		t.Fatal(err)
	}
	return compiler
}

// parametersOnly chooses rules that see nothing of the input but its parameters.
func parametersOnly(compiler *ast.Compiler) *Rules {
	return Choose(compiler, func(rule *ast.Rule) bool {
		return !MentionsOthers(rule, ast.InputRootDocument, "parameters") && !Mentions(rule, ast.DefaultRootDocument, "inventory")
	})
}

func TestWhichRulesSeeOnlyParameters(t *testing.T) {
	rules := parametersOnly(compiled(t, module))
	for name, chosen := range map[string]bool{
		"double": true, "asked": true, "listed": true, "sees": false, "whole": false, "kinds": false, "looked": false,
		"indirect": false, "everything": false, "chained": false, "unknown": false,
	} {
		if ref := ast.MustParseRef("data.t." + name); rules.holds(ref) != chosen {
			t.Errorf("%s: chosen is %v", name, !chosen)
		}
	}
	if rules.holds(ast.MustParseRef("data.t")) {
		t.Error("a package is chosen as a whole")
	}
}

func TestNoRuleChosenKeepsNothing(t *testing.T) {
	rules := Choose(compiled(t, module), func(*ast.Rule) bool { return false })
	if rules != nil || NewKept(rules) != nil {
		t.Error("there is something to keep")
	}
	if (*Kept)(nil).Cache() == nil {
		t.Error("an evaluation without anything kept has no cache")
	}
}

// ask evaluates a query with what is kept and returns the value of x.
func ask(t *testing.T, compiler *ast.Compiler, kept *Kept, query, input string) string {
	t.Helper()
	q := topdown.NewQuery(ast.MustParseBody(query)).WithCompiler(compiler).WithInput(ast.MustParseTerm(input)).WithVirtualCache(kept.Cache())
	results, err := q.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) == 0 {
		return "nothing"
	}
	return results[0]["x"].String()
}

func TestValuesAreKeptWhereTheyMayBe(t *testing.T) {
	first, second := `{"resource": {"kind": "Pod"}, "parameters": {"list": [1]}}`, `{"resource": {"kind": "Job"}, "parameters": {"list": [2]}}`
	for name, c := range map[string]struct{ query, first, second string }{
		"a function of its arguments":    {"data.t.double(3, x)", "6", "6"},
		"a rule of the parameters":       {"x = data.t.listed", "{1}", "{1}"}, // kept although the parameters differ: they never do
		"a rule of the resource":         {"x = data.t.kinds", `{"Pod"}`, `{"Job"}`},
		"a function of the resource":     {`data.t.sees({"kind": "Pod"}); x = 1`, "1", "nothing"},
		"a rule below `with`":            {`x = data.t.listed with input as {"parameters": {"list": [7]}}`, "{7}", "{7}"},
		"a rule of the resource, called": {`data.t.everything(1, [1, {"resource": r, "parameters": _}]); x = r.kind`, `"Pod"`, `"Job"`},
	} {
		t.Run(name, func(t *testing.T) {
			compiler := compiled(t, module)
			kept := NewKept(parametersOnly(compiler))
			if got := ask(t, compiler, kept, c.query, first); got != c.first {
				t.Errorf("first: %s", got)
			}
			if got := ask(t, compiler, kept, c.query, second); got != c.second {
				t.Errorf("second: %s", got)
			}
		})
	}
}

func TestWhatIsKeptBelowWithStaysThere(t *testing.T) {
	compiler := compiled(t, module)
	kept := NewKept(parametersOnly(compiler))
	ask(t, compiler, kept, `x = data.t.listed with input as {"parameters": {"list": [7]}}`, `{}`)
	if got := ask(t, compiler, kept, "x = data.t.listed", `{"parameters": {"list": [1]}}`); got != "{1}" {
		t.Errorf("got %s", got)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	compiler := compiled(t, module)
	kept := NewKept(parametersOnly(compiler))
	for range 3 {
		ask(t, compiler, kept, `x = [y | n = numbers.range(1, 400)[_]; data.t.double(n, y)]`, `{}`)
		if kept.entries > most+400 {
			t.Fatalf("%d values are kept", kept.entries)
		}
	}
}

func TestWhatIsTooHeavyIsForgottenWithTheEvaluation(t *testing.T) {
	compiler := compiled(t, "package t\nlong(x) := sprintf(\"%0*d\", [x, 1])\ntwice(x) := count(x)")
	kept := NewKept(parametersOnly(compiler))
	for range 2 {
		if got := ask(t, compiler, kept, `data.t.long(20000, y); data.t.long(20000, y); data.t.twice(y, x)`, "{}"); got != "20000" {
			t.Fatalf("got %s", got)
		}
	}
	if kept.entries != 0 || kept.weight != 0 {
		t.Errorf("%d values of %d bytes are kept", kept.entries, kept.weight)
	}
	for n := range 400 {
		ask(t, compiler, kept, fmt.Sprintf("data.t.long(%d, x)", 4000+n), "{}")
		if kept.weight > mostWeight+heaviest {
			t.Fatalf("%d bytes are kept", kept.weight)
		}
	}
}
