package load

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load/syntax"
)

// Decode turns one YAML or JSON document into the value that OPA gets for it from kubectl's JSON.
// Its error is a *Failure with the place.
func Decode(text []byte, limits Limits) (*ast.Term, error) {
	limits = limits.orDefault()
	if int64(len(text)) > limits.DocumentBytes {
		return nil, tooLarge("document", limits.DocumentBytes)
	}
	document := string(text)
	if looksLikeJSON(document) {
		decoded, end, err := decodeJSON(document, limits)
		decoded.recycle()
		if err == nil && strings.TrimSpace(document[end:]) == "" {
			return decoded.term, nil
		}
	}
	decoded, err := decodeYAML(document, limits)
	decoded.recycle()
	return decoded.term, err
}

// decoded is the value of a document, and what a person should know about it.
type decoded struct {
	term    *ast.Term
	warning *Failure
	tree    *syntax.Tree // of the text; nil where it was not made
}

func (d *decoded) recycle() {
	if d.tree != nil {
		d.tree.Recycle()
		d.tree = nil
	}
}

// decodeYAML decodes one YAML document: with the fast parser where that is sure of itself, else with the library
// that kubectl uses. Its error is a *Failure.
func decodeYAML(text string, limits Limits) (decoded, error) {
	term, tree, err := syntax.DecodeYAML(text, limits.Depth)
	if err == nil {
		return decoded{term: term, tree: tree}, nil
	}
	declined := err.(*syntax.Declined)
	if term, err = decodeWithLibrary(text, limits); err != nil {
		return decoded{}, explain(err, text, declined)
	}
	return decoded{term: term, warning: duplicateWarning(text, declined)}, nil
}

// decodeJSON decodes the JSON value at the start of text and returns where it ends.
func decodeJSON(text string, limits Limits) (value decoded, end int, err error) {
	term, tree, err := syntax.DecodeJSON(text, limits.Depth)
	if err == nil {
		return decoded{term: term, tree: tree}, len(tree.Text), nil
	}
	declined := err.(*syntax.Declined)
	if term, end, err = decodeJSONWithLibrary(text, limits); err != nil {
		return decoded{}, end, err
	}
	return decoded{term: term, warning: duplicateWarning(text, declined)}, end, nil
}

// explain gives an error of the library the place where the fast parser stopped, when both mean the same place:
// the library knows lines only, and not always.
func explain(err error, text string, declined *syntax.Declined) *Failure {
	failure := *yamlFailure(err, text)
	line, column := lineAndColumn(text, declined.Offset)
	if declined.Reason == syntax.OpenQuote && failure.Code == CodeSyntax {
		failure.Message, failure.Hint, failure.Line = declined.Reason, "close the quote", 0
	}
	if failure.Line == 0 || max(line-failure.Line, failure.Line-line) <= 1 {
		failure.Line, failure.Column = line, column
	}
	return &failure
}

// duplicateWarning says which of two equal keys counts; nil when the fast parser declined for another reason.
func duplicateWarning(text string, declined *syntax.Declined) *Failure {
	if declined.Reason != syntax.DuplicateKey {
		return nil
	}
	line, column := lineAndColumn(text, declined.Offset)
	return &Failure{
		Code: CodeDuplicate, Message: "the key is given twice in this mapping; only the last one counts",
		Hint: "remove one of the two", Line: line, Column: column,
	}
}
