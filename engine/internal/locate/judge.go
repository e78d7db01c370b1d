package locate

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// judge is the best candidate of a body that has just succeeded.
func (t *tracer) judge(evt *topdown.Event, f *frame) candidate {
	var c candidate
	for i := range f.exprs {
		e := &f.exprs[i]
		if e.role == ignored {
			continue
		}
		found := best(t.own(evt, f, e), t.inner(evt, &f.steps[i], e))
		found.pos = e.pos
		c = best(c, found)
	}
	if f.collects && !f.tests && c.at != nil {
		return t.collected(evt, f, c)
	}
	return c
}

// collected makes a candidate among the elements of a collection one for the collection, in a body that takes them all.
func (t *tracer) collected(evt *topdown.Event, f *frame, c candidate) candidate {
	for i := range f.exprs {
		e := &f.exprs[i]
		for k := range e.reads {
			if !e.walks || e.reads[k].open == 0 {
				continue
			}
			if p, ok := t.place(evt, f, e, &e.reads[k]); ok && c.at.below(p.at) {
				c = c.raised(p.at)
			}
		}
	}
	return c
}

// inner is what the bodies below an expression that succeeded say.
func (t *tracer) inner(evt *topdown.Event, s *step, e *expr) candidate {
	var c candidate
	for i := range e.calls {
		c = best(c, t.recall(evt, s, &e.calls[i]))
	}
	switch {
	case e.negated:
		c = best(c, s.failures())
	case c.class == nothing:
		c = s.successes()
	}
	c.pos = 0
	return c.capped(e.innerLimit())
}

// judgeFailure is why the expression of the body has just failed.
func (t *tracer) judgeFailure(evt *topdown.Event, f *frame, i int) candidate {
	e, s := &f.exprs[i], &f.steps[i]
	c := t.own(evt, f, e)
	inner := s.refusals()
	inner.pos = 0
	for k := range e.calls {
		found := t.recall(evt, s, &e.calls[k])
		found.pos = 0
		inner = best(inner, found)
	}
	c = best(c, inner.capped(e.innerLimit()))
	for _, k := range e.deps {
		d := &f.exprs[k]
		c = best(c, best(t.own(evt, f, d), t.inner(evt, &f.steps[k], d)))
	}
	c.pos = 0
	return c
}

// limit is the highest class that what the expression itself reads can have.
func (e *expr) limit(p place) class {
	whole := p.missing == 0 && composite(p.at.term)
	switch {
	case p.named && whole:
		return min(generator, e.limit(place{at: p.at}))
	case e.role == unused && !e.walks && !(e.alias && e.named && whole):
		return message
	case e.role == unused, e.exempts, e.walks && p.missing == 0, (e.alias || e.hands) && whole:
		return generator
	}
	return decisive
}

// innerLimit is the highest class that what other bodies say can have here.
func (e *expr) innerLimit() class {
	switch {
	case e.role == unused && e.texted && !e.alias:
		return message
	case e.exempts:
		return generator
	}
	return decisive
}

func composite(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.Object, *ast.Array:
		return true
	}
	return false
}

// own is the best of what the expression itself reads.
func (t *tracer) own(evt *topdown.Event, f *frame, e *expr) candidate {
	var c candidate
	for i := range e.reads {
		p, ok := t.place(evt, f, e, &e.reads[i])
		if !ok {
			continue
		}
		c = best(c, candidate{place: p, class: min(classify(p), e.limit(p))})
	}
	return c
}

// place is where an operand leads, with the values that its variables have now.
func (t *tracer) place(evt *topdown.Event, f *frame, e *expr, r *read) (place, bool) {
	if r.key != nil {
		return t.tree.follow(evt.Plug(r.term), keys(evt.Plug(r.key)))
	}
	ref, ok := r.term.Value.(ast.Ref)
	if !ok {
		return t.tree.follow(evt.Plug(r.term), nil)
	}
	rest := ref[1:]
	if r.open > 0 && f.collects && e.walks {
		rest = ref[1:r.open]
	}
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		if evt.Input() == nil {
			return place{}, false
		}
		return t.tree.follow(evt.Input(), plug(evt, rest))
	case ref[0].Equal(ast.DefaultRootDocument):
		return t.virtual(evt, e, ref)
	}
	return t.tree.follow(evt.Plug(ref[0]), plug(evt, rest))
}

// virtual is where a reference to the value of a rule leads. The value is known: the rule was evaluated on the way here.
func (t *tracer) virtual(evt *topdown.Event, e *expr, ref ast.Ref) (place, bool) {
	for i := range e.calls {
		c := &e.calls[i]
		if len(c.ref) != len(ref) || &c.ref[0] != &ref[0] {
			continue
		}
		if value, used := t.memo.value(evt, c); value != nil {
			return t.tree.follow(value, plug(evt, ref[c.prefix+used:]))
		}
	}
	return place{}, false
}

// plug gives keys their values. They are the tail of a reference: its IsGround would take the first for a name.
func plug(evt *topdown.Event, keys ast.Ref) ast.Ref {
	if !slices.ContainsFunc(keys, func(k *ast.Term) bool { return !k.IsGround() }) {
		return keys
	}
	plugged := make(ast.Ref, len(keys))
	for i := range keys {
		plugged[i] = evt.Plug(keys[i])
	}
	return plugged
}

// keys are those of object.get: one key, or a list of them.
func keys(key *ast.Term) ast.Ref {
	list, ok := key.Value.(*ast.Array)
	if !ok {
		return ast.Ref{key}
	}
	ref := make(ast.Ref, 0, list.Len())
	list.Foreach(func(k *ast.Term) { ref = append(ref, k) })
	return ref
}
