package locate

import (
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/member"
)

// What the bodies below an expression have said is seen by evaluating that expression again, with the variables that its
// body had when it came true: a container, say, and not all of them. It is part of a query of its own then, after the
// definitions that it depends on and whose values are no part of the resource, since what such a value was made of is
// known by its evaluation alone.

// replayed are the expressions of a body that are evaluated again.
type replayed struct {
	frame *frame
	at    []int // their indices in the body of the rule, after the pins
	pins  int
	want  map[ast.Var]*ast.Term // what the variables stood for
	found []candidate           // by expression; nil until they have come true as they had
}

// replay evaluates expressions again, and settles what they said, and what those said that they depend on. It returns false
// where it could not.
func (a *account) replay(ctx context.Context, those []int) bool {
	t := newTracer(*a.query, nil)
	again, ok := a.again(t.tree, those)
	if !ok {
		return false
	}
	t.replayed = again
	if _, err := t.run(ctx, *a.query, again.frame.body); again.found == nil || ctx.Err() != nil || err != nil && !t.stopped {
		return false
	}
	for k, at := range again.at {
		a.bounds[at] = nil
		a.settle(at, again.found[k])
	}
	return true
}

// again chooses what is evaluated for expressions.
func (a *account) again(tree *tree, chosen []int) (*replayed, bool) {
	pins := map[ast.Var]*ast.Term{}
	for next := 0; next < len(chosen); next++ {
		for _, v := range a.variables(chosen[next]) {
			value := a.derivation.Value(v)
			if value == nil || pins[v] != nil {
				continue
			}
			if pin, sure := a.pin(tree, v, value); sure {
				pins[v] = pin
				continue
			}
			definer, defined := a.definers[v]
			if !defined {
				return nil, false
			}
			if !slices.Contains(chosen, definer) {
				chosen = append(chosen, definer)
			}
		}
	}
	slices.Sort(chosen)
	return a.prepare(pins, chosen), true
}

// prepare makes the body that is evaluated: the variables whose values are known, and the expressions that were chosen.
func (a *account) prepare(pins map[ast.Var]*ast.Term, chosen []int) *replayed {
	again := &replayed{at: chosen, pins: len(pins), want: map[ast.Var]*ast.Term{}}
	f := &frame{kind: many, collects: a.collects, plan: plan{tests: a.tests}}
	for v, pin := range pins {
		f.body = append(f.body, ast.Equality.Expr(ast.NewTerm(v), pin))
		f.exprs = append(f.exprs, expr{})
	}
	for _, i := range chosen {
		e := a.exprs[i]
		e.deps = nil
		f.body, f.exprs = append(f.body, a.body[i]), append(f.exprs, e)
	}
	for v, definer := range a.definers {
		if value := a.derivation.Value(v); value != nil && pins[v] == nil && slices.Contains(chosen, definer) {
			again.want[v] = value
		}
	}
	again.frame = f
	return again
}

// variables are those that an expression has in common with the rest of its body.
func (a *account) variables(i int) (vars []ast.Var) {
	visitVars(a.body[i], func(v ast.Var) {
		if !slices.Contains(vars, v) {
			vars = append(vars, v)
		}
	})
	return vars
}

// pin is the value of a variable as the copy of the resource has it. It is not sure of what was made of several values, and
// of scalars of which it is not known where they stand.
func (a *account) pin(tree *tree, v ast.Var, value *ast.Term) (*ast.Term, bool) {
	p, sure := a.variable(v)
	switch {
	case !sure || p.missing > 0:
		return nil, false
	case p.at == nil:
		return value, !composite(value) || a.constant[v]
	}
	twin := tree.twin(p.at)
	return twin, twin != nil
}

// twin is the term of the copy at the place of another tree.
func (t *tree) twin(n *node) *ast.Term {
	if n.parent == nil {
		return t.root.term
	}
	above := t.twin(n.parent)
	if above == nil {
		return nil
	}
	return member.At(above, keyTerm(n.key))
}

func (r *replayed) root() *frame {
	if r == nil {
		return nil
	}
	return r.frame
}

func (r *replayed) enter() *frame {
	r.frame.steps = make([]step, len(r.frame.body))
	return r.frame
}

// judge is what the expressions say, where the variables stand for what they stood for.
func (r *replayed) judge(t *tracer, evt *topdown.Event) {
	for v, value := range r.want {
		if !evt.Plug(ast.NewTerm(v)).Equal(value) {
			return
		}
	}
	f := r.frame
	for i := r.pins; i < len(f.body); i++ {
		e := &f.exprs[i]
		r.found = append(r.found, best(t.own(evt, f, e), t.inner(evt, &f.steps[i], e)))
	}
	t.stop()
}
