package load

import (
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"attest.continuu.ms/engine/internal/model"
)

// readJSON reads concatenated JSON objects. As in kubectl, what follows at most one object may be YAML.
func (r *reader) readJSON() {
	for objects, end := 0, 0; ; objects++ {
		offset := end + len(r.text[end:]) - len(strings.TrimLeft(r.text[end:], " \t\r\n"))
		if offset == len(r.text) {
			return
		}
		value, length, err := r.decodeJSON(offset)
		if syntax := isSyntax(err); syntax && objects > 1 {
			r.failed(chunk{offset, len(r.text)}, jsonFailure(err, r.text[offset:]))
			return
		} else if syntax {
			r.readRest(end, offset, err)
			return
		}
		document := chunk{offset, offset + length}
		if end = document.end; !r.within(document) {
			return
		}
		if err != nil {
			r.failed(document, err)
			continue
		}
		r.accept(document, value, true)
	}
}

// decodeJSON decodes the object at offset. What is larger than the limit is refused without looking further.
func (r *reader) decodeJSON(offset int) (value decoded, length int, err error) {
	text := r.text[offset:]
	if limit := r.limits.DocumentBytes; int64(len(text)) > limit {
		text = text[:limit]
	}
	value, length, err = decodeJSON(text, r.limits)
	if len(text) < len(r.text)-offset && errors.Is(err, io.ErrUnexpectedEOF) {
		return value, len(r.text) - offset, tooLarge("document", r.limits.DocumentBytes)
	}
	return value, length, err
}

// readRest reads as YAML what is no JSON: from the end of the last object on, where kubectl takes it up. Where nothing
// of it is YAML and the file is called JSON, the error of the JSON decoder, at offset, explains it.
func (r *reader) readRest(end, offset int, jsonErr error) {
	before := r.file
	r.readYAML(end + whiteSpace(r.text[end:]))
	isSyntax := func(p model.Problem) bool { return p.Code == CodeSyntax }
	wrong := slices.ContainsFunc(r.file.Problems[len(before.Problems):], isSyntax)
	read := len(r.file.Documents) > len(before.Documents) || len(r.file.Skipped) > len(before.Skipped)
	if !wrong || read || !strings.HasSuffix(strings.ToLower(r.path), ".json") {
		return
	}
	r.file.Problems = before.Problems
	r.report(jsonFailure(jsonErr, r.text[offset:]).problem(r.path, r.lineOf(offset)))
}

// whiteSpace is the length of what kubectl drops between JSON and YAML: white space up to the end of its first line.
func whiteSpace(text string) (length int) {
	for length < len(text) {
		character, size := utf8.DecodeRuneInString(text[length:])
		if !unicode.IsSpace(character) {
			break
		}
		if length += size; character == '\n' {
			break
		}
	}
	return length
}

// isSyntax tells an error of the JSON decoder from a refusal of ours.
func isSyntax(err error) bool {
	var failure *Failure
	return err != nil && !errors.As(err, &failure)
}
