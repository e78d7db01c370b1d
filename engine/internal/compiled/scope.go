package compiled

import (
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
)

// frame holds the values of a rule's variables while it is evaluated, one slot each. Slot 0 is the rule's result.
type frame = []*ast.Term

// op runs the rest of a body. It returns true when whoever called it must not look for further solutions.
type op func(m *Machine, f frame) bool

// getter is the value of a term whose variables are bound; nil where it is undefined.
type getter func(m *Machine, f frame) *ast.Term

// unit is a rule, function or query being compiled: everything that shares a frame.
type unit struct {
	program *Program
	index   func(*ast.Term) *ast.ComprehensionIndex
	slots   int
	keeps   bool // a query keeps the values of wildcards, since its caller asks for all variables
	uses    []*document
	sight   sight
}

func (p *Program) newUnit(index func(*ast.Term) *ast.ComprehensionIndex) *unit {
	return &unit{program: p, index: index, slots: 1}
}

func (u *unit) slot() int {
	u.slots++
	return u.slots - 1
}

// scope tells which variables are bound at a point of a body, and in which slot. OPA's compiler has put the
// expressions in an order in which this is known beforehand.
type scope struct {
	slots  map[ast.Var]int
	inputs map[ast.Var]bool // variables that stand for the input as a whole
}

func newScope() *scope { return &scope{map[ast.Var]int{}, map[ast.Var]bool{}} }

// inner is the scope of a nested body: what it binds is not seen outside.
func (s *scope) inner() *scope { return &scope{maps.Clone(s.slots), maps.Clone(s.inputs)} }

func (s *scope) slotOf(v ast.Var) (int, bool) {
	slot, bound := s.slots[v]
	return slot, bound
}

func (s *scope) bind(v ast.Var, slot int) { s.slots[v] = slot }

// unbound says whether a term has a variable without a value outside of closures.
func (s *scope) unbound(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Var:
		_, bound := s.slots[v]
		return !bound && !isRoot(t)
	case ast.Ref:
		for i, step := range v {
			if s.unbound(step) && !(i == 0 && isRoot(step)) {
				return true
			}
		}
	case *ast.Array:
		return v.Until(s.unbound)
	case ast.Set:
		return v.Until(s.unbound)
	case ast.Object:
		return v.Until(func(k, e *ast.Term) bool { return s.unbound(k) || s.unbound(e) })
	case ast.Call:
		refuse("a call within a term")
	}
	return false
}

// pattern says whether a term is to be matched against a value, since it has a variable to be bound that is no
// part of a reference.
func (s *scope) pattern(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Var:
		return s.unbound(t)
	case *ast.Array:
		return v.Until(s.pattern)
	case ast.Set:
		return v.Until(s.pattern)
	case ast.Object:
		return v.Until(func(k, e *ast.Term) bool { return s.pattern(k) || s.pattern(e) })
	}
	return false
}

func isRoot(t *ast.Term) bool {
	return t.Equal(ast.InputRootDocument) || t.Equal(ast.DefaultRootDocument)
}
