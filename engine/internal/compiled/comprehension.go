package compiled

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// comprehension compiles a comprehension. OPA's compiler tells which ones can be worked out for all values of some
// outer variables at once: those are, so that joins don't become quadratic.
func (u *unit) comprehension(t *ast.Term, s *scope) getter {
	if found := u.index(t); found != nil && allBound(found.Keys, s) {
		return u.indexed(t, found.Keys, s)
	}
	run, take := u.collecting(t, s.inner(), nil)
	return func(m *Machine, f frame) *ast.Term {
		from := len(m.items)
		run(m, f)
		if m.why != "" {
			m.drop(from)
			return nil
		}
		v := take(m, m.items[from:])
		m.drop(from)
		return v
	}
}

func allBound(keys []*ast.Term, s *scope) bool {
	for _, key := range keys {
		if _, isVar := key.Value.(ast.Var); !isVar || s.unbound(key) {
			return false
		}
	}
	return true
}

// take makes a collection of items.
type take func(m *Machine, items []*ast.Term) *ast.Term

// collecting compiles the body of a comprehension so that it adds, for each solution, the values of some variables
// and then those of the head to the items.
func (u *unit) collecting(t *ast.Term, s *scope, keys []*ast.Term) (op, take) {
	var body ast.Body
	var heads []*ast.Term
	var finish take
	switch c := t.Value.(type) {
	case *ast.ArrayComprehension:
		body, heads, finish = c.Body, []*ast.Term{c.Term}, takeArray
	case *ast.SetComprehension:
		body, heads, finish = c.Body, []*ast.Term{c.Term}, takeSet
	case *ast.ObjectComprehension:
		body, heads, finish = c.Body, []*ast.Term{c.Key, c.Value}, takeObject
	}
	run := u.body(body, s, func() op { return collectAll(append(u.values(keys, s), u.values(heads, s)...)) })
	return run, finish
}

func collectAll(parts []getter) op {
	if len(parts) == 1 {
		return collect(parts[0])
	}
	return func(m *Machine, f frame) bool {
		values := all(m, f, parts)
		if values == nil {
			m.fail("an element without a value")
			return true
		}
		m.items = append(m.items, values...)
		return false
	}
}

func takeArray(_ *Machine, items []*ast.Term) *ast.Term {
	if len(items) == 0 {
		return ast.InternedEmptyArray
	}
	return ast.ArrayTerm(append([]*ast.Term(nil), items...)...)
}

func takeSet(_ *Machine, items []*ast.Term) *ast.Term {
	if len(items) == 0 {
		return ast.InternedEmptySet
	}
	s := ast.NewSetWithCapacity(len(items))
	for _, item := range items {
		s.Add(item)
	}
	return ast.NewTerm(s)
}

func takeObject(m *Machine, items []*ast.Term) *ast.Term {
	if len(items) == 0 {
		return ast.InternedEmptyObject
	}
	object := ast.NewObjectWithCapacity(len(items) / 2)
	for i := 0; i < len(items); i += 2 {
		if there := object.Get(items[i]); there != nil && !same(there, items[i+1]) {
			m.fail("conflicting values")
			return nil
		}
		object.Insert(items[i], items[i+1])
	}
	return ast.NewTerm(object)
}

// index holds what a comprehension comes to, by the values of outer variables.
type index struct{ entries map[uint64][]*indexEntry }

type indexEntry struct {
	keys, items []*ast.Term
	value       *ast.Term
}

func (x *index) find(keys []*ast.Term) (*indexEntry, uint64) {
	hash := hashOf(keys)
	for _, e := range x.entries[hash] {
		if slices.EqualFunc(e.keys, keys, same) {
			return e, hash
		}
	}
	return nil, hash
}

// add puts rows, each some keys followed by items, into the index.
func (x *index) add(rows []*ast.Term, keys, width int) {
	for ; len(rows) > 0; rows = rows[width:] {
		e, hash := x.find(rows[:keys])
		if e == nil {
			e = &indexEntry{keys: append([]*ast.Term(nil), rows[:keys]...)}
			x.entries[hash] = append(x.entries[hash], e)
		}
		e.items = append(e.items, rows[keys:width]...)
	}
}

func (u *unit) indexed(t *ast.Term, keys []*ast.Term, s *scope) getter {
	id := u.program.indices
	u.program.indices++
	run, finish := u.collecting(t, newScope(), keys)
	width := len(keys) + 1
	if _, pairs := t.Value.(*ast.ObjectComprehension); pairs {
		width++
	}
	outer := u.values(keys, s)
	return func(m *Machine, f frame) *ast.Term {
		x := m.layer.indices[id]
		if x == nil {
			if x = m.build(run, f, len(keys), width); x == nil {
				return nil
			}
			m.layer.indices[id] = x
		}
		e, _ := x.find(all(m, f, outer))
		if e == nil {
			return finish(m, nil)
		}
		if e.value == nil {
			e.value = finish(m, e.items)
		}
		return e.value
	}
}

func (m *Machine) build(run op, f frame, keys, width int) *index {
	from := len(m.items)
	defer func() { m.drop(from) }()
	run(m, f)
	if m.why != "" {
		return nil
	}
	x := &index{entries: map[uint64][]*indexEntry{}}
	x.add(m.items[from:], keys, width)
	return x
}
