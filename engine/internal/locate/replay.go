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
	pins  int                   // how many expressions of the body come before them
	want  map[ast.Var]*ast.Term // what the variables stood for
	found []candidate           // by expression; nil until they have come true as they had
}

// replay evaluates expressions again, and settles what they said, and what those said that they depend on. It returns false
// where it could not.
func (a *account) replay(ctx context.Context, those []int) bool {
	chosen, pins, ok := a.choose(those)
	if !ok {
		return false
	}
	var asked *question
	if a.recipe.promising() {
		if asked = a.question(chosen, pins); a.remembered(asked, pins) {
			return true
		}
	}
	if a.query.spent > maxEvents {
		return false
	}
	t := newTracer(a.query, nil)
	again, ok := a.prepare(t.tree, pins, chosen)
	if !ok {
		return false
	}
	t.replayed, t.events = again, a.query.spent
	_, err := t.run(ctx, a.query, again.frame.body)
	a.query.spent = t.events
	if again.found == nil || ctx.Err() != nil || err != nil && !t.stopped {
		return false
	}
	a.hear(chosen, again.found)
	a.remember(asked, again.found, pins)
	return true
}

// hear settles what expressions have said.
func (a *account) hear(chosen []int, found []candidate) {
	for k, i := range chosen {
		a.bounds[i] = a.bounds[i][:0]
		a.settle(i, found[k])
	}
}

// pin is a variable whose value is known before expressions are evaluated again: the value of a place of the resource, or
// one that is no part of it.
type pin struct {
	name  ast.Var
	value *ast.Term
	at    *node
}

// choose adds to expressions the definitions that have to be evaluated as well, and says which variables need not.
func (a *account) choose(those []int) (chosen []int, pins []pin, ok bool) {
	chosen = slices.Clone(those)
	for next := 0; next < len(chosen); next++ {
		for _, v := range a.sights[chosen[next]].variables {
			value := a.derivation.Value(v)
			if value == nil || slices.ContainsFunc(pins, func(p pin) bool { return p.name == v }) {
				continue
			}
			if at, sure := a.pinned(v, value); sure {
				pins = append(pins, pin{v, value, at})
				continue
			}
			definer := a.known(v).definer
			if definer == none {
				return nil, nil, false
			}
			if !slices.Contains(chosen, definer) {
				chosen = append(chosen, definer)
			}
		}
	}
	slices.Sort(chosen)
	return chosen, pins, true
}

// prepare makes the body that is evaluated: the variables whose values are known, as the copy of the resource has them, and
// the expressions that were chosen.
func (a *account) prepare(tree *tree, pins []pin, chosen []int) (*replayed, bool) {
	again := &replayed{pins: len(pins), want: map[ast.Var]*ast.Term{}}
	f := &frame{kind: many, collects: a.collects, plan: plan{tests: a.tests}}
	pinned := map[ast.Var]bool{}
	for _, p := range pins {
		if p.at != nil {
			p.value = tree.twin(p.at)
		}
		if p.value == nil {
			return nil, false
		}
		pinned[p.name] = true
		f.body = append(f.body, ast.Equality.Expr(ast.NewTerm(p.name), p.value))
		f.exprs = append(f.exprs, expr{})
	}
	for _, i := range chosen {
		e := a.exprs[i]
		e.deps = nil
		f.body, f.exprs = append(f.body, a.body[i]), append(f.exprs, e)
	}
	for v, known := range a.variables {
		if value := a.derivation.Value(v); value != nil && !pinned[v] && slices.Contains(chosen, known.definer) {
			again.want[v] = value
		}
	}
	again.frame = f
	return again, true
}

// pinned is the place of a variable's value, nil where it is no part of the resource. It is not sure of what was made of
// several values, and of scalars of which it is not known where they stand.
func (a *account) pinned(v ast.Var, value *ast.Term) (*node, bool) {
	p, sure := a.variable(v)
	if !sure || p.missing > 0 {
		return nil, false
	}
	return p.at, p.at != nil || a.known(v).constant || !composite(value) && !a.gathers(v)
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
	return member.At(above, member.Key(n.key))
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
