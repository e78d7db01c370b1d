// Package syntax reads the ordinary part of YAML, and JSON, in one pass into a flat tree that knows where every
// node lies in the text, and makes OPA terms of it.
//
// It covers what manifests are written in: block mappings and sequences, plain, quoted, literal and folded
// scalars, flow collections. Everything else (anchors, tags, merge keys, directives, odd indentation) and every
// error it declines, and says where: the caller then asks the reference library. What it does accept, it must
// read exactly as kubectl does; the tests of this package and of package load compare the two.
package syntax

// Kind tells what a node is.
type Kind uint8

// Kinds of nodes.
const (
	Plain    Kind = iota // a scalar without quotes, whose type its text decides
	Text                 // a quoted, literal or folded scalar
	Number               // a number of JSON, as written
	Sequence             // its elements follow
	Mapping              // its keys and values follow in turns
	Alias                // stands for another node; only in trees of the library
)

// Node is one value or key. Start and End are byte offsets in the text of the tree, End exclusive; a value that
// is left out has no extent.
type Node struct {
	Kind  Kind
	Start int
	End   int
	Value string // the text of a scalar, quotes and folding resolved
	size  int    // elements of a sequence, entries of a mapping, index of what an alias stands for
	next  int    // index of the node after the last one below this one
}

// Tree is a parsed document: its nodes in the order of the text, each before what it contains.
type Tree struct {
	Text  string
	nodes []Node
}

// Root is the index of the outermost node.
const Root = 0

// Size is how many nodes it has; no tree has none.
func (t *Tree) Size() int {
	if t == nil {
		return 0
	}
	return len(t.nodes)
}

// Node returns the node at an index.
func (t *Tree) Node(index int) *Node { return &t.nodes[index] }

// Resolve follows an alias to the index of what it stands for.
func (t *Tree) Resolve(index int) int {
	if node := &t.nodes[index]; node.Kind == Alias {
		return node.size
	}
	return index
}

// Children calls yield with the index of each child of a node, for a mapping keys and values in turns.
func (t *Tree) Children(index int, yield func(child int) bool) {
	last := t.nodes[index].next
	for child := index + 1; child < last; child = t.nodes[child].next {
		if !yield(child) {
			return
		}
	}
}

// IsCollection says whether a node has children, or could have.
func (n *Node) IsCollection() bool { return n.Kind == Sequence || n.Kind == Mapping }

// Declined is why and where the parser gave up; the text may be valid all the same.
type Declined struct {
	Offset int
	Reason string
}

func (d *Declined) Error() string { return d.Reason }

// Reasons that mean more than that the parser does not know the form.
const (
	DuplicateKey = "a key that is given twice"
	OpenQuote    = "a quote is opened here and never closed"
)
