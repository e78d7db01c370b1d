package check

import (
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A finding that says `secret: true` points at a secret. Whatever is told of the file that holds it, by this policy or
// another, tells it without the secret; reports mask the place itself.
const (
	concealed = "********"
	// minSecret is the shortest text that is taken out of what others say: a password `web` would take names with it.
	minSecret = 8
)

// remember keeps the text at path, where a finding says that it is a secret.
func (f *fileResult) remember(details map[string]any, resource *ast.Term, path []any) {
	if details["secret"] != true {
		return
	}
	for _, key := range path {
		element, err := ast.InterfaceToValue(key)
		if err != nil {
			return
		}
		if resource = resource.Get(ast.NewTerm(element)); resource == nil {
			return
		}
	}
	if text, ok := resource.Value.(ast.String); ok {
		f.secrets = append(f.secrets, pieces(string(text))...)
	}
}

// pieces are what others may say of a text: all of it, a line, what a line gives to a name; as it is, and as a literal.
func pieces(text string) []string {
	parts := []string{text}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		_, value, _ := strings.Cut(line, "=")
		parts = append(parts, line, value)
	}
	for _, part := range parts[:len(parts):len(parts)] {
		quoted := strconv.Quote(part)
		parts = append(parts, quoted[1:len(quoted)-1])
	}
	return parts
}

// conceal takes the secrets of the file out of all that is said of it.
func (f *fileResult) conceal() {
	var pairs []string
	for _, secret := range f.secrets {
		if len(secret) >= minSecret {
			pairs = append(pairs, secret, concealed)
		}
	}
	if len(pairs) == 0 {
		return
	}
	replacer := strings.NewReplacer(pairs...)
	for i := range f.findings {
		f.findings[i].Message = replacer.Replace(f.findings[i].Message)
		f.findings[i].Fix = replacer.Replace(f.findings[i].Fix)
		if len(f.findings[i].Details) > 0 {
			f.findings[i].Details = withoutSecrets(f.findings[i].Details, replacer).(map[string]any)
		}
	}
	for i := range f.problems {
		f.problems[i].Message = replacer.Replace(f.problems[i].Message)
	}
	for _, decision := range f.decisions {
		for _, texts := range [][]string{decision.Violations, decision.Problems} {
			for i := range texts {
				texts[i] = replacer.Replace(texts[i])
			}
		}
	}
}

// withoutSecrets leaves the value as it is: what one resource shows may be remembered for others.
func withoutSecrets(value any, replacer *strings.Replacer) any {
	switch v := value.(type) {
	case string:
		return replacer.Replace(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withoutSecrets(v[i], replacer)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = withoutSecrets(v[key], replacer)
		}
		return out
	}
	return value
}
