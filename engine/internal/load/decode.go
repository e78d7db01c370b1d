package load

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
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

// decodeYAML decodes one YAML document.
func decodeYAML(text string, limits Limits) (*ast.Term, error) {
	return decodeWithLibrary(text, limits)
}
