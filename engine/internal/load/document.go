package load

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/model"
)

// Document is one resource of a file. Term and what Native returns are shared: they must not be changed.
type Document struct {
	Term     *ast.Term // the decoded object
	Resource model.Resource
	File     string // as shown to the user
	Line     int    // of its first key

	prefix    []any // where the resource lies in its document: below `items` of a list
	positions *positions
	native    any // made by Native
}

// Native is the document as the Kubernetes machinery wants it (member.Native). It is made at the first call, which must not
// happen in two goroutines at once.
func (d *Document) Native() any {
	if d.native == nil {
		d.native, _ = member.Native(d.Term) // a number out of range is an infinity, which compares as it should
	}
	return d.native
}

// item is the i-th element of a list document.
func (d *Document) item(i int, term *ast.Term) *Document {
	prefix := append(d.prefix[:len(d.prefix):len(d.prefix)], "items", i)
	return &Document{Term: term, File: d.File, prefix: prefix, positions: d.positions}
}

// withTypeOf gives an item that names neither kind nor version those of its list, as kubectl does: any kind will do,
// with or without a `List` at its end, and an item that is null is an empty one.
func withTypeOf(item *ast.Term, list ast.Object) *ast.Term {
	listKind, _ := stringOf(list.Get(termKind))
	kind := strings.TrimSuffix(listKind, "List")
	if kind == "" {
		return item
	}
	typed := ast.NewObject()
	if !isAbsent(item) {
		object, ok := item.Value.(ast.Object)
		if !ok || nonEmpty(object, termKind) || nonEmpty(object, termAPIVersion) {
			return item
		}
		object.Foreach(typed.Insert)
	}
	version, _ := stringOf(list.Get(termAPIVersion))
	typed.Insert(termAPIVersion, ast.StringTerm(version))
	typed.Insert(termKind, ast.StringTerm(kind))
	return ast.NewTerm(typed)
}

// nonEmpty says whether a text stands at a key.
func nonEmpty(object ast.Object, key *ast.Term) bool {
	value, _ := stringOf(object.Get(key))
	return value != ""
}
