package load

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// Source is a file to read, or a text that is at hand already.
type Source struct {
	Path string // as shown to the user
	Text []byte // nil: read the file at Path
	Real string // the path without links, of what a walk found; "" where that is not known
	// Hidden: met in a folder that was named, at or below a name that begins with a dot, where tools keep their own files.
	Hidden bool

	content []byte // of the file at Path, where Fetch has read it
}

// Fetch reads the bytes of a source, and gives them to whoever reads the source returned: nobody else sees others.
func Fetch(source Source, limits Limits) (Source, []byte, *model.Problem) {
	content, problem := readSource(source, limits.orDefault().FileBytes)
	if problem == nil && source.Text == nil {
		source.content = content
	}
	return source, content, problem
}

// File is what one source holds.
type File struct {
	Documents []*Document
	Skipped   []model.Skipped
	Problems  []model.Problem
}

// Read decodes every document of a source. A document that can't be read becomes a problem, one that is no
// Kubernetes resource is skipped with the reason; the others are returned all the same.
func Read(source Source, limits Limits) File { return read(source, limits, 0) }

// ReadForPlaces is Read for whoever will ask where fields stand, and releases the file then.
func ReadForPlaces(source Source, limits Limits) File { return read(source, limits, mostNodes) }

// mostNodes are kept of a file for its places, about a megabyte.
const mostNodes = 1 << 14

// Release gives back what was kept for places. Whoever uses a document of the file at the same time must have done so before.
func (f *File) Release() {
	for _, document := range f.Documents {
		document.positions.release()
	}
}

func read(source Source, limits Limits, room int) File {
	r := reader{path: source.Path, onDisk: source.Text == nil, hidden: source.Hidden, limits: limits.orDefault(), room: room, line: 1}
	raw, problem := readSource(source, r.limits.FileBytes)
	if problem != nil {
		r.file.Problems = append(r.file.Problems, *problem)
		return r.file
	}
	r.text = string(raw)
	if encoding := foreignEncoding(r.text); encoding != "" {
		r.report(model.Problem{ // kubectl may be able to read it
			Severity: model.Error, Code: CodeSyntax, Line: 1, Column: 1,
			Message: "the file is encoded as " + encoding, Hint: "save the file as UTF-8",
		})
		return r.file
	}
	if looksLikeJSON(r.text) {
		r.readJSON()
	} else {
		r.readYAML(0)
	}
	return r.file
}

// reader holds the state of reading one source.
type reader struct {
	path   string
	onDisk bool // whether path is that of a file, not the name of a text
	hidden bool // as in Source
	text   string
	limits Limits
	room   int // nodes of trees that may still be kept
	file   File
	count  int // documents so far
	offset int // where line begins to count
	line   int // the line of offset
}

// readYAML reads the documents from offset on, as kubectl splits them.
func (r *reader) readYAML(offset int) {
	for offset < len(r.text) {
		document, next := nextYAML(r.text, offset)
		r.checkSeparator(document.start)
		if strings.HasPrefix(r.text[document.end:], separator) {
			r.checkSeparator(document.end)
		}
		if !r.within(document) {
			return
		}
		if decoded, err := r.decodeYAML(document); err != nil {
			r.failed(document, err)
		} else {
			r.accept(document, decoded, false)
		}
		offset = next
	}
}

func (r *reader) decodeYAML(document chunk) (decoded, error) {
	if int64(document.end-document.start) > r.limits.DocumentBytes {
		return decoded{}, tooLarge("document", r.limits.DocumentBytes)
	}
	return decodeYAML(r.text[document.start:document.end], r.limits)
}

// checkSeparator reports text after a `---`, which kubectl refuses.
func (r *reader) checkSeparator(offset int) {
	if !strings.HasPrefix(r.text[offset:], separator) {
		return
	}
	if rest := badSeparator(r.text, offset); rest != "" {
		r.report(model.Problem{
			Severity: model.Error, Code: CodeSyntax, Line: r.lineOf(offset), Column: len(separator) + 1,
			Message: fmt.Sprintf("`---` must stand on a line of its own, not before `%s`", model.Short(rest)),
			Hint:    "move what follows `---` to the next line",
		})
	}
}

// within counts a document and reports when it passes a limit; reading ends at the limit of documents.
func (r *reader) within(document chunk) bool {
	if r.count++; r.count > r.limits.Documents {
		r.failed(document, &Failure{
			Code: CodeLimit, Message: fmt.Sprintf("the file holds more than %d documents", r.limits.Documents),
			Hint: "split the file",
		})
		return false
	}
	return true
}

// accept files a decoded document under what it is: nothing, foreign, a list or a resource.
func (r *reader) accept(document chunk, value decoded, isJSON bool) {
	if isAbsent(value.term) {
		value.recycle()
		return
	}
	if value.tree.Size() > r.room {
		value.recycle()
	}
	r.room -= value.tree.Size()
	place := &positions{text: r.text[document.start:document.end], isJSON: isJSON, line: r.lineOf(document.start), lent: value.tree}
	if value.warning != nil {
		problem := value.warning.problem(r.path, place.line)
		problem.Severity = model.Warning
		r.report(problem)
	}
	r.expand(&Document{Term: value.term, File: r.path, positions: place})
}

// expand files a document, or the items of a list in its place.
func (r *reader) expand(document *Document) {
	if reason := foreign(document.Term, r.path); reason != "" {
		r.file.Skipped = append(r.file.Skipped, model.Skipped{File: r.path, Line: document.Locate(nil).Line, Reason: reason})
		return
	}
	object := document.Term.Value.(ast.Object)
	items, ok := arrayOf(object.Get(termItems))
	if !ok {
		r.file.add(document, object)
		return
	}
	for i := range items.Len() {
		item := document.item(i, withTypeOf(items.Elem(i), object))
		if isAbsent(item.Term) {
			continue
		}
		if !r.within(chunk{r.offset, r.offset}) {
			return
		}
		r.expand(item)
	}
}

// add files a resource, or the problem with its shape.
func (f *File) add(document *Document, object ast.Object) {
	resource, wrong := identify(object)
	if wrong != nil {
		location := document.Locate(wrong.path)
		f.Problems = append(f.Problems, model.Problem{
			Severity: model.Error, Code: CodeInvalid, Message: wrong.message, Hint: wrong.hint, File: document.File,
			Line: location.Line, Column: location.Column, EndLine: location.EndLine, EndColumn: location.EndColumn,
		})
		return
	}
	document.Resource = resource
	document.Resource.Template = document.positions.template()
	document.Line = document.firstLine()
	f.Documents = append(f.Documents, document)
}
