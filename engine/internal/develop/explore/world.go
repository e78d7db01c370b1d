// Package explore runs a policy on inputs of its own making: it finds inputs that reach a rule, makes
// them small, and says what stands between an input and a rule. The tools that write tests, look for
// conflicts and try rewrites are built on it.
package explore

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// World is everything that an evaluation depends on, by what a test replaces `with`: "input",
// "data.attest.evidence", "http.send". Values are those of encoding/json, with json.Number.
type World map[string]any

// Path leads to a value of a world: the name of a root, then keys (string) and indexes (int).
type Path []any

// inside is a step into the document that a string holds as JSON.
type inside struct{}

// Edit changes one place of a world: it sets a value, or removes what is there.
type Edit struct {
	Path   Path
	Value  any
	Remove bool
}

// Key tells worlds apart.
func (w World) Key() string { return Text(map[string]any(w)) }

// Text is a value as JSON, with sorted keys.
func Text(value any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error() // values come from JSON or are built here: this can't happen
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// Native is a value of Go in the types of a world.
func Native(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return decode(string(text))
}

func decode(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var out any
	err := decoder.Decode(&out)
	return out, err
}

// Apply returns a world with the edit made; the old one is unchanged. It fails where the path leads
// through something that is neither an object nor an array, or past the end of an array.
func (w World) Apply(e Edit) (World, bool) {
	out, ok := put(map[string]any(w), e.Path, e)
	if !ok {
		return nil, false
	}
	root, ok := out.(map[string]any)
	return World(root), ok
}

func put(at any, path Path, e Edit) (any, bool) {
	if len(path) == 0 {
		return e.Value, !e.Remove
	}
	switch step := path[0].(type) {
	case string:
		return putKey(at, step, path[1:], e)
	case int:
		return putIndex(at, step, path[1:], e)
	case inside:
		text, ok := at.(string)
		if !ok {
			return nil, false
		}
		document, err := decode(text)
		if err != nil {
			return nil, false
		}
		document, ok = put(document, path[1:], e)
		return Text(document), ok
	}
	return nil, false
}

func putKey(at any, key string, rest Path, e Edit) (any, bool) {
	object, ok := at.(map[string]any)
	if at != nil && !ok {
		return nil, false
	}
	out := make(map[string]any, len(object)+1)
	maps.Copy(out, object)
	if len(rest) == 0 && e.Remove {
		_, there := out[key]
		delete(out, key)
		return out, there
	}
	value, ok := put(out[key], rest, e)
	out[key] = value
	return out, ok
}

func putIndex(at any, index int, rest Path, e Edit) (any, bool) {
	array, ok := at.([]any)
	if at != nil && !ok || index > len(array) || index < 0 {
		return nil, false
	}
	out := slices.Clone(array)
	if len(rest) == 0 && e.Remove {
		if index == len(out) {
			return nil, false
		}
		return slices.Delete(out, index, index+1), true
	}
	if index == len(out) {
		out = append(out, nil)
	}
	value, ok := put(out[index], rest, e)
	out[index] = value
	return out, ok
}

// At is the value at a path.
func (w World) At(path Path) (any, bool) {
	var at any = map[string]any(w)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := at.(map[string]any)
			value, ok := object[step]
			if !ok {
				return nil, false
			}
			at = value
		case int:
			array, _ := at.([]any)
			if step < 0 || step >= len(array) {
				return nil, false
			}
			at = array[step]
		case inside:
			text, _ := at.(string)
			document, err := decode(text)
			if err != nil {
				return nil, false
			}
			at = document
		}
	}
	return at, true
}

// Walk visits every value below the roots, parents first, keys in order.
func (w World) Walk(visit func(path Path, value any)) {
	for _, root := range slices.Sorted(maps.Keys(w)) {
		walk(Path{root}, w[root], visit)
	}
}

func walk(path Path, value any, visit func(Path, any)) {
	visit(path, value)
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			walk(append(slices.Clone(path), key), value[key], visit)
		}
	case []any:
		for i, item := range value {
			walk(append(slices.Clone(path), i), item, visit)
		}
	}
}

// Merge lays one value over another: objects key by key, arrays item by item.
func Merge(under, over any) any {
	switch upper := over.(type) {
	case map[string]any:
		lower, ok := under.(map[string]any)
		if !ok {
			return over
		}
		out := maps.Clone(lower)
		for key, value := range upper {
			out[key] = Merge(lower[key], value)
		}
		return out
	case []any:
		lower, ok := under.([]any)
		if !ok {
			return over
		}
		out := slices.Clone(lower)
		for i, value := range upper {
			if i < len(out) {
				out[i] = Merge(out[i], value)
			} else {
				out = append(out, value)
			}
		}
		return out
	}
	return over
}

// Term is a value of a world as OPA has it.
func Term(value any) *ast.Term {
	v, err := ast.InterfaceToValue(value)
	if err != nil {
		return ast.NullTerm() // see Text
	}
	return ast.NewTerm(v)
}

func scalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// Spread takes so many elements evenly.
func Spread[T any](all []T, limit int) []T {
	if len(all) <= limit {
		return all
	}
	out := make([]T, 0, limit)
	for i := range limit {
		out = append(out, all[i*len(all)/limit])
	}
	return out
}
