package locate

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// spots are the places of the objects and arrays of a resource, by the terms that were decoded. Scalars are found by the
// way that leads to them: equal ones may be one term.
type spots struct {
	root   *node
	byTerm map[*ast.Term]*node // nil where one term stands in two places
	alike  map[looks]int       // how many look the same
	whole  bool                // all of the resource is here
}

// looks tells values apart: equal ones have the same. A list of one has the hash of its element.
type looks struct {
	hash int
	list bool
}

func looksOf(t *ast.Term) looks {
	_, isList := t.Value.(*ast.Array)
	return looks{t.Hash(), isList}
}

func newSpots(resource *ast.Term) *spots {
	s := &spots{byTerm: map[*ast.Term]*node{}, alike: map[looks]int{}, whole: true}
	s.root = &node{term: resource}
	if composite(resource) {
		s.add(s.root)
	}
	return s
}

func (s *spots) add(n *node) {
	if n.depth >= maxDepth || len(s.byTerm) >= maxNodes {
		s.whole = false
		return
	}
	if _, twice := s.byTerm[n.term]; twice {
		s.byTerm[n.term] = nil
	} else {
		s.byTerm[n.term] = n
	}
	s.alike[looksOf(n.term)]++
	switch v := n.term.Value.(type) {
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) {
			if name, ok := key.Value.(ast.String); ok && composite(value) {
				s.add(n.child(string(name), value))
			}
		})
	case *ast.Array:
		for i := range v.Len() {
			if element := v.Elem(i); composite(element) {
				s.add(n.child(i, element))
			}
		}
	}
}

// child is the place of a member.
func (n *node) child(key any, term *ast.Term) *node {
	c := &node{parent: n, key: key, term: term, depth: n.depth + 1, indices: n.indices}
	if _, isIndex := key.(int); isIndex {
		c.indices++
	}
	return c
}

// find is the place of a value, nil where it has none. It is not sure of values that stand in two places, are equal to
// another one, or may have been made of some.
func (s *spots) find(term *ast.Term) (n *node, sure bool) {
	if n, known := s.byTerm[term]; known {
		return n, n != nil && s.alike[looksOf(term)] == 1
	}
	switch v := term.Value.(type) {
	case ast.Object:
		return nil, v.Len() < 2
	case *ast.Array:
		return nil, v.Len() < 2
	}
	return nil, true
}

// along goes from a place along keys that have values.
func (s *spots) along(n *node, keys []*ast.Term) place {
	for i, key := range keys {
		next := member.At(n.term, key)
		if next == nil {
			return place{at: n, missing: len(keys) - i}
		}
		name, ok := keyOf(n.term, key)
		if !ok {
			break
		}
		if known := s.byTerm[next]; known != nil {
			n = known // it stands in one place alone, which is this
			continue
		}
		n = n.child(name, next)
	}
	return place{at: n}
}

// keyOf is a key as a path has it.
func keyOf(of, key *ast.Term) (any, bool) {
	switch k := key.Value.(type) {
	case ast.String:
		_, ok := of.Value.(ast.Object)
		return string(k), ok
	case ast.Number:
		_, ok := of.Value.(*ast.Array)
		i, err := strconv.Atoi(string(k))
		return i, ok && err == nil
	}
	return nil, false
}
