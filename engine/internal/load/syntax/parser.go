package syntax

import "strings"

// parser reads one document. Its methods return false when they decline; reason and stop then say why and where.
type parser struct {
	text      string
	pos       int // the next byte to read
	lineStart int // offset of the line that pos is on
	column    int // of the token at pos, after endLine; -1 at the end of the text
	commented bool
	depth     int // levels that may still be opened
	nodes     []Node
	buffer    []byte // scratch for scalars that are not a slice of the text
	reason    string
	stop      int
}

// ParseYAML reads one YAML document of at most depth levels. The error is always a *Declined.
func ParseYAML(text string, depth int) (*Tree, error) {
	tree := &Tree{nodes: make([]Node, 0, len(text)/bytesPerNode+1)}
	return tree, tree.parse(text, depth, (*parser).document)
}

// bytesPerNode is about what manifests have.
const bytesPerNode = 10

// parse fills the tree, reusing its memory.
func (t *Tree) parse(text string, depth int, read func(*parser) bool) error {
	p := parser{text: text, depth: depth, nodes: t.nodes[:0]}
	accepted := read(&p)
	t.Text, t.nodes = text, p.nodes
	if !accepted {
		return &Declined{Offset: p.stop, Reason: p.reason}
	}
	return nil
}

func (p *parser) decline(reason string) bool {
	p.reason, p.stop = reason, p.pos
	return false
}

// document reads the whole text as one document.
func (p *parser) document() bool {
	if !p.acceptable() {
		return false
	}
	p.pos = len(p.text) - len(strings.TrimPrefix(p.text, "\ufeff"))
	p.lineStart = p.pos
	if !p.nextContent(p.pos) {
		return false
	}
	if p.column == 0 && strings.HasPrefix(p.text[p.pos:], "---") {
		if p.pos += 3; !p.endLine() {
			return false
		}
	}
	if p.column == 0 && strings.HasPrefix(p.text[p.pos:], "...") {
		return p.decline("a marker of a document")
	}
	if p.column < 0 {
		p.absent(len(p.text))
		return true
	}
	if !p.blockNode(p.column, -1) {
		return false
	}
	return p.column < 0 || p.decline("text after the end of the document")
}

// endLine reads what may follow a value on its line, a comment at most, and goes on to the next token.
func (p *parser) endLine() bool {
	i := p.skipSpaces(p.pos)
	if i == len(p.text) {
		return p.nextContent(i)
	}
	switch p.text[i] {
	case '\n', '\r':
		return p.nextContent(i)
	case '#':
		if i > p.pos {
			return p.nextContent(i)
		}
	}
	p.pos = i
	return p.decline("unexpected text after a value")
}

// nextContent goes to the next token at or after offset, which is at white space or a comment, over empty lines
// and comments, and notes its column.
func (p *parser) nextContent(offset int) bool {
	p.commented = false
	for i := offset; ; {
		i = p.skipSpaces(i)
		if i == len(p.text) {
			p.pos, p.column = i, -1
			return true
		}
		switch p.text[i] {
		case '#':
			p.commented = p.commented || i > offset
			if i = p.lineFeed(i); i == len(p.text) {
				continue
			}
			i++
		case '\n', '\r':
			i++
		case '\t':
			p.pos = i
			return p.decline("a tab where only spaces may stand")
		default:
			p.pos, p.column = i, i-p.lineStart
			return true
		}
		p.lineStart = i
	}
}

// skipSpaces is the offset of the first byte at or after i that is no space.
func (p *parser) skipSpaces(i int) int {
	for i < len(p.text) && p.text[i] == ' ' {
		i++
	}
	return i
}

// lineFeed is the offset of the line feed at or after i, or the end of the text.
func (p *parser) lineFeed(i int) int {
	if length := strings.IndexByte(p.text[i:], '\n'); length >= 0 {
		return i + length
	}
	return len(p.text)
}

// atBreak says whether a line, or the text, ends at offset i.
func (p *parser) atBreak(i int) bool {
	return i >= len(p.text) || p.text[i] == '\n' || p.text[i] == '\r'
}

// blankAt says whether a space or the end of the line is at offset i.
func (p *parser) blankAt(i int) bool { return p.atBreak(i) || p.text[i] == ' ' }

// dashAt says whether an entry of a sequence starts at pos.
func (p *parser) dashAt() bool { return p.text[p.pos] == '-' && p.blankAt(p.pos+1) }

// open appends a collection; close completes it.
func (p *parser) open(kind Kind) (index int, ok bool) {
	if p.depth--; p.depth < 0 {
		return 0, p.decline("nested too deeply")
	}
	p.nodes = append(p.nodes, Node{Kind: kind, Start: p.pos})
	return len(p.nodes) - 1, true
}

// close completes the collection at index, which ends at offset end.
func (p *parser) close(index, size, end int) bool {
	p.depth++
	node := &p.nodes[index]
	node.size, node.next, node.End = size, len(p.nodes), end
	return true
}

// lastEnd is where the last node ends.
func (p *parser) lastEnd() int { return p.nodes[len(p.nodes)-1].End }

func (p *parser) scalar(kind Kind, start, end int, value string) {
	p.nodes = append(p.nodes, Node{Kind: kind, Start: start, End: end, Value: value, next: len(p.nodes) + 1})
}

// absent appends the value that is left out after the text that ends at offset.
func (p *parser) absent(offset int) { p.scalar(Plain, offset, offset, "") }
