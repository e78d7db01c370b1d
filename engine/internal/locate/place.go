package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/member"
)

// derived is an object that a rule has made, and the place that it says something about.
type derived struct {
	term *ast.Term
	of   *node
}

// find tells where a value sits: by identity, else, for an object that says something, by equality.
func (t *tree) find(term *ast.Term) *node {
	if n := t.nodes[term]; n != nil {
		return n
	}
	object, ok := term.Value.(ast.Object)
	if !ok || object.Len() < 2 {
		return nil
	}
	if t.equal == nil {
		t.indexObjects()
	}
	for _, n := range t.equal[object.Hash()] {
		if n.term.Value.Compare(object) == 0 {
			return n
		}
	}
	return nil
}

func (t *tree) indexObjects() {
	t.equal = map[int][]*node{}
	t.indexBelow(t.root)
}

// indexBelow goes in the order of the document, so that of equal objects the first is found.
func (t *tree) indexBelow(n *node) {
	visit := func(term *ast.Term) {
		if child := t.nodes[term]; child != nil {
			t.indexBelow(child)
		}
	}
	switch v := n.term.Value.(type) {
	case ast.Object:
		t.equal[v.Hash()] = append(t.equal[v.Hash()], n)
		v.Foreach(func(_, value *ast.Term) { visit(value) })
	case *ast.Array:
		v.Foreach(visit)
	}
}

// made notes an object that a rule made, as a value of its own, of what it read in one place.
func (t *tree) made(rule *ast.Rule, evt *topdown.Event, c candidate) {
	value := rule.Head.Value
	if isSet(rule) {
		value = rule.Head.Key
	}
	if c.class < generator || value == nil || value.IsGround() {
		return
	}
	term := evt.Plug(value)
	if object, ok := term.Value.(ast.Object); ok && object.Len() > 1 && t.nodes[term] == nil {
		t.from[object.Hash()] = append(t.from[object.Hash()], derived{term, c.at})
	}
}

// name tells which place a value speaks of without being there: a list of keys that leads somewhere, or an object that
// a rule made of it.
func (t *tree) name(term *ast.Term) *node {
	switch v := term.Value.(type) {
	case *ast.Array:
		if v.Len() > 1 && v.Len() < maxDepth {
			return t.lookup(v)
		}
	case ast.Object:
		for _, d := range t.from[v.Hash()] {
			if d.term.Value.Compare(v) == 0 {
				return d.of
			}
		}
	}
	return nil
}

func (t *tree) lookup(keys *ast.Array) *node {
	at := t.root
	for i := range keys.Len() {
		next := member.At(at.term, keys.Elem(i))
		if next == nil || t.nodes[next] == nil {
			return nil
		}
		at = t.nodes[next]
	}
	return at
}

// place is where a reference leads: the deepest value that exists, and how many keys of the reference are left.
type place struct {
	at      *node
	missing int
	named   bool // the evaluation has a name of the place, not its value
}

// follow goes from a value along keys. It ends at a key that is still a variable: the reference is about all of them.
func (t *tree) follow(start *ast.Term, keys ast.Ref) (place, bool) {
	at := t.find(start)
	for i := 0; at == nil && i <= len(keys); i++ {
		named := t.name(start)
		if i < len(keys) {
			start = member.At(start, keys[i])
		}
		if named != nil && (i == len(keys) || start == nil || t.find(start) == nil) {
			return place{at: named, named: true}, true
		}
		if i == len(keys) || start == nil {
			return place{}, false
		}
		if at = t.find(start); at != nil {
			keys = keys[i+1:]
		}
	}
	return t.descend(at, keys), true
}

// descend goes from a place of the resource along keys.
func (t *tree) descend(at *node, keys ast.Ref) place {
	for i, key := range keys {
		if _, open := key.Value.(ast.Var); open {
			break
		}
		next := member.At(at.term, key)
		if next == nil {
			return place{at: at, missing: len(keys) - i}
		}
		if t.nodes[next] == nil {
			break // below the bounds of the copy
		}
		at = t.nodes[next]
	}
	return place{at: at}
}
