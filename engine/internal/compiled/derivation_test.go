package compiled

import (
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestDerivationsHaveTheValuesOfTheirOwnSolution(t *testing.T) {
	r, asked := runnerOf(t, `x contains m if { some i, v in input.list; not v.skip; n := v.name; m := concat("-", [n, "found"]) }
x contains "one" if { y := 1; y == input.one }
other contains v if some v in input.list`)
	r.Watch(ast.MustParseRef("data.t.x"))
	var derived []Derivation
	input := ast.MustParseTerm(`{"one": 1, "list": [{"name": "a"}, {"name": "b", "skip": true}, {"name": "c"}, {"name": "a"}]}`)
	if _, answered := r.Run(t.Context(), asked, input, Environment{Derived: &derived}); !answered {
		t.Fatal("no answer")
	}
	said := ""
	for _, d := range derived {
		for v := range d.vars {
			if name := r.program.compiler.RewrittenVars[v]; name == "n" || name == "y" {
				said += fmt.Sprint(d.Element, " of ", d.Value(v), "; ")
			}
		}
	}
	if want := `"a-found" of "a"; "c-found" of "c"; "a-found" of "a"; "one" of 1; `; said != want {
		t.Errorf("got %s", said)
	}
	if (&Derivation{}).Value("unknown") != nil {
		t.Error("a variable that is not there has a value")
	}
}

func TestManyDerivationsAreNotTold(t *testing.T) {
	r, asked := runnerOf(t, "x contains i if some i in numbers.range(1, input.n)")
	r.Watch(ast.MustParseRef("data.t.x"))
	for n, want := range map[int]int{10: 10, mostDerived: mostDerived, mostDerived + 1: 0, 3 * mostDerived: 0} {
		var derived []Derivation
		if _, answered := r.Run(t.Context(), asked, ast.ObjectTerm(ast.Item(ast.StringTerm("n"), ast.InternedTerm(n))), Environment{Derived: &derived}); !answered || len(derived) != want {
			t.Errorf("%d of %d, answered: %v", len(derived), n, answered)
		}
	}
}
