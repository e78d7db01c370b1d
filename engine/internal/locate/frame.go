package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// kind says how often and why a body is evaluated.
type kind int

const (
	once   kind = iota // a negation, the body of an every, the query itself
	value              // a complete rule or function: its latest success is the one that counts
	many               // a comprehension or a set: each success adds an element
	domain             // the elements that an every goes over
)

// maxBodies bounds how many elements of an every that succeeded are compared: they are all alike.
const maxBodies = 64

// frame is one body under evaluation.
type frame struct {
	kind     kind
	collects bool      // its kind is many, and it is not the rule that is watched: only all its elements together matter
	rule     *ast.Rule // nil for a closure
	of       *ast.Term // what a comprehension makes of each success
	body     ast.Body
	plan
	steps  []step
	bodies []*frame // of a domain: the body for each element
	cur    int      // the step under evaluation
	exit   candidate
	exited int         // when it last succeeded; 0: it never did
	fails  []candidate // by expression, of no class where it did not fail; nil where none did
}

// step is what happened while an expression was evaluated: the bodies that it led to.
type step struct {
	children []*frame
}

// adopt notes that a body is evaluated on behalf of the step under evaluation.
func (f *frame) adopt(child *frame) {
	switch {
	case f == nil:
	case f.kind == domain:
		f.bodies = append(f.bodies, child)
	case f.cur < len(f.steps):
		s := &f.steps[f.cur]
		s.children = append(s.children, child)
	}
}

func (f *frame) index(e *ast.Expr) int {
	if e.Index >= 0 && e.Index < len(f.body) && f.body[e.Index] == e {
		return e.Index
	}
	for i := range f.body {
		if f.body[i] == e {
			return i
		}
	}
	return -1
}

// success is the candidate of a body that succeeded.
func (f *frame) success() candidate {
	if f.kind != domain {
		return f.exit
	}
	var c candidate
	for _, body := range f.bodies[:min(len(f.bodies), maxBodies)] {
		c = best(c, body.success())
	}
	return c
}

// failure is the candidate of a body that could not succeed: the expression that it did not get past.
func (f *frame) failure() candidate {
	var c candidate
	if n := len(f.bodies); n > 0 && f.bodies[n-1].exited == 0 {
		c = f.bodies[n-1].failure() // an every stops where it fails
	}
	for pos, fail := range f.fails {
		if fail.class != nothing {
			fail.pos = pos
			c = best(c, fail)
		}
	}
	return c
}

// fail notes a failed attempt at an expression. What failed for several elements is about all of them.
func (f *frame) fail(pos int, c candidate) {
	if c.class == nothing {
		return
	}
	if f.fails == nil {
		f.fails = make([]candidate, len(f.exprs))
	}
	if before := f.fails[pos]; before.class != nothing {
		c = merged(before, c)
	}
	f.fails[pos] = c
}

// successes is what made the step succeed.
func (s *step) successes() candidate {
	var c, empty candidate
	latest := 0
	for _, f := range s.children {
		switch {
		case f.kind == domain:
			c = best(c, f.success())
		case f.exited == 0 && f.kind == many:
			empty = best(empty, f.failure())
		case f.exited > latest && f.kind == value:
			latest, c = f.exited, f.success()
		case f.exited > 0 && f.kind != value:
			c = best(c, f.success())
		}
	}
	if c.class == nothing {
		return empty
	}
	return c
}

// failures is why the step, a negation, could not fail.
func (s *step) failures() candidate {
	var c candidate
	for _, f := range s.children {
		c = best(c, f.failure())
	}
	return c
}

// refusals is why the step failed: what failed below it, or succeeded with another value than was asked for.
func (s *step) refusals() candidate {
	var c candidate
	for _, f := range s.children {
		if f.exited > 0 && f.kind != domain {
			c = best(c, f.success())
		} else {
			c = best(c, f.failure())
		}
	}
	return c
}

// sinks are the terms that a body is evaluated for. Those of the rule that is watched are its text.
func sinks(rule *ast.Rule, target bool, closure *ast.Term) []*ast.Term {
	if closure != nil {
		return []*ast.Term{closure}
	}
	if rule == nil || target {
		return nil
	}
	var terms []*ast.Term
	for _, t := range []*ast.Term{rule.Head.Key, rule.Head.Value} {
		if t != nil {
			terms = append(terms, t)
		}
	}
	return terms
}

// element is what a success adds to what the body makes.
func element(f *frame, evt *topdown.Event) *ast.Term {
	if f.of != nil {
		return evt.Plug(f.of)
	}
	rule := f.rule
	if rule.Head.Key != nil {
		return evt.Plug(rule.Head.Key)
	}
	ref := rule.Head.Reference
	if n := len(ref); n > 1 && !ref[n-1].IsGround() {
		return evt.Plug(ref[n-1])
	}
	return nil
}
