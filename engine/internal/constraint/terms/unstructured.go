package terms

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Unstructured is a resource as Kubernetes decodes its JSON, nil where there is none: whole numbers are int64, others float64.
func Unstructured(t *ast.Term) (map[string]any, error) {
	if t == nil {
		return nil, nil
	}
	if object, isObject := t.Value.(ast.Object); isObject && Text(t, "kind") != "" {
		if content, ok := content(object); ok {
			return content, nil
		}
	}
	raw, err := JSON(t) // whatever is wrong with it is Kubernetes' to say
	if err != nil {
		return nil, err
	}
	var out unstructured.Unstructured
	err = json.Unmarshal(raw, &out)
	return out.Object, err
}

// content is false for what JSON would change, or refuse.
func content(object ast.Object) (map[string]any, bool) {
	out := make(map[string]any, object.Len())
	return out, !object.Until(func(key, value *ast.Term) bool {
		name, isText := key.Value.(ast.String)
		if !isText || !utf8.ValidString(string(name)) {
			return true
		}
		decoded, ok := decoded(value)
		out[string(name)] = decoded
		return !ok
	})
}

func decoded(t *ast.Term) (value any, ok bool) {
	switch v := t.Value.(type) {
	case ast.Null:
		return nil, true
	case ast.Boolean:
		return bool(v), true
	case ast.String:
		return string(v), utf8.ValidString(string(v))
	case ast.Number:
		return number(string(v))
	case ast.Object:
		return content(v)
	case *ast.Array:
		out := make([]any, v.Len())
		for i := range out {
			if out[i], ok = decoded(v.Elem(i)); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

func number(text string) (any, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole, true
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil
}
