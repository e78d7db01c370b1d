package member

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestWhatTermsWeigh(t *testing.T) {
	for text, want := range map[string]int{
		`null`: 64, `"four"`: 68, `12`: 66, `["a", "b"]`: 3*64 + 2, `{"k": 1}`: 3*64 + 2, `{"a", "b"}`: 3*64 + 2, `{}`: 64,
	} {
		if got := Weight(1000, ast.MustParseTerm(text)); got != want {
			t.Errorf("%s weighs %d, want %d", text, got, want)
		}
	}
	if got := Weight(1000, nil, ast.MustParseTerm("1")); got != 65 {
		t.Errorf("nothing and a number weigh %d", got)
	}
}

func TestWeighingEndsAtTheLimit(t *testing.T) {
	list := make([]*ast.Term, 100_000)
	for i := range list {
		list[i] = ast.InternedTerm("x")
	}
	term := ast.ArrayTerm(ast.ArrayTerm(list...), ast.ArrayTerm(list...))
	if got := Weight(1000, term, term); got <= 1000 || got > 1100 {
		t.Errorf("it counted on to %d", got)
	}
}
