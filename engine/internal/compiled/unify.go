package compiled

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// unify compiles `a = b`.
func (u *unit) unify(a, b *ast.Term, s *scope, k func() op) op {
	switch {
	case !s.pattern(a):
		return u.unifyValue(a, b, s, k)
	case !s.pattern(b):
		return u.unifyValue(b, a, s, k)
	}
	left, isArray := a.Value.(*ast.Array)
	right, isToo := b.Value.(*ast.Array)
	if !isArray || !isToo || left.Len() != right.Len() {
		refuse("two terms with variables on both sides: %v = %v", a, b)
	}
	var rest func(i int) op
	rest = func(i int) op {
		if i == left.Len() {
			return k()
		}
		return u.unify(left.Elem(i), right.Elem(i), s, func() op { return rest(i + 1) })
	}
	return rest(0)
}

// unifyValue compiles `value = other`, where value is no pattern.
func (u *unit) unifyValue(value, other *ast.Term, s *scope, k func() op) op {
	if v, isVar := other.Value.(ast.Var); isVar && whole(value) && s.unbound(other) {
		slot := u.slot()
		s.bind(v, slot)
		s.inputs[v] = true // what is seen of it depends on what is done with it
		return store(slot, func(m *Machine, _ frame) *ast.Term { return m.path(0) }, k())
	}
	return u.term(value, s, func(g getter) op {
		if s.pattern(other) {
			return u.match(other, g, s, k)
		}
		return u.term(other, s, func(h getter) op { return equal(g, h, k()) })
	})
}

func equal(a, b getter, next op) op {
	return func(m *Machine, f frame) bool {
		x := a(m, f)
		if x == nil {
			return false
		}
		y := b(m, f)
		if y == nil || !same(x, y) {
			return false
		}
		return next(m, f)
	}
}

// same compares as Rego does.
func same(x, y *ast.Term) bool {
	if x == y {
		return true
	}
	if a, ok := x.Value.(ast.String); ok {
		b, ok := y.Value.(ast.String)
		return ok && a == b
	}
	return ast.ValueEqual(x.Value, y.Value)
}

// Alike says whether equal values are also written alike: 1 and 1.0 are equal, and which of the two a rule has is for
// OPA to tell.
func Alike(x, y *ast.Term) bool {
	if x == y {
		return true
	}
	switch a := x.Value.(type) {
	case ast.Null, ast.Boolean, ast.String, ast.Number:
		return x.Value == y.Value
	case *ast.Array:
		b, ok := y.Value.(*ast.Array)
		return ok && a.Len() == b.Len() && alikeElements(a, b)
	case ast.Object:
		b, ok := y.Value.(ast.Object)
		return ok && a.Len() == b.Len() && alikeMembers(a, b)
	case ast.Set:
		b, ok := y.Value.(ast.Set)
		return ok && a.Len() == b.Len() && slices.EqualFunc(a.Slice(), b.Slice(), Alike)
	}
	return false
}

func alikeElements(a, b *ast.Array) bool {
	for i := range a.Len() {
		if !Alike(a.Elem(i), b.Elem(i)) {
			return false
		}
	}
	return true
}

// alikeMembers compares objects of one size. Keys that are texts are alike where they are equal; of others the key that the
// second object has itself is not at hand, and both are laid out.
func alikeMembers(a, b ast.Object) bool {
	others := false
	differ := a.Until(func(key, value *ast.Term) bool {
		if _, isText := key.Value.(ast.String); !isText {
			others = true
			return true
		}
		other := b.Get(key)
		return other == nil || !Alike(value, other)
	})
	if others {
		return slices.EqualFunc(members(a), members(b), Alike)
	}
	return !differ
}

// match compiles the destructuring of a value: variables of the pattern that have none yet get theirs.
func (u *unit) match(pattern *ast.Term, g getter, s *scope, k func() op) op {
	if !s.pattern(pattern) {
		return u.term(pattern, s, func(h getter) op { return equal(g, h, k()) })
	}
	switch p := pattern.Value.(type) {
	case ast.Var:
		return u.assign(p, g, s, k)
	case *ast.Array:
		return u.matchArray(p, g, s, k)
	case ast.Object:
		return u.matchObject(p, g, s, k)
	}
	refuse("a pattern of the type %T", pattern.Value)
	return nil
}

func (u *unit) assign(v ast.Var, g getter, s *scope, k func() op) op {
	slot := u.slot()
	s.bind(v, slot)
	return store(slot, g, k())
}

func store(slot int, g getter, next op) op {
	return func(m *Machine, f frame) bool {
		v := g(m, f)
		if v == nil {
			return false
		}
		f[slot] = v
		return next(m, f)
	}
}

func (u *unit) matchArray(p *ast.Array, g getter, s *scope, k func() op) op {
	whole := u.slot()
	var rest func(i int) op
	rest = func(i int) op {
		if i == p.Len() {
			return k()
		}
		element := func(_ *Machine, f frame) *ast.Term { return f[whole].Value.(*ast.Array).Elem(i) }
		return u.match(p.Elem(i), element, s, func() op { return rest(i + 1) })
	}
	n, next := p.Len(), rest(0)
	return store(whole, g, func(m *Machine, f frame) bool {
		array, ok := f[whole].Value.(*ast.Array)
		return ok && array.Len() == n && next(m, f)
	})
}

func (u *unit) matchObject(p ast.Object, g getter, s *scope, k func() op) op {
	whole, keys := u.slot(), p.Keys()
	var rest func(i int) op
	rest = func(i int) op {
		if i == len(keys) {
			return k()
		}
		if s.unbound(keys[i]) {
			refuse("a pattern with a variable as a key")
		}
		key := u.value(keys[i], s)
		member := func(m *Machine, f frame) *ast.Term {
			name := key(m, f)
			if name == nil {
				return nil
			}
			return f[whole].Value.(ast.Object).Get(name)
		}
		return u.match(p.Get(keys[i]), member, s, func() op { return rest(i + 1) })
	}
	n, next := len(keys), rest(0)
	return store(whole, g, func(m *Machine, f frame) bool {
		object, ok := f[whole].Value.(ast.Object)
		return ok && object.Len() == n && next(m, f)
	})
}
