package admission

import (
	"maps"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// node is a place in a tree of objects: it has members, or is an object. Once the edit that made it is over it never
// changes, so that trees share what they have in common.
type node struct {
	members map[string]*node
	object  *ast.Term
	bytes   int64 // what the object weighs

	made sync.Once
	term *ast.Term
}

// value is the tree below as a term, made when it is first asked for.
func (n *node) value() *ast.Term {
	if n == nil {
		return ast.ObjectTerm()
	}
	n.made.Do(func() {
		if n.term = n.object; n.term != nil {
			return
		}
		items := make([][2]*ast.Term, 0, len(n.members))
		for key, member := range n.members {
			items = append(items, ast.Item(ast.StringTerm(key), member.value()))
		}
		n.term = ast.ObjectTerm(items...)
	})
	return n.term
}

// edit makes a tree out of another, which stays as it is. It belongs to one goroutine.
type edit struct {
	root *node
	own  map[*node]bool // what this edit has made, and may still change
}

func editOf(root *node) *edit { return &edit{root, map[*node]bool{}} }

// mine is a place that may be changed: itself, or a copy.
func (e *edit) mine(n *node) *node {
	if e.own[n] {
		return n
	}
	made := &node{members: map[string]*node{}}
	if n != nil && n.members != nil {
		made.members = maps.Clone(n.members)
	}
	e.own[made] = true
	return made
}

// put sets an object and returns what it replaces, with whether this edit had put that.
func (e *edit) put(path []string, object *ast.Term, bytes int64) (replaced *node, own bool) {
	e.root = e.mine(e.root)
	at := e.root
	for _, key := range path[:len(path)-1] {
		at.members[key] = e.mine(at.members[key])
		at = at.members[key]
	}
	last := path[len(path)-1]
	replaced = at.members[last]
	leaf := &node{object: object, bytes: bytes}
	e.own[leaf], at.members[last] = true, leaf
	return replaced, e.own[replaced]
}

// remove takes an object away, with the places that hold nothing without it, and returns it; nil where there is none.
func (e *edit) remove(path []string) (removed *node) {
	e.root, removed = e.without(e.root, path)
	return removed
}

func (e *edit) without(at *node, path []string) (left, removed *node) {
	if at == nil || at.members[path[0]] == nil {
		return at, nil
	}
	below, removed := (*node)(nil), at.members[path[0]]
	if len(path) > 1 {
		if below, removed = e.without(removed, path[1:]); removed == nil {
			return at, nil
		}
	}
	at = e.mine(at)
	if at.members[path[0]] = below; below == nil {
		delete(at.members, path[0])
	}
	if len(at.members) == 0 {
		return nil, removed
	}
	return at, removed
}
