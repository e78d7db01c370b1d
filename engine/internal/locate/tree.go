package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// Bounds of the copy; below them a value is known by its nearest ancestor.
const (
	maxNodes = 200_000
	maxDepth = 200
)

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

// Copy is a copy of a resource that shares no term with anything else, so that a term tells its place. It is made when it
// is first needed, serves all rules that are asked about the resource one after the other, and belongs to one goroutine.
type Copy struct {
	of    *ast.Term
	root  *node
	nodes map[*ast.Term]*node // values, and the keys of objects
	equal map[int][]*node     // objects by hash, for those that the evaluation has copied; made when first needed
	spots *spots
	notes notes

	sketch   *Sketch
	sketched bool
}

// seen is the resource seen from afar; nil where it is too large to be worth it.
func (c *Copy) seen() *Sketch {
	if !c.sketched {
		c.sketch, c.sketched = NewSketch(c.of), true
	}
	return c.sketch
}

// places are those of the resource itself.
func (c *Copy) places() *spots {
	if c.spots == nil {
		c.spots = newSpots(c.of)
	}
	return c.spots
}

// NewCopy is that of a resource.
func NewCopy(resource *ast.Term) *Copy { return &Copy{of: resource} }

// tree is the copy as one evaluation sees it.
type tree struct {
	*Copy
	from map[int][]derived // objects that rules made of what they read, by hash
}

func newTree(c *Copy) *tree {
	if c.root == nil {
		c.nodes = map[*ast.Term]*node{}
		c.root = c.add(c.of, nil, nil)
	}
	return &tree{Copy: c, from: map[int][]derived{}}
}

func (c *Copy) add(src *ast.Term, parent *node, key any) *node {
	n := &node{parent: parent, key: key}
	if parent != nil {
		n.depth, n.indices = parent.depth+1, parent.indices
	}
	if _, ok := key.(int); ok {
		n.indices++
	}
	n.term = ast.NewTerm(c.copyValue(src.Value, n))
	c.nodes[n.term] = n
	return n
}

func (c *Copy) copyValue(value ast.Value, n *node) ast.Value {
	if n.depth >= maxDepth || len(c.nodes) >= maxNodes {
		return value
	}
	switch v := value.(type) {
	case ast.Object:
		return c.copyObject(v, n)
	case *ast.Array:
		elements := make([]*ast.Term, 0, v.Len())
		for i := range v.Len() {
			elements = append(elements, c.add(v.Elem(i), n, i).term)
		}
		return ast.NewArray(elements...)
	}
	return value
}

func (c *Copy) copyObject(v ast.Object, n *node) ast.Value {
	items := make([][2]*ast.Term, 0, v.Len())
	v.Foreach(func(key, value *ast.Term) {
		name, ok := key.Value.(ast.String)
		if !ok {
			items = append(items, [2]*ast.Term{key, value})
			return
		}
		child := c.add(value, n, string(name))
		own := ast.NewTerm(name)
		c.nodes[own] = child
		items = append(items, [2]*ast.Term{own, child.term})
	})
	return ast.NewObject(items...)
}

// input is the input of the query with the copy in place of the resource.
func (t *tree) input(q *Query) *ast.Term {
	if q.copied == nil {
		q.copied = q.Input
		for _, root := range q.Roots {
			if len(root) > 0 && q.copied != nil {
				q.copied = t.replace(q.copied, root[1:], q.Resource)
			}
		}
	}
	return q.copied
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
	if twin := t.nodes[member.At(above.term, member.Key(n.key))]; twin != nil {
		return twin
	}
	return above
}
