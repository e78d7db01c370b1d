package compiled

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Derivation is how an element of a set came about: by which rule, and what the variables of its body stood for at that
// moment. Variables of nested bodies are not among them.
type Derivation struct {
	Element *ast.Term
	Rule    *ast.Rule

	vars      map[ast.Var]int
	values    []*ast.Term
	documents []*document
	parts     []*ast.Term // the values of the documents
}

// Value is what a variable stood for; nil where it stood for nothing, or is not known.
func (d *Derivation) Value(v ast.Var) *ast.Term {
	at, known := d.vars[v]
	if !known {
		return nil
	}
	return d.values[at]
}

// Document is what the rules at the beginning of a reference came to, and the keys of the reference below them; nil where
// the body has not asked for them, where they came to nothing, and where they make a collection of their own.
func (d *Derivation) Document(ref ast.Ref) (value *ast.Term, rest ast.Ref) {
	for i, of := range d.documents {
		if of.kind == complete && ref.HasPrefix(of.ref) {
			return d.parts[i], ref[len(of.ref):]
		}
	}
	return nil, nil
}

// Watch makes evaluations tell how the elements of the set at a reference came about. It must be called before any of them.
func (r *Runner) Watch(ref ast.Ref) {
	if d := r.program.documents[r.program.compiler.RuleTree.Find(ref)]; d != nil {
		d.watched = true
	}
}

// element adds an element to the set under construction, and tells how it came about where somebody asks.
func (u *unit) element(d *document, rule *ast.Rule, s *scope) op {
	add := collect(u.value(rule.Head.Key, s))
	vars, slots := map[ast.Var]int{}, []int{}
	for v, slot := range s.slots {
		vars[v] = len(slots)
		slots = append(slots, slot)
	}
	documents := slices.Clone(u.uses)
	return func(m *Machine, f frame) bool {
		stop := add(m, f)
		if d.watched && m.derived != nil && !stop && m.layer == &m.bottom {
			values := make([]*ast.Term, len(slots))
			for i, slot := range slots {
				values[i] = f[slot]
			}
			m.derive(Derivation{m.items[len(m.items)-1], rule, vars, values, documents, m.known(documents)})
		}
		return stop
	}
}

// known is what documents came to, as far as they were asked for.
func (m *Machine) known(documents []*document) []*ast.Term {
	parts := make([]*ast.Term, len(documents))
	for i, d := range documents {
		if place := m.value(d); d.kind == complete && *place != nil {
			parts[i] = defined(*place)
		}
	}
	return parts
}

// mostDerived is of how many derivations an evaluation tells. Where there are more it tells of none: half of them would
// say less than the truth.
const mostDerived = 1000

func (m *Machine) derive(d Derivation) {
	if len(*m.derived) == mostDerived {
		*m.derived, m.derived = nil, nil
		return
	}
	*m.derived = append(*m.derived, d)
}
