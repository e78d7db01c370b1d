package load

import "attest.continuu.ms/engine/internal/model"

// positions finds fields in the text of one document.
type positions struct {
	text   string
	isJSON bool
	line   int // where the text starts in its file
}

func (d *Document) firstLine() int { return d.positions.line }

// Locate is the place of the field at path, or of its deepest ancestor that exists.
func (d *Document) Locate(path []any) model.Location {
	return model.Location{File: d.File, Line: d.positions.line, Column: 1}
}
