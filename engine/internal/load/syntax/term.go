package syntax

import (
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// trees keeps the memory of trees that were only needed for their terms.
var trees = sync.Pool{New: func() any { return &Tree{} }}

// DecodeYAML reads one YAML document of at most depth levels straight to the value that OPA gets for it from
// kubectl's JSON, and returns the tree that it was made of: whoever calls it recycles that, and does not use it then.
// The error is always a *Declined.
func DecodeYAML(text string, depth int) (*ast.Term, *Tree, error) {
	return decode(text, depth, (*parser).document)
}

func decode(text string, depth int, read func(*parser) bool) (term *ast.Term, tree *Tree, err error) {
	tree = trees.Get().(*Tree)
	if err = tree.parse(text, depth, read); err == nil {
		term, err = tree.Term()
	}
	if err != nil {
		tree.Recycle()
		return nil, nil, err
	}
	return term, tree, nil
}

// Recycle drops the text, which may be large, and large memory.
func (t *Tree) Recycle() {
	if cap(t.nodes) > 1<<14 {
		t.nodes = nil
	}
	clear(t.nodes)
	t.Text = ""
	trees.Put(t)
}

// Term makes the OPA value of the tree. It declines keys that are given twice and scalars that JSON does not have.
func (t *Tree) Term() (*ast.Term, error) {
	b := builder{nodes: t.nodes}
	term, index := b.build(Root)
	if term == nil {
		return nil, &Declined{Offset: t.nodes[index].Start, Reason: b.reason}
	}
	return term, nil
}

// builder makes terms of nodes. Terms come from blocks of memory, as many a block as share it without much waste.
type builder struct {
	nodes  []Node
	terms  []ast.Term
	pairs  [][2]*ast.Term // of the objects that are open
	reason string
}

// build makes the term of the node at index and returns the index after it; nil and the index of the culprit
// when it declines.
func (b *builder) build(index int) (*ast.Term, int) {
	node := &b.nodes[index]
	switch node.Kind {
	case Mapping:
		return b.object(index)
	case Sequence:
		return b.array(index)
	case Text:
		return b.text(node.Value), index + 1
	case Number:
		return b.jsonNumber(node.Value, index)
	}
	return b.plain(node.Value, index)
}

// termBlock is how many terms are allocated at once.
const termBlock = 16

// term puts a value into the block.
func (b *builder) term(value ast.Value) *ast.Term {
	if len(b.terms) == 0 {
		b.terms = make([]ast.Term, termBlock)
	}
	term := &b.terms[0]
	b.terms = b.terms[1:]
	term.Value = value
	return term
}

func (b *builder) decline(reason string, index int) (*ast.Term, int) {
	b.reason = reason
	return nil, index
}

func (b *builder) object(index int) (*ast.Term, int) {
	node := &b.nodes[index]
	first, child := len(b.pairs), index+1
	for range node.size {
		name, ok := b.nodes[child].Key()
		if !ok {
			return b.decline("a key of a rare form", child)
		}
		value, next := b.build(child + 1)
		if value == nil {
			return nil, next
		}
		b.pairs = append(b.pairs, [2]*ast.Term{b.text(name), value})
		child = next
	}
	pairs := b.pairs[first:]
	if hasDuplicate(pairs) {
		return b.decline(DuplicateKey, b.duplicate(index))
	}
	object := ast.NewObject(pairs...) // copies the pairs
	b.pairs = b.pairs[:first]
	return b.term(object), child
}

// hasDuplicate says whether two pairs have the same key.
func hasDuplicate(pairs [][2]*ast.Term) bool {
	if len(pairs) > 16 {
		return hasDuplicateOfMany(pairs)
	}
	for i := 1; i < len(pairs); i++ {
		key := pairs[i][0].Value.(ast.String)
		for _, earlier := range pairs[:i] {
			if earlier[0].Value.(ast.String) == key {
				return true
			}
		}
	}
	return false
}

func hasDuplicateOfMany(pairs [][2]*ast.Term) bool {
	seen := make(map[ast.String]struct{}, len(pairs))
	for _, pair := range pairs {
		seen[pair[0].Value.(ast.String)] = struct{}{}
	}
	return len(seen) < len(pairs)
}

// duplicate is the index of the first key of a mapping that is there already.
func (b *builder) duplicate(mapping int) int {
	seen := map[string]struct{}{}
	for child := mapping + 1; child < b.nodes[mapping].next; child = b.nodes[child+1].next {
		name, _ := b.nodes[child].Key() // build has read it
		if _, twice := seen[name]; twice {
			return child
		}
		seen[name] = struct{}{}
	}
	return mapping
}

func (b *builder) array(index int) (*ast.Term, int) {
	elements := make([]*ast.Term, b.nodes[index].size) // kept by the array
	child := index + 1
	for i := range elements {
		element, next := b.build(child)
		if element == nil {
			return nil, next
		}
		elements[i], child = element, next
	}
	return b.term(ast.NewArray(elements...)), child
}

// text makes a string, or takes the common one for it.
func (b *builder) text(value string) *ast.Term {
	if len(value) <= longestCommon {
		if known, ok := common[value]; ok {
			return known
		}
	}
	return b.term(ast.String(value))
}

func (b *builder) plain(value string, index int) (*ast.Term, int) {
	meaning, number := classify(value)
	switch meaning {
	case isString:
		return b.text(value), index + 1
	case isNull:
		return ast.InternedNullTerm, index + 1
	case isTrue:
		return ast.InternedTerm(true), index + 1
	case isFalse:
		return ast.InternedTerm(false), index + 1
	case isUnsure:
		return b.decline("a number of a rare form", index)
	}
	return b.number(number), index + 1
}

func (b *builder) number(text string) *ast.Term {
	if known := ast.InternedIntNumberTermFromString(text); known != nil {
		return known
	}
	return b.term(ast.Number(text))
}

// jsonNumber makes a number of JSON, which may be out of range.
func (b *builder) jsonNumber(text string, index int) (*ast.Term, int) {
	text, ok := JSONNumber(text)
	if !ok {
		return b.decline("a number out of range", index)
	}
	return b.number(text), index + 1
}
