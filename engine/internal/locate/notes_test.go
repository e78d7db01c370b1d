package locate

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

func TestNotesOfAnEntryAreNotThoseOfTheNext(t *testing.T) {
	var n notes
	first, _ := n.take(3)
	for turn := range 100 {
		found, bounds := n.take(3)
		for i := range found {
			if found[i] != (candidate{}) || len(bounds[i]) > 0 {
				t.Fatalf("turn %d begins with %+v, %+v", turn, found[i], bounds[i])
			}
			found[i], bounds[i] = candidate{class: decisive, pos: i}, append(bounds[i], ceiling{pos: i})
		}
		if turn%5 == 4 {
			n.forget()
		}
	}
	if first[0] != (candidate{}) {
		t.Error("what an entry has is given to another before it is forgotten")
	}
	if cap(n.found) > 64 {
		t.Errorf("there is room for %d expressions", cap(n.found))
	}
}

// One term may stand in two places: then the way tells which of them it is.
func TestAWayLeadsToItsOwnPlace(t *testing.T) {
	shared := ast.MustParseTerm(`{"x": {"y": 1}}`)
	resource := ast.ObjectTerm(ast.Item(ast.StringTerm("a"), shared), ast.Item(ast.StringTerm("b"), shared), ast.Item(ast.StringTerm("c"), ast.MustParseTerm(`[{"d": 2}]`)))
	s := newSpots(resource)
	for _, path := range [][]any{{"a", "x", "y"}, {"b", "x", "y"}, {"c", 0, "d"}} {
		keys := make([]*ast.Term, len(path))
		for i, key := range path {
			keys[i] = member.Key(key)
		}
		if p := s.along(s.root, keys); !samePath(p.at.path(), path) || p.missing > 0 {
			t.Errorf("%v leads to %v", path, p.at.path())
		}
	}
}
