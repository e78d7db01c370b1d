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
		term, end, err := decodeJSON(document, limits)
		if err == nil && strings.TrimSpace(document[end:]) == "" {
			return term, nil
		}
	}
	return decodeYAML(document, limits)
}

// decodeYAML decodes one YAML document: with the fast parser where that is sure of itself, else with the library
// that kubectl uses.
func decodeYAML(text string, limits Limits) (*ast.Term, error) {
	term, declined := syntax.DecodeYAML(text, limits.Depth)
	if declined == nil {
		return term, nil
	}
	return decodeWithLibrary(text, limits)
}

// decodeJSON decodes the JSON value at the start of text and returns where it ends.
func decodeJSON(text string, limits Limits) (term *ast.Term, end int, err error) {
	if term, end, declined := syntax.DecodeJSON(text, limits.Depth); declined == nil {
		return term, end, nil
	}
	return decodeJSONWithLibrary(text, limits)
}
