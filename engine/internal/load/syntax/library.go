package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ParseWithLibrary reads one YAML document with a library that keeps positions, for the documents that ParseYAML
// declines. Starts are exact; the ends of scalars over several lines are those of their first line.
func ParseWithLibrary(text string) (tree *Tree, err error) {
	defer func() {
		if cause := recover(); cause != nil { // a fault of the library costs a position, not the process
			tree, err = nil, fmt.Errorf("the YAML library failed: %v", cause)
		}
	}()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, err
	}
	c := converter{tree: &Tree{Text: text}, lines: lineStarts(text), indexes: map[*yaml.Node]int{}}
	if len(document.Content) > 0 {
		c.convert(document.Content[0])
	}
	if len(c.tree.nodes) == 0 {
		return nil, &Declined{Reason: "the document is empty"}
	}
	return c.tree, nil
}

// lineStarts are the offsets at which lines start, by YAML's notion of a line break.
func lineStarts(text string) []int {
	starts := []int{0}
	for i, c := range text {
		switch c {
		case '\r':
			if strings.HasPrefix(text[i+1:], "\n") {
				continue
			}
			fallthrough
		case '\n', '\u0085', '\u2028', '\u2029':
			starts = append(starts, i+utf8.RuneLen(c))
		}
	}
	return starts
}

// converter turns the nodes of the library into a tree.
type converter struct {
	tree    *Tree
	lines   []int
	indexes map[*yaml.Node]int
}

func (c *converter) convert(node *yaml.Node) {
	index := len(c.tree.nodes)
	c.indexes[node] = index
	start := c.offset(node)
	c.tree.nodes = append(c.tree.nodes, Node{Start: start, End: start, Value: node.Value})
	end := start
	for _, child := range node.Content {
		c.convert(child)
		end = c.tree.nodes[len(c.tree.nodes)-1].End
	}
	n := &c.tree.nodes[index]
	n.next = len(c.tree.nodes)
	switch node.Kind {
	case yaml.MappingNode:
		n.Kind, n.size, n.End = Mapping, len(node.Content)/2, c.collectionEnd(node, end)
	case yaml.SequenceNode:
		n.Kind, n.size, n.End = Sequence, len(node.Content), c.collectionEnd(node, end)
	case yaml.AliasNode:
		n.Kind, n.size, n.End = Alias, c.indexes[node.Alias], start+1+len(node.Value)
	default:
		if node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			n.Kind = Text
		}
		n.End = c.scalarEnd(node, start)
	}
}

// offset is where the library says that a node starts.
func (c *converter) offset(node *yaml.Node) int {
	if node.Line < 1 || node.Line > len(c.lines) {
		return len(c.tree.Text)
	}
	offset := c.lines[node.Line-1]
	if strings.HasPrefix(c.tree.Text[offset:], "\ufeff") {
		offset += len("\ufeff")
	}
	for column := 1; column < node.Column && offset < len(c.tree.Text); column++ {
		_, width := utf8.DecodeRuneInString(c.tree.Text[offset:])
		offset += width
	}
	return offset
}

// collectionEnd includes the bracket that closes a flow collection.
func (c *converter) collectionEnd(node *yaml.Node, end int) int {
	if node.Style&yaml.FlowStyle == 0 {
		return end
	}
	if length := strings.IndexAny(c.tree.Text[end:], "]}"); length >= 0 {
		return end + length + 1
	}
	return end
}

// scalarEnd finds the end of a scalar on the line it starts on, behind its tag and anchor.
func (c *converter) scalarEnd(node *yaml.Node, start int) int {
	if node.Value == "" && node.Style == 0 { // left out: the library puts it where the next token is
		return start
	}
	p := parser{text: c.tree.Text, pos: start}
	for p.pos < len(p.text) && (p.text[p.pos] == '&' || p.text[p.pos] == '!') {
		for !p.blankAt(p.pos) {
			p.pos++
		}
		p.pos = p.skipSpaces(p.pos)
	}
	if p.atBreak(p.pos) {
		return start
	}
	end, _, _ := p.scanPlain(p.pos, classPlainStop)
	switch c := p.text[p.pos]; {
	case c == '"' || c == '\'':
		if quoted := p.quoteEnd(p.pos); quoted >= 0 {
			return quoted
		}
	case c == '|' || c == '>':
		if p.blockScalar(-1); len(p.nodes) > 0 {
			return p.lastEnd()
		}
	case node.Value != "" && strings.HasPrefix(p.text[p.pos:], node.Value):
		return p.pos + len(node.Value)
	}
	return end
}
