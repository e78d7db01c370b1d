package explore

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// How many worlds of each sort Nearby tries.
const (
	maxForeign = 60
	maxInserts = 300
	maxSwaps   = 40
	maxAdvice  = 120
)

// Nearby are worlds a step or two from one, with what they come to: parameters, values that are removed,
// replaced, exchanged, of another type or new, and what the conditions that fail there ask for.
func (p *Pool) Nearby(ctx context.Context, w World) []Found {
	s := p.Subject
	settings := s.parameterEdits(w)
	worlds := w.Applied(settings, havoc(w, s.Words), foreign(w), inserts(w, append(slices.Clone(s.Words.optional), wishes(s.Words.own)...)), s.Hints(ctx, w))
	worlds = append(worlds, swaps(w)...)
	for _, set := range w.Applied(settings) {
		advice := s.Hints(ctx, set)
		worlds = append(worlds, set.Applied(advice[:min(len(advice), maxAdvice)])...)
	}
	return perShape(p.evaluate(ctx, w, worlds))
}

// maxPerShape is how many worlds that take the same way through a policy are worth another look.
const maxPerShape = 30

// perShape leaves so many worlds of each way, evenly.
func perShape(all []Found) []Found {
	count, turn := map[string]int{}, map[string]int{}
	for _, found := range all {
		count[found.Outcome.Shape()]++
	}
	return slices.DeleteFunc(all, func(found Found) bool {
		shape := found.Outcome.Shape()
		i := turn[shape]
		turn[shape]++
		return count[shape] > maxPerShape && i*maxPerShape/count[shape] == (i-1)*maxPerShape/count[shape] && i > 0
	})
}

// evaluate runs worlds that are not the given one, each once.
func (p *Pool) evaluate(ctx context.Context, w World, worlds []World) []Found {
	var out []Found
	seen := map[string]bool{w.Key(): true}
	for _, other := range worlds {
		key := other.Key()
		if seen[key] || ctx.Err() != nil || p.Exhausted() {
			continue
		}
		seen[key] = true
		if outcome := p.Subject.Run(ctx, other); outcome.Err == nil {
			outcome.features = nil
			out = append(out, Found{other, outcome, p.Weigh(other)})
		} else {
			p.Failed++
		}
	}
	return out
}

// Applied are the worlds that edits make of one, each by itself.
func (w World) Applied(lists ...[]Edit) []World {
	var out []World
	for _, edits := range lists {
		for _, e := range edits {
			if changed, ok := w.Apply(e); ok {
				out = append(out, changed)
			}
		}
	}
	return out
}

// foreign are values of another type at the places of scalars: what a check of types is there for.
func foreign(w World) []Edit {
	var out []Edit
	w.Walk(func(path Path, value any) {
		if len(path) < 3 || !scalar(value) || len(out) >= maxForeign {
			return
		}
		other := any(number(1))
		if typeOf(value) == "number" {
			other = "1"
		}
		out = append(out, Edit{Path: path, Value: other})
	})
	return out
}

// WithFields are worlds that have one of some fields where the given one has not.
func (w World) WithFields(fields []string) []World { return w.Applied(inserts(w, wishes(fields))) }

// wishes are fields of which nothing is known.
func wishes(fields []string) []wish {
	var out []wish
	for _, field := range fields {
		name := Likely(field)
		out = append(out, wish{field, []any{name, true, []any{name}, number(1), []any{map[string]any{}}, map[string]any{"example": name}}})
	}
	return out
}

// inserts are fields in the objects of a world that lack them.
func inserts(w World, fields []wish) []Edit {
	var out []Edit
	w.Walk(func(path Path, value any) {
		object, ok := value.(map[string]any)
		if !ok || len(path) < 2 {
			return
		}
		for _, wish := range fields {
			if _, there := object[wish.field]; there || len(out) >= maxInserts {
				continue
			}
			for _, value := range wish.values {
				out = append(out, Edit{Path: append(slices.Clone(path), wish.field), Value: value})
			}
		}
	})
	return out
}

// swaps exchange two scalars of one type.
func swaps(w World) []World {
	var places []Path
	w.Walk(func(path Path, value any) {
		if scalar(value) && len(path) > 1 {
			places = append(places, path)
		}
	})
	var out []World
	for i, a := range places {
		for _, b := range places[i+1:] {
			left, _ := w.At(a)
			right, _ := w.At(b)
			if len(out) >= maxSwaps || typeOf(left) != typeOf(right) || left == right {
				continue
			}
			if half, ok := w.Apply(Edit{Path: a, Value: right}); ok {
				if whole, ok := half.Apply(Edit{Path: b, Value: left}); ok {
					out = append(out, whole)
				}
			}
		}
	}
	return out
}

// Substitute is a world with scalars and keys replaced by their text; false where it has none of them.
func (w World) Substitute(by map[string]any) (World, bool) {
	found := false
	out := World{}
	for name, root := range w {
		out[name] = substitute(root, by, &found)
	}
	return out, found
}

func substitute(value any, by map[string]any, found *bool) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			name := key
			if other, ok := by[key].(string); ok {
				name, *found = other, true
			}
			out[name] = substitute(value[key], by, found)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = substitute(item, by, found)
		}
		return out
	case string:
		if other, ok := by[value]; ok {
			*found = true
			return other
		}
	}
	return value
}

// maxTreasures bounds how many values of other worlds are tried in one.
const maxTreasures = 40

// splices are edits with what other worlds of the pool have: a text that stands anywhere, at every place
// of a text, and whole roots beside the input; and fields that are looked up with a default.
func (p *Pool) splices(w World) []Edit {
	out := append(slices.Clone(p.roots), inserts(w, p.Subject.Words.optional)...)
	w.Walk(func(path Path, value any) {
		old, ok := value.(string)
		if !ok || len(path) < 3 || strings.HasSuffix(path.String(), "apiVersion") || path[len(path)-1] == "kind" {
			return
		}
		for _, text := range p.treasures {
			if text != old {
				out = append(out, Edit{Path: path, Value: text})
			}
		}
	})
	return out
}

// stock notes what a world has beside the input, for splices.
func (p *Pool) stock(w World) {
	for _, name := range slices.Sorted(maps.Keys(w)) {
		value := w[name]
		known := func(e Edit) bool { return e.Path[0] == name && Text(e.Value) == Text(value) }
		if name != "input" && len(p.roots) < maxTreasures && !slices.ContainsFunc(p.roots, known) {
			p.roots = append(p.roots, Edit{Path: Path{name}, Value: value})
		}
	}
}

// treasure notes the texts of a world, for splices.
func (p *Pool) treasure(w World) {
	w.Walk(func(path Path, value any) {
		if key := path[len(path)-1]; key == "apiVersion" || key == "kind" {
			return
		}
		if text, ok := value.(string); ok && len(text) <= maxWord && len(p.treasures) < maxTreasures && !slices.Contains(p.treasures, text) {
			p.treasures = append(p.treasures, text)
		}
	})
}
