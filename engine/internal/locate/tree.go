package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Bounds of the copy; below them a value is known by its nearest ancestor.
const (
	maxNodes = 200_000
	maxDepth = 200
)

// derived is an object that a rule has made, and the place that it says something about.
type derived struct {
	term *ast.Term
	of   *node
}

// node is a place in the resource.
type node struct {
	parent  *node
	key     any // string or int
	term    *ast.Term
	depth   int
	indices int // how many of the keys from the root are indices of arrays
}

func (n *node) path() []any {
	if n == nil || n.depth == 0 {
		return nil
	}
	path := make([]any, n.depth)
	for ; n.parent != nil; n = n.parent {
		path[n.depth-1] = n.key
	}
	return path
}

func (n *node) below(above *node) bool {
	for ; n != nil && n.depth > above.depth; n = n.parent {
	}
	return n == above
}

// common is the deepest place that holds both.
func common(a, b *node) *node {
	for a != b {
		if a.depth < b.depth {
			a, b = b, a
		}
		a = a.parent
	}
	return a
}

// tree is a copy of the resource that shares no term with anything else, so that a term tells its place.
type tree struct {
	root  *node
	nodes map[*ast.Term]*node // values, and the keys of objects
	equal map[int][]*node     // objects by hash, for those that the evaluation has copied; made when first needed
	from  map[int][]derived   // objects that rules made of what they read, by hash
}

func newTree(resource *ast.Term) *tree {
	t := &tree{nodes: map[*ast.Term]*node{}, from: map[int][]derived{}}
	t.root = t.add(resource, nil, nil)
	return t
}

func (t *tree) add(src *ast.Term, parent *node, key any) *node {
	n := &node{parent: parent, key: key}
	if parent != nil {
		n.depth, n.indices = parent.depth+1, parent.indices
	}
	if _, ok := key.(int); ok {
		n.indices++
	}
	n.term = ast.NewTerm(t.copyValue(src.Value, n))
	t.nodes[n.term] = n
	return n
}

func (t *tree) copyValue(value ast.Value, n *node) ast.Value {
	if n.depth >= maxDepth || len(t.nodes) >= maxNodes {
		return value
	}
	switch v := value.(type) {
	case ast.Object:
		return t.copyObject(v, n)
	case *ast.Array:
		elements := make([]*ast.Term, 0, v.Len())
		for i := range v.Len() {
			elements = append(elements, t.add(v.Elem(i), n, i).term)
		}
		return ast.NewArray(elements...)
	}
	return value
}

func (t *tree) copyObject(v ast.Object, n *node) ast.Value {
	items := make([][2]*ast.Term, 0, v.Len())
	v.Foreach(func(key, value *ast.Term) {
		name, ok := key.Value.(ast.String)
		if !ok {
			items = append(items, [2]*ast.Term{key, value})
			return
		}
		child := t.add(value, n, string(name))
		own := ast.NewTerm(name)
		t.nodes[own] = child
		items = append(items, [2]*ast.Term{own, child.term})
	})
	return ast.NewObject(items...)
}

// input is the input of the query with the copy in place of the resource.
func (t *tree) input(q Query) *ast.Term {
	input := q.Input
	for _, root := range q.Roots {
		if len(root) > 0 && input != nil {
			input = t.replace(input, root[1:], q.Resource)
		}
	}
	return input
}

func (t *tree) replace(in *ast.Term, path ast.Ref, resource *ast.Term) *ast.Term {
	if len(path) == 0 {
		if in == resource || in.Value.Compare(resource.Value) == 0 {
			return t.root.term
		}
		return in
	}
	object, ok := in.Value.(ast.Object)
	if !ok || object.Get(path[0]) == nil {
		return in
	}
	items := make([][2]*ast.Term, 0, object.Len())
	object.Foreach(func(key, value *ast.Term) {
		if key.Equal(path[0]) {
			value = t.replace(value, path[1:], resource)
		}
		items = append(items, [2]*ast.Term{key, value})
	})
	return ast.NewTerm(ast.NewObject(items...))
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
		next := child(at.term, keys.Elem(i))
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
			start = child(start, keys[i])
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
		next := child(at.term, key)
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

func child(term, key *ast.Term) *ast.Term {
	switch v := term.Value.(type) {
	case ast.Object:
		return v.Get(key)
	case *ast.Array:
		return v.Get(key)
	case ast.Set:
		if v.Contains(key) {
			return key
		}
	}
	return nil
}

// transfer is the place that has below one value what n has below an equal one.
func (t *tree) transfer(n, from, to *node) *node {
	if n == nil || from == nil || to == nil || n.depth < from.depth {
		return n
	}
	if n == from {
		return to
	}
	above := t.transfer(n.parent, from, to)
	if above == n.parent {
		return n
	}
	if twin := t.nodes[child(above.term, keyTerm(n.key))]; twin != nil {
		return twin
	}
	return above
}

func keyTerm(key any) *ast.Term {
	if i, ok := key.(int); ok {
		return ast.InternedTerm(i)
	}
	name, _ := key.(string)
	return ast.InternedTerm(name)
}
