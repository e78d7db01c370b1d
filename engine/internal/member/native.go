package member

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Native is a value as the Kubernetes machinery wants it: map[string]any, []any, string, bool, nil, int64 for whole numbers and
// float64 for others. It is not exact where JSON would have it otherwise, or not at all: texts that are no UTF-8, numbers that
// are none or out of range (an infinity), keys that are no texts, sets.
func Native(t *ast.Term) (value any, exact bool) {
	switch v := t.Value.(type) {
	case ast.Null:
		return nil, true
	case ast.Boolean:
		return bool(v), true
	case ast.String:
		return string(v), utf8.ValidString(string(v))
	case ast.Number:
		return nativeNumber(string(v))
	case *ast.Array:
		return nativeArray(v)
	case ast.Object:
		return nativeObject(v)
	}
	return nil, false
}

func nativeObject(object ast.Object) (members map[string]any, exact bool) {
	members, exact = make(map[string]any, object.Len()), true
	object.Foreach(func(key, value *ast.Term) {
		name, isText := key.Value.(ast.String)
		member, same := Native(value)
		members[string(name)] = member
		exact = exact && same && isText && utf8.ValidString(string(name))
	})
	return members, exact
}

func nativeArray(array *ast.Array) (elements []any, exact bool) {
	elements, exact = make([]any, array.Len()), true
	for i := range elements {
		element, same := Native(array.Elem(i))
		elements[i], exact = element, exact && same
	}
	return elements, exact
}

func nativeNumber(text string) (value any, exact bool) {
	exact = json.Valid([]byte(text))
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole, exact
	}
	float, err := strconv.ParseFloat(text, 64)
	return float, exact && err == nil
}
