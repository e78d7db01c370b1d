package conflict

import (
	"maps"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// implies says whether whatever satisfies this conjunction satisfies the other: each literal of the
// other follows from one of this, with the variables of the other standing for some of this.
func (c conjunction) implies(other conjunction) bool {
	return c.cover(other, binding{})
}

// binding says which variable stands for which. Several may stand for the same: what holds for one
// container holds for some.
type binding map[ast.Var]ast.Var

func (b binding) with(from, to []ast.Var) (binding, bool) {
	if len(from) != len(to) {
		return nil, false
	}
	out := maps.Clone(b)
	for i, v := range from {
		if bound, known := out[v]; known && bound != to[i] {
			return nil, false
		}
		out[v] = to[i]
	}
	return out, true
}

func (c conjunction) cover(wanted conjunction, bound binding) bool {
	if len(wanted) == 0 {
		return true
	}
	for _, l := range c {
		if next, ok := l.gives(wanted[0], bound); ok && c.cover(wanted[1:], next) {
			return true
		}
	}
	return false
}

// gives says whether a literal follows from this one, and with which variables.
func (l literal) gives(wanted literal, bound binding) (binding, bool) {
	if l.text == wanted.text {
		return bound.with(wanted.vars, l.vars)
	}
	if l.entails(wanted) {
		return bound.with(wanted.indexes, l.indexes)
	}
	return nil, false
}

// entails compares limits and constants: below 2 is below 3.
func (l literal) entails(other literal) bool {
	if l.ref == "" || l.ref != other.ref || l.value == nil {
		return false
	}
	if other.value == nil {
		return other.operator == "" && l.operator == "eq" && !l.value.Equal(ast.BooleanTerm(false))
	}
	switch l.operator {
	case "eq":
		return other.admits(l.value)
	case "in":
		return l.all(other.admits)
	case "neq", "notin":
		return (other.operator == "neq" || other.operator == "notin") && other.all(func(t *ast.Term) bool { return !l.admits(t) })
	case "lt", "lte":
		return l.within(other, -1)
	case "gt", "gte":
		return l.within(other, 1)
	}
	return false
}

// within compares two limits of one direction: up (1) or down (-1).
func (l literal) within(other literal, direction int) bool {
	letter := map[int]string{-1: "l", 1: "g"}[direction]
	if !strings.HasPrefix(other.operator, letter) {
		return false
	}
	order := direction * l.value.Value.Compare(other.value.Value)
	return order > 0 || order == 0 && (l.operator == other.operator || strings.HasSuffix(other.operator, "e"))
}

// all says whether something is so for every value that a literal names, of which there must be some.
func (l literal) all(is func(*ast.Term) bool) bool {
	if l.operator == "eq" || l.operator == "neq" {
		return is(l.value)
	}
	count, all := 0, true
	elements(l.value, func(t *ast.Term) { count, all = count+1, all && is(t) })
	return all && count > 0
}

// admits says whether a value satisfies a literal.
func (l literal) admits(value *ast.Term) bool {
	if l.value == nil {
		return l.operator == "" && !value.Equal(ast.BooleanTerm(false))
	}
	order := value.Value.Compare(l.value.Value)
	switch l.operator {
	case "eq":
		return order == 0
	case "neq":
		return order != 0
	case "lt":
		return order < 0
	case "lte":
		return order <= 0
	case "gt":
		return order > 0
	case "gte":
		return order >= 0
	case "in":
		return contains(l.value, value)
	case "notin":
		return !contains(l.value, value)
	}
	return false
}

func contains(collection, value *ast.Term) bool {
	found := false
	elements(collection, func(t *ast.Term) { found = found || t.Equal(value) })
	return found
}

func elements(collection *ast.Term, visit func(*ast.Term)) {
	switch c := collection.Value.(type) {
	case ast.Set:
		c.Foreach(visit)
	case *ast.Array:
		c.Foreach(visit)
	case ast.Object:
		c.Foreach(func(_, v *ast.Term) { visit(v) })
	}
}

// consistent says whether literals can hold together, as far as they say.
func consistent(c conjunction) bool {
	for i, a := range c {
		for _, b := range c[i+1:] {
			if exclude(a, b) {
				return false
			}
		}
	}
	return true
}

// exclude says that no value satisfies both. Of a list, each may mean another element.
func exclude(a, b literal) bool {
	if a.opposite(b) && len(a.vars) == 0 {
		return true
	}
	if a.ref == "" || a.ref != b.ref {
		return false
	}
	if _, same := (binding{}).with(a.indexes, b.indexes); !same || len(a.indexes) > 0 && !equalVars(a.indexes, b.indexes) {
		return false
	}
	switch {
	case a.operator == "not" || b.operator == "not":
		return a.operator != b.operator && (positive(a) || positive(b))
	case a.value == nil || b.value == nil:
		return false
	case a.operator == "eq" || a.operator == "in":
		return a.all(func(t *ast.Term) bool { return !b.admits(t) })
	case b.operator == "eq" || b.operator == "in":
		return b.all(func(t *ast.Term) bool { return !a.admits(t) })
	}
	return apart(a, b) || apart(b, a)
}

// positive says that a literal can't hold where the field is missing or false.
func positive(l literal) bool {
	return l.operator == "" || l.operator != "not" && l.operator != "notin" && l.value != nil && !l.admits(ast.BooleanTerm(false))
}

func equalVars(a, b []ast.Var) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// apart says that the first is below a limit and the second above one that is no lower.
func apart(a, b literal) bool {
	if a.operator != "lt" && a.operator != "lte" || b.operator != "gt" && b.operator != "gte" {
		return false
	}
	order := a.value.Value.Compare(b.value.Value)
	return order < 0 || order == 0 && (a.operator == "lt" || b.operator == "gt")
}
