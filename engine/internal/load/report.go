package load

import (
	"errors"
	"strings"

	"attest.continuu.ms/engine/internal/model"
)

// failed reports a document that can't be decoded, or skips it where it never was a manifest.
func (r *reader) failed(document chunk, err error) {
	text, line := r.text[document.start:document.end], r.lineOf(document.start)
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = &Failure{Code: CodeSyntax, Message: model.OneLine(err.Error())}
	}
	reason, rest := r.excuse(failure, text)
	if reason != "" {
		r.file.Skipped = append(r.file.Skipped, model.Skipped{File: r.path, Line: line, Reason: reason})
		return
	}
	r.report(rest.problem(r.path, line))
}

func (r *reader) report(problem model.Problem) {
	problem.File = r.path
	r.file.Problems = append(r.file.Problems, problem)
}

// lineOf is the line of an offset; offsets come in rising order mostly, so each line is counted once.
func (r *reader) lineOf(offset int) int {
	if offset < r.offset {
		r.offset, r.line = 0, 1
	}
	r.line += strings.Count(r.text[r.offset:offset], "\n")
	r.offset = offset
	return r.line
}

// foreignEncoding names an encoding that is not UTF-8, as Windows tools write it.
func foreignEncoding(text string) string {
	switch {
	case strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return "UTF-16"
	}
	return ""
}
