package generate

import (
	"encoding/json"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// width is the column at which a value is broken into lines.
const width = 100

// literal writes a value as Rego, on one line where it fits, else one element a line.
func literal(value ast.Value, indent, used int) string {
	flat := flatten(value)
	if used+len(flat) <= width {
		return flat
	}
	open, shut, parts := "", "", []string(nil)
	inner := indent + 1
	switch value := value.(type) {
	case ast.Object:
		open, shut = "{", "}"
		for _, key := range value.Keys() {
			head := flatten(key.Value) + ": "
			parts = append(parts, head+literal(value.Get(key).Value, inner, inner*4+len(head)+1))
		}
	case *ast.Array:
		open, shut = "[", "]"
		value.Foreach(func(item *ast.Term) { parts = append(parts, literal(item.Value, inner, inner*4+1)) })
	case ast.Set:
		open, shut = "{", "}"
		value.Foreach(func(item *ast.Term) { parts = append(parts, literal(item.Value, inner, inner*4+1)) })
	}
	if len(parts) == 0 {
		return flat
	}
	tabs := strings.Repeat("\t", inner)
	return open + "\n" + tabs + strings.Join(parts, ",\n"+tabs) + ",\n" + strings.Repeat("\t", indent) + shut
}

func flatten(value ast.Value) string {
	switch value := value.(type) {
	case ast.String:
		return quoted(string(value))
	case ast.Object:
		var parts []string
		for _, key := range value.Keys() {
			parts = append(parts, flatten(key.Value)+": "+flatten(value.Get(key).Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case *ast.Array:
		var parts []string
		value.Foreach(func(item *ast.Term) { parts = append(parts, flatten(item.Value)) })
		return "[" + strings.Join(parts, ", ") + "]"
	case ast.Set:
		if value.Len() == 0 {
			return "set()"
		}
		var parts []string
		value.Foreach(func(item *ast.Term) { parts = append(parts, flatten(item.Value)) })
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return value.String()
}

// quoted is a text as Rego reads it, with whatever could end a line or hide something escaped.
func quoted(text string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `""` // a text can always be encoded
	}
	return strings.TrimSuffix(out.String(), "\n")
}
