package load

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"attest.continuu.ms/engine/internal/load/syntax"
	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/model"
)

// positions finds fields in the text of one document. The text is parsed for its positions at the first
// question, unless the tree is there that its value was made of; the items of a list share one.
type positions struct {
	text   string
	isJSON bool
	line   int          // where the text starts in its file
	lent   *syntax.Tree // until it is released
	parse  sync.Once
	tree   *syntax.Tree // nil when no parser that keeps positions can read the text
	mark   sync.Once
	marks  marks

	mu       sync.Mutex
	elements map[int][]int // of long sequences, by the sequence
}

// Locate is the place of the field at path, whose elements are keys (string) and indexes (int), or of its deepest
// ancestor that exists; an empty path is the resource. Columns count code points.
//
// An entry of a mapping spans from its key to the end of a scalar value, or is the key alone; an element of a
// sequence is the scalar, or the first line of the collection. Location.Path is the JSON pointer, within
// the resource, of what was found.
func (d *Document) Locate(path []any) model.Location {
	start, end, found := d.positions.find(d.prefix, path)
	location := model.Location{File: d.File, Path: pointer(path[:found])}
	location.Line, location.Column = d.positions.lineAndColumn(start)
	location.EndLine, location.EndColumn = d.positions.lineAndColumn(end)
	return location
}

// Point is the field at path, or its deepest ancestor that exists, without its place in the text: that of the resource.
func (d *Document) Point(path []any) model.Location {
	at, found := d.Term, 0
	for ; found < len(path); found++ {
		if at = member.At(at, member.Key(path[found])); at == nil {
			break
		}
	}
	return model.Location{File: d.File, Line: d.Line, Column: 1, EndLine: d.Line, EndColumn: 1, Path: pointer(path[:found])}
}

// LocateLine is the place of a line (from 1) of the text at path; false where that is no literal block (`|`), whose
// lines alone are those of the file.
func (d *Document) LocateLine(path []any, line int) (model.Location, bool) {
	text, start, found := d.positions.block(d.prefix, path)
	for ; found && line > 1; line-- {
		_, after, more := strings.Cut(text, "\n")
		start, text, found = start+len(text)-len(after), after, more
	}
	text, _, _ = strings.Cut(text, "\n")
	if !found || line < 1 || strings.TrimSpace(text) == "" {
		return model.Location{}, false
	}
	start += len(text) - len(strings.TrimLeft(text, " \t"))
	location := model.Location{File: d.File, Path: pointer(path)}
	location.Line, location.Column = d.positions.lineAndColumn(start)
	location.EndLine, location.EndColumn = d.positions.lineAndColumn(start + len(strings.TrimSpace(text)))
	return location, true
}

// firstLine is the line of the first key, found without parsing unless the resource is part of a list.
func (d *Document) firstLine() int {
	if len(d.prefix) > 0 {
		return d.Locate(nil).Line
	}
	line, _ := d.positions.lineAndColumn(contentStart(d.positions.text))
	return line
}

func (p *positions) lineAndColumn(offset int) (line, column int) {
	p.mark.Do(func() { p.marks = newMarks(p.text) })
	line, column = p.marks.lineAndColumn(p.text, offset)
	return p.line + line - 1, column
}

// longSequence is how many elements of a sequence are passed by to reach another; beyond, where they stand is remembered.
const longSequence = 32

// element of a sequence by its index; -1 where there is none.
func (p *positions) element(sequence, index int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, known := p.elements[sequence]
	if !known {
		p.parsed().Children(sequence, func(child int) bool {
			all = append(all, child)
			return true
		})
		if p.elements == nil {
			p.elements = map[int][]int{}
		}
		p.elements[sequence] = all
	}
	if index < 0 || index >= len(all) {
		return -1
	}
	return all[index]
}

// find returns the span of the field at path below prefix, and how many elements of path exist.
func (p *positions) find(prefix, path []any) (start, end, found int) {
	tree := p.parsed()
	if tree == nil {
		start = contentStart(p.text)
		return start, endOfLine(p.text, start), 0
	}
	s := search{tree: tree, positions: p}
	s.follow(prefix)
	if found = s.follow(path); found > 0 {
		start, end = s.span()
	} else {
		start, end = s.firstLine()
	}
	return start, end, found
}

// block is what follows the head of the literal block at path, and where.
func (p *positions) block(prefix, path []any) (text string, start int, found bool) {
	tree := p.parsed()
	if tree == nil {
		return "", 0, false
	}
	s := search{tree: tree, positions: p}
	if s.follow(prefix) < len(prefix) || s.follow(path) < len(path) {
		return "", 0, false
	}
	node := s.tree.Node(s.tree.Resolve(s.node))
	head, text, found := strings.Cut(tree.Text[node.Start:node.End], "\n")
	return text, node.Start + len(head) + 1, found && strings.HasPrefix(head, "|")
}

// parsed is the tree of the text; nil where no parser that keeps positions can read it.
func (p *positions) parsed() *syntax.Tree {
	if p.lent != nil {
		return p.lent
	}
	p.parse.Do(p.parseOnce)
	return p.tree
}

// release gives back the tree of which the value was made. Where somebody asks for a place later, the text is parsed again.
func (p *positions) release() {
	if p.lent != nil {
		p.lent.Recycle()
		p.lent = nil
	}
}

func (p *positions) parseOnce() {
	var err error
	if p.isJSON {
		p.tree, err = syntax.ParseJSON(p.text, maxDepth)
	} else if p.tree, err = syntax.ParseYAML(p.text, maxDepth); err != nil {
		p.tree, err = syntax.ParseWithLibrary(p.text)
	}
	if err != nil {
		p.tree = nil
	}
}

// maxDepth bounds positions only: the document was decoded within its own limit.
const maxDepth = 10_000

// contentStart is where the first key or element of a document starts.
func contentStart(text string) int {
	offset := len(text) - len(strings.TrimPrefix(text, byteOrderMark))
	for offset < len(text) {
		line := strings.TrimLeft(text[offset:lineEnd(text, offset)], " \t")
		if content := strings.TrimRight(line, "\r\n"); content != "" && !strings.ContainsRune("#%", rune(content[0])) &&
			!strings.HasPrefix(content, separator) {
			offset = lineEnd(text, offset) - len(line)
			break
		}
		offset = lineEnd(text, offset)
	}
	if inside := strings.TrimPrefix(text[offset:], "{"); len(inside) < len(text)-offset {
		if inside = strings.TrimLeft(inside, " \t\r\n"); strings.HasPrefix(inside, `"`) {
			return len(text) - len(inside)
		}
	}
	return offset
}

// pointerEscapes are those of RFC 6901.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// pointer writes a path as a JSON pointer.
func pointer(path []any) string {
	var text strings.Builder
	for _, element := range path {
		text.WriteByte('/')
		if index, isIndex := element.(int); isIndex {
			text.WriteString(strconv.Itoa(index))
		} else {
			text.WriteString(pointerEscapes.Replace(fmt.Sprint(element)))
		}
	}
	return text.String()
}
