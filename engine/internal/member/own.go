package member

import (
	"encoding/json"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Own is the same value in texts of its own, for whoever keeps it: those of a decoded value are parts of the text of its
// file, which would be held whole.
func Own(t *ast.Term) *ast.Term {
	switch v := t.Value.(type) {
	case ast.String:
		return ast.StringTerm(strings.Clone(string(v)))
	case ast.Number:
		return ast.NumberTerm(json.Number(strings.Clone(string(v))))
	case *ast.Array:
		elements := make([]*ast.Term, v.Len())
		for i := range elements {
			elements[i] = Own(v.Elem(i))
		}
		return ast.ArrayTerm(elements...)
	case ast.Object:
		members := make([][2]*ast.Term, 0, v.Len())
		v.Foreach(func(key, value *ast.Term) { members = append(members, [2]*ast.Term{Own(key), Own(value)}) })
		return ast.ObjectTerm(members...)
	case ast.Set:
		elements := make([]*ast.Term, 0, v.Len())
		v.Foreach(func(element *ast.Term) { elements = append(elements, Own(element)) })
		return ast.SetTerm(elements...)
	}
	return t
}

// OwnJSON is Own for what JSON decodes to; nil stays nil.
func OwnJSON(value any) any {
	switch v := value.(type) {
	case string:
		return strings.Clone(v)
	case json.Number:
		return json.Number(strings.Clone(string(v)))
	case []any:
		if v == nil {
			return v
		}
		elements := make([]any, len(v))
		for i, element := range v {
			elements[i] = OwnJSON(element)
		}
		return elements
	case map[string]any:
		members := make(map[string]any, len(v))
		for key, member := range v {
			members[strings.Clone(key)] = OwnJSON(member)
		}
		return members
	}
	return value
}
