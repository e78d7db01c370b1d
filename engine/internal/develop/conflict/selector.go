package conflict

import "slices"

// selector is a label selector: all of its requirements must hold.
type selector []requirement

// requirement is one of a selector, as in `matchExpressions`.
type requirement struct {
	key, operator string
	values        []string
}

func readSelector(value any) selector {
	block, _ := value.(map[string]any)
	var out selector
	labels, _ := block["matchLabels"].(map[string]any)
	for _, key := range sortedKeys(labels) {
		out = append(out, requirement{key, "In", []string{text(labels[key])}})
	}
	expressions, _ := block["matchExpressions"].([]any)
	for _, entry := range expressions {
		object, _ := entry.(map[string]any)
		out = append(out, requirement{text(object["key"]), text(object["operator"]), texts(object["values"])})
	}
	return out
}

func (s selector) and(other selector) selector { return append(slices.Clone(s), other...) }

func (s selector) accepts(labels map[string]any) bool {
	return !slices.ContainsFunc(s, func(r requirement) bool {
		value, there := labels[r.key].(string)
		return !r.accepts(value, there)
	})
}

func (r requirement) accepts(value string, there bool) bool {
	switch r.operator {
	case "In":
		return there && slices.Contains(r.values, value)
	case "NotIn":
		return !there || !slices.Contains(r.values, value)
	case "Exists":
		return there
	case "DoesNotExist":
		return !there
	}
	return false // no other operator loads
}

// possible says whether labels exist that a selector accepts: each key can be looked at by itself, and
// what matters are the values that are named, another one, and none.
func (s selector) possible() bool {
	for _, r := range s {
		ofKey := slices.DeleteFunc(slices.Clone(s), func(other requirement) bool { return other.key != r.key })
		candidates := []string{"any-other-value"}
		for _, other := range ofKey {
			candidates = append(candidates, other.values...)
		}
		if !ofKey.accepts(nil) && !slices.ContainsFunc(candidates, func(value string) bool {
			return ofKey.accepts(map[string]any{r.key: value})
		}) {
			return false
		}
	}
	return true
}

// part says whether every requirement is one of another selector, too.
func (s selector) part(of selector) bool {
	return !slices.ContainsFunc(s, func(r requirement) bool {
		return !slices.ContainsFunc(of, func(other requirement) bool {
			return r.key == other.key && r.operator == other.operator && slices.Equal(r.values, other.values)
		})
	})
}
