package load

import (
	"errors"
	"io"
	"strings"
)

// readJSON reads concatenated JSON objects. As in kubectl, what follows at most one object may be YAML.
func (r *reader) readJSON() {
	offset := 0
	for objects := 0; ; objects++ {
		offset += len(r.text[offset:]) - len(strings.TrimLeft(r.text[offset:], " \t\r\n"))
		if offset == len(r.text) {
			return
		}
		value, end, err := r.decodeJSON(offset)
		if syntax := isSyntax(err); syntax && objects > 1 {
			r.failed(chunk{offset, len(r.text)}, jsonFailure(err, r.text[offset:]))
			return
		} else if syntax {
			r.readRest(offset, err)
			return
		}
		document := chunk{offset, offset + end}
		if offset = document.end; !r.within(document) {
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
func (r *reader) decodeJSON(offset int) (value decoded, end int, err error) {
	text := r.text[offset:]
	if limit := r.limits.DocumentBytes; int64(len(text)) > limit {
		text = text[:limit]
	}
	value, end, err = decodeJSON(text, r.limits)
	if len(text) < len(r.text)-offset && errors.Is(err, io.ErrUnexpectedEOF) {
		return value, len(r.text) - offset, tooLarge("document", r.limits.DocumentBytes)
	}
	return value, end, err
}

// readRest reads as YAML what is no JSON, and explains the JSON error when it is no YAML either.
func (r *reader) readRest(offset int, jsonErr error) {
	if isCommentedJSON(r.path, r.text) {
		r.failed(chunk{offset, len(r.text)}, jsonFailure(jsonErr, r.text[offset:]))
		return
	}
	before := len(r.file.Problems)
	r.readYAML(offset)
	if len(r.file.Problems) == before || !strings.HasSuffix(strings.ToLower(r.path), ".json") {
		return
	}
	r.file.Problems = r.file.Problems[:before]
	r.failed(chunk{offset, len(r.text)}, jsonFailure(jsonErr, r.text[offset:]))
}

// isSyntax tells an error of the JSON decoder from a refusal of ours.
func isSyntax(err error) bool {
	var failure *Failure
	return err != nil && !errors.As(err, &failure)
}
