package locate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// pointerEscapes are those of a JSON Pointer (RFC 6901).
var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// Bounds of a path that a rule states.
const (
	maxPathText = 4096
	maxPathKeys = 256
)

// FromEntry is the path that an entry states itself: under `path`, `_loc` or `field`, in the entry or in its `details`,
// as a JSON pointer, dotted (`spec.containers[0].image`) or a list of keys. A path that leads beyond what exists is
// that of its deepest existing ancestor; a text that leads nowhere at all is something else, such as a path on a host.
func FromEntry(entry, resource *ast.Term) ([]any, bool) {
	if entry == nil || resource == nil {
		return nil, false
	}
	object, ok := entry.Value.(ast.Object)
	if !ok {
		return nil, false
	}
	if path, ok := stated(object, resource); ok {
		return path, true
	}
	if details := object.Get(ast.InternedTerm("details")); details != nil {
		if inner, ok := details.Value.(ast.Object); ok {
			return stated(inner, resource)
		}
	}
	return nil, false
}

// NamesField says whether an entry may state a path, wherever that leads.
func NamesField(entry *ast.Term) bool {
	object, ok := entry.Value.(ast.Object)
	if !ok {
		return false
	}
	details := object.Get(ast.InternedTerm("details"))
	return names(entry) || details != nil && names(details)
}

func names(value *ast.Term) bool {
	object, ok := value.Value.(ast.Object)
	return ok && slices.ContainsFunc(fields, func(name string) bool { return object.Get(ast.InternedTerm(name)) != nil })
}

// fields are what a path is stated under.
var fields = []string{"path", "_loc", "field"}

func stated(object ast.Object, resource *ast.Term) ([]any, bool) {
	for _, name := range fields {
		value := object.Get(ast.InternedTerm(name))
		if value == nil {
			continue
		}
		if inner, ok := value.Value.(ast.Object); ok {
			value = inner.Get(ast.InternedTerm("path"))
		}
		if value == nil {
			continue
		}
		if keys, ok := split(value); ok {
			if path, ok := resolve(resource, keys); ok {
				return path, true
			}
		}
	}
	return nil, false
}

// split reads the keys of a path in any of its forms.
func split(value *ast.Term) ([]string, bool) {
	switch v := value.Value.(type) {
	case ast.String:
		return splitText(string(v))
	case *ast.Array:
		return splitList(v)
	}
	return nil, false
}

func splitList(list *ast.Array) ([]string, bool) {
	if list.Len() > maxPathKeys {
		return nil, false
	}
	keys := make([]string, 0, list.Len())
	for i := range list.Len() {
		switch k := list.Elem(i).Value.(type) {
		case ast.String:
			keys = append(keys, string(k))
		case ast.Number:
			keys = append(keys, string(k))
		default:
			return nil, false
		}
	}
	return keys, true
}

func splitText(text string) ([]string, bool) {
	if len(text) > maxPathText {
		return nil, false
	}
	text = strings.TrimPrefix(text, "#")
	if text == "" {
		return nil, true
	}
	var keys []string
	if strings.HasPrefix(text, "/") {
		for _, key := range strings.Split(text[1:], "/") {
			keys = append(keys, pointerEscapes.Replace(key))
		}
	} else {
		keys = splitDotted(text)
	}
	return keys, len(keys) > 0 && len(keys) <= maxPathKeys
}

// splitDotted reads `a.b[0]["c.d"]`, with or without `$.` or the reference of the resource in front.
func splitDotted(text string) []string {
	for _, prefix := range []string{"$.", "input.review.object.", "input.resource.", "input.request.object."} {
		text = strings.TrimPrefix(text, prefix)
	}
	var keys []string
	for text != "" {
		switch text[0] {
		case '.':
			text = text[1:]
		case '[':
			end := strings.IndexByte(text, ']')
			if end < 0 {
				return nil
			}
			keys = append(keys, strings.Trim(text[1:end], `"'`))
			text = text[end+1:]
		default:
			end := strings.IndexAny(text, ".[")
			if end < 0 {
				end = len(text)
			}
			keys = append(keys, text[:end])
			text = text[end:]
		}
	}
	return keys
}

// resolve follows the keys as far as they lead.
func resolve(resource *ast.Term, keys []string) ([]any, bool) {
	var path []any
	at := resource
	for i := 0; i < len(keys); {
		next, key, used := descend(at, keys[i:])
		if next == nil {
			break
		}
		path = append(path, key)
		at = next
		i += used
	}
	return path, len(path) > 0 || len(keys) == 0
}

// descend takes one key, or several joined by dots: the keys of labels and annotations have dots of their own.
func descend(at *ast.Term, keys []string) (next *ast.Term, key any, used int) {
	switch v := at.Value.(type) {
	case *ast.Array:
		i, err := strconv.Atoi(keys[0])
		if err == nil && i >= 0 && i < v.Len() {
			return v.Elem(i), i, 1
		}
	case ast.Object:
		for used := 1; used <= len(keys); used++ {
			name := strings.Join(keys[:used], ".")
			if value := v.Get(ast.StringTerm(name)); value != nil {
				return value, name, used
			}
		}
	}
	return nil, nil, 0
}
