package locate

import (
	"iter"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// maxCalls bounds what is kept of one function.
const maxCalls = 256

// memo keeps what rules have said: the evaluator remembers their values and does not evaluate them again.
type memo map[*ast.Rule]*record

type record struct {
	elements map[int][]made // of a set, by hash
	calls    []called       // of a function; of a complete rule, one without arguments
	value    *ast.Term      // of a complete rule
}

// made is an element of a set, or a key of an object with its value, and how it came to be there.
type made struct {
	element *ast.Term
	value   *ast.Term
	found   candidate
}

type called struct {
	args  []*ast.Term
	frame *frame
}

func (m memo) of(rule *ast.Rule) *record {
	r := m[rule]
	if r == nil {
		r = &record{elements: map[int][]made{}}
		m[rule] = r
	}
	return r
}

func (m memo) exit(f *frame, evt *topdown.Event, c candidate) {
	r := m.of(f.rule)
	r.note(f, evt)
	var value *ast.Term
	if f.rule.Head.Value != nil {
		value = evt.Plug(f.rule.Head.Value)
	}
	if f.kind != many {
		r.value = value
	} else if e := element(f, evt); e != nil {
		if isSet(f.rule) {
			value = e
		}
		r.add(made{e, value, c})
	}
}

func (r *record) add(m made) {
	hash := m.element.Hash()
	r.elements[hash] = append(r.elements[hash], m)
}

// value is what the rules behind a call say, or say of the first of its keys: then one key is used.
func (m memo) value(evt *topdown.Event, c *call) (value *ast.Term, used int) {
	keys := c.ref[c.prefix:]
	for rule := range chains(c.rules) {
		r := m[rule]
		switch {
		case r == nil:
		case kindOf(rule) == many && len(keys) > 0:
			value, used = r.derivation(evt.Plug(keys[0])).value, 1
		case kindOf(rule) != many:
			value = r.value
		}
		if value != nil {
			return value, used
		}
	}
	return nil, 0
}

// chains are the rules and their elses.
func chains(rules []*ast.Rule) iter.Seq[*ast.Rule] {
	return func(yield func(*ast.Rule) bool) {
		for _, rule := range rules {
			for ; rule != nil; rule = rule.Else {
				if !yield(rule) {
					return
				}
			}
		}
	}
}

func (m memo) fail(f *frame, evt *topdown.Event) {
	m.of(f.rule).note(f, evt)
}

// note keeps the frame, once, with the arguments that its function was called with.
func (r *record) note(f *frame, evt *topdown.Event) {
	if n := len(r.calls); n >= maxCalls || n > 0 && r.calls[n-1].frame == f {
		return
	}
	var args []*ast.Term
	for _, arg := range f.rule.Head.Args {
		args = append(args, evt.Plug(arg))
	}
	r.calls = append(r.calls, called{args, f})
}

// recall is what the rules behind a call said: the derivation of the element that the call has, or, where the evaluator
// knew the answer, what they said when it was found.
func (t *tracer) recall(evt *topdown.Event, s *step, c *call) candidate {
	var found candidate
	for rule := range chains(c.rules) {
		if r := t.memo[rule]; r != nil {
			found = best(found, t.said(evt, r, s, c))
		}
	}
	return found
}

func (t *tracer) said(evt *topdown.Event, r *record, s *step, c *call) candidate {
	var found candidate
	if len(c.ref) > c.prefix {
		found = r.derivation(evt.Plug(c.ref[c.prefix])).found
	}
	if len(s.children) > 0 {
		return found
	}
	return best(found, t.answer(evt, r, c))
}

func (r *record) derivation(element *ast.Term) made {
	for _, m := range r.elements[element.Hash()] {
		if m.element == element || m.element.Equal(element) {
			return m
		}
	}
	return made{}
}

// answer finds the remembered call. Where it was made with an equal value from another place, so is its candidate.
func (t *tracer) answer(evt *topdown.Event, r *record, c *call) candidate {
	for _, known := range r.calls {
		s := step{children: []*frame{known.frame}}
		found := best(s.successes(), s.failures())
		if len(known.args) == 0 {
			if len(c.ref) == c.prefix {
				return found
			}
			return candidate{}
		}
		if moved, ok := t.moved(evt, known.args, c.args, found); ok {
			return moved
		}
	}
	return candidate{}
}

func (t *tracer) moved(evt *topdown.Event, known, args []*ast.Term, found candidate) (candidate, bool) {
	if len(args) < len(known) {
		return found, false
	}
	for i, arg := range known {
		now := evt.Plug(args[i])
		if now == arg {
			continue
		}
		if !now.Equal(arg) {
			return found, false
		}
		found.at = t.tree.transfer(found.at, t.tree.nodes[arg], t.tree.nodes[now])
	}
	return found, true
}
