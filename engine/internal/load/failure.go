package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"attest.continuu.ms/engine/internal/model"
)

// Codes of the problems that this package reports.
const (
	CodeUnreadable = "manifest_unreadable"    // missing, not permitted, not a regular file
	CodeSyntax     = "manifest_syntax"        // neither YAML nor JSON
	CodeInvalid    = "manifest_invalid"       // a resource whose shape no API server accepts
	CodeLimit      = "manifest_limit"         // refused for its size, depth or aliases
	CodeDuplicate  = "manifest_duplicate_key" // a warning where the last one counts, an error where either may
)

// Failure is why one document can't be decoded. Line and Column are 1-based in the decoded text, 0 when unknown.
type Failure struct {
	Code    string
	Message string
	Hint    string
	Line    int
	Column  int
}

func (f *Failure) Error() string {
	if f.Line == 0 {
		return f.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Message)
}

// problem places a failure of a text that starts at the given line of a file.
func (f *Failure) problem(file string, firstLine int) model.Problem {
	line, column := firstLine, 1
	if f.Line > 0 {
		line, column = firstLine+f.Line-1, max(f.Column, 1)
	}
	return model.Problem{
		Severity: model.Error, Code: f.Code, Message: f.Message, Hint: f.Hint,
		File: file, Line: line, Column: column,
	}
}

// yamlErrorText takes the line out of a message of the YAML library.
var yamlErrorText = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// yamlFailure explains an error of the YAML library for the text that caused it.
func yamlFailure(err error, text string) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	match := yamlErrorText.FindStringSubmatch(err.Error())
	if match == nil {
		return &Failure{Code: CodeSyntax, Message: model.OneLine(err.Error())}
	}
	line, _ := strconv.Atoi(match[1]) // empty when the library names no line
	if strings.HasPrefix(match[2], "did not find expected") {
		line++ // the library counts the lines of its parser errors from zero
	}
	return &Failure{
		Code: CodeSyntax, Message: model.OneLine(match[2]), Hint: yamlHint(match[2]),
		Line: line, Column: indentOfLine(text, line) + 1,
	}
}

// yamlHints says what usually causes a message of the YAML library.
var yamlHints = []struct{ message, hint string }{
	{"mapping values are not allowed", "check the indentation of this line, and quote a value that holds `: `"},
	{"cannot start any token", "indent with spaces, not tabs, and quote a value that starts with `@`, `%` or a backtick"},
	{"tab character", "indent with spaces, not tabs"},
	{"could not find expected ':'", "a key needs a `:` after it; check the indentation and open quotes above"},
	{"did not find expected node content", "a value or a closing bracket is missing here or above"},
	{"did not find expected key", "check the indentation of this line and the lines above"},
	{"did not find expected '-' indicator", "check the indentation of this list"},
	{"unexpected end of stream", "a quote is opened and never closed"},
	{"control characters", "the file is not text; save it as UTF-8"},
	{"UTF-8", "save the file as UTF-8"},
	{"unknown anchor", "define the anchor with `&` above this line"},
	{"invalid map key", "a key must be text; quote it when it holds braces or brackets"},
	{"excessive aliasing", "write the values out instead of repeating them through aliases"},
}

func yamlHint(message string) string {
	for _, known := range yamlHints {
		if strings.Contains(message, known.message) {
			return known.hint
		}
	}
	return ""
}

// jsonFailure explains an error of the JSON decoder for the text that caused it.
func jsonFailure(err error, text string) *Failure {
	failure := &Failure{Code: CodeSyntax, Message: "invalid JSON: " + model.OneLine(err.Error())}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset := min(max(int(syntax.Offset)-1, 0), len(text))
		failure.Line, failure.Column = lineAndColumn(text, offset)
	} else if strings.Contains(err.Error(), "unexpected EOF") {
		failure.Message = "invalid JSON: the text ends before the object does"
		failure.Line, failure.Column = lineAndColumn(text, len(strings.TrimRight(text, " \t\r\n")))
	}
	return failure
}
