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
			definer := a.definer(v)
			if definer < 0 {
				return nil, false
			}
			if !slices.Contains(chosen, definer) {
				chosen = append(chosen, definer)
			}
		}
	}
	slices.Sort(chosen)
	return a.query.prepare(a.recipe, pins, chosen, a.derivation.Value, a.collects), true
}

func (q *Query) prepare(r *recipe, pins map[ast.Var]*ast.Term, chosen []int, value func(ast.Var) *ast.Term, collects bool) *replayed {
	again := &replayed{at: chosen, pins: len(pins), want: map[ast.Var]*ast.Term{}}
	f := &frame{kind: many, collects: collects}
	f.tests = r.tests
	for v, pin := range pins {
		f.body = append(f.body, ast.Equality.Expr(ast.NewTerm(v), pin))
		f.exprs = append(f.exprs, expr{})
	}
	for _, i := range chosen {
		f.body = append(f.body, r.body[i])
		e := r.exprs[i]
		e.deps = nil
		f.exprs = append(f.exprs, e)
		for _, v := range e.outputs {
			if value := value(v); value != nil && pins[v] == nil {
				again.want[v] = value
			}
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

// definer is the expression that gives a variable its value; -1 where there is none.
func (a *account) definer(v ast.Var) int {
	return slices.IndexFunc(a.exprs, func(e expr) bool { return slices.Contains(e.outputs, v) })
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
