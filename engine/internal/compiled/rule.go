package compiled

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// document is the value of a document, nil where it has none. It is found once for a layer.
func (m *Machine) document(d *document) *ast.Term {
	place := m.value(d)
	if *place != nil {
		return defined(*place)
	}
	v := m.evaluate(d)
	if m.why != "" {
		return nil
	}
	*place = cached(v)
	return v
}

func (m *Machine) evaluate(d *document) *ast.Term {
	if d.kind == function || d.choices == nil && d.def == nil {
		return nil
	}
	f := m.enter(d.slots)
	defer m.leave(d.slots)
	switch d.kind {
	case set:
		return m.setOf(d, f)
	case object:
		f[0] = ast.ObjectTerm()
		m.runAll(d, f)
		return f[0]
	}
	return m.decide(d, f)
}

func (m *Machine) runAll(d *document, f frame) {
	for i := range d.choices {
		if m.stopped() {
			return
		}
		d.choices[i][0].run(m, f)
	}
}

func (m *Machine) setOf(d *document, f frame) *ast.Term {
	from := len(m.items)
	m.runAll(d, f)
	v := takeSet(m, m.items[from:])
	m.drop(from)
	return v
}

// decide runs the rules of a document or function until its value is known.
func (m *Machine) decide(d *document, f frame) *ast.Term {
	var value *ast.Term
	for i := range d.choices {
		v := m.choose(d.choices[i], f)
		if m.stopped() {
			return nil
		}
		if v == nil {
			continue
		}
		if value != nil && !Alike(value, v) {
			m.fail("conflicting values")
			return nil
		}
		if value = v; d.exit {
			break
		}
	}
	if value == nil && d.def != nil {
		value = m.choose(choice{*d.def}, f)
	}
	return value
}

// choose is the value of the first branch that holds.
func (m *Machine) choose(branches choice, f frame) *ast.Term {
	for i := range branches {
		f[0] = nil
		branches[i].run(m, f)
		if f[0] != nil || m.why != "" {
			return f[0]
		}
	}
	return nil
}

// drop forgets the items that were collected since there were so many.
func (m *Machine) drop(from int) {
	clear(m.items[from:])
	m.items = m.items[:from]
}

// memo is what a function came to for the arguments that it was given. A few calls are looked through, many are
// found by their hash.
type memo struct {
	calls  []call
	byHash map[uint64]int // the last call with a hash, counted from 1
}

type call struct {
	hash   uint64
	args   []*ast.Term
	value  *ast.Term
	before int // the call with this hash before, counted from 1
}

// manyCalls is how many calls are worth a map.
const manyCalls = 12

func (c *memo) forget() {
	if len(c.calls) > 0 {
		clear(c.calls)
		c.calls, c.byHash = c.calls[:0], nil
	}
	if cap(c.calls) > mostIdle {
		c.calls = nil
	}
}

// find is the call with arguments that are equal, and whether they are written alike, too; nil where there is none.
func (c *memo) find(hash uint64, args []*ast.Term) (found *call, alike bool) {
	if c.byHash == nil {
		for i := range c.calls {
			if one := &c.calls[i]; one.hash == hash {
				if equal, alike := one.compare(args); equal {
					return one, alike
				}
			}
		}
		return nil, false
	}
	for i := c.byHash[hash]; i > 0; i = c.calls[i-1].before {
		if equal, alike := c.calls[i-1].compare(args); equal {
			return &c.calls[i-1], alike
		}
	}
	return nil, false
}

// compare goes through arguments a second time only where they are not written alike, which is rare.
func (c *call) compare(args []*ast.Term) (equal, alike bool) {
	if slices.EqualFunc(c.args, args, Alike) {
		return true, true
	}
	return slices.EqualFunc(c.args, args, same), false
}

func (c *memo) add(made call) {
	c.calls = append(c.calls, made)
	switch n := len(c.calls); {
	case c.byHash != nil:
		c.chain(n)
	case n > manyCalls:
		c.byHash = make(map[uint64]int, 2*n)
		for i := range n {
			c.chain(i + 1)
		}
	}
}

// chain makes a call, counted from 1, the last with its hash.
func (c *memo) chain(i int) {
	made := &c.calls[i-1]
	made.before = c.byHash[made.hash]
	c.byHash[made.hash] = i
}

// apply calls a function with the arguments in the slots after the first of a frame of its own.
func (m *Machine) apply(d *document, f frame) *ast.Term {
	args := f[1 : 1+d.arity]
	hash := hashOf(args)
	calls, kept := m.memo(d)
	made, alike := calls.find(hash, args)
	if made == nil && kept != nil { // what is new, or too heavy to be kept, is remembered here
		made, alike = m.layer.memos[d.id].find(hash, args)
	}
	if made != nil {
		if !alike {
			m.fail("equal arguments that are written differently")
			return nil
		}
		return defined(made.value)
	}
	v := m.decide(d, f)
	if m.why != "" {
		return nil
	}
	known := call{hash: hash, args: slices.Clone(args), value: cached(v)}
	if kept == nil || !kept.met(d, hash) || !m.keeps(kept, append(known.args[:d.arity:d.arity], v)) {
		m.layer.memos[d.id].add(known)
		return v
	}
	calls.add(known.own())
	return v
}

// own is the call as it is kept for other evaluations: with no part of the text of a file, which would be held whole.
func (c call) own() call {
	for i, arg := range c.args {
		c.args[i] = member.Own(arg)
	}
	if c.value != undefined {
		c.value = member.Own(c.value)
	}
	return c
}

func hashOf(args []*ast.Term) uint64 {
	hash := uint64(17)
	for _, arg := range args {
		hash = hash*1099511628211 + uint64(arg.Value.Hash()) // wraps around, as hashes do
	}
	return hash
}
