package compiled

import "github.com/open-policy-agent/opa/v1/ast"

// term compiles a term that may have many values, as `input.a[x]` does: the operation that k makes runs for each.
func (u *unit) term(t *ast.Term, s *scope, k func(getter) op) op {
	if !s.unbound(t) {
		return k(u.value(t, s))
	}
	switch v := t.Value.(type) {
	case ast.Ref:
		return u.ref(v, s, k)
	case *ast.Array:
		return u.terms(elements(v), s, func(parts []getter) op { return k(arrayOf(parts)) })
	case ast.Set:
		return u.terms(v.Slice(), s, func(parts []getter) op { return k(setOf(parts)) })
	case ast.Object:
		return u.terms(members(v), s, func(parts []getter) op { return k(objectOf(parts)) })
	}
	refuse("the variable %v has no value", t)
	return nil
}

// terms compiles terms one after the other. What iterates is kept in a slot, since later ones run in between.
func (u *unit) terms(list []*ast.Term, s *scope, k func([]getter) op) op {
	var parts []getter
	var rest func(i int) op
	rest = func(i int) op {
		if i == len(list) {
			return k(parts)
		}
		return u.term(list[i], s, func(g getter) op {
			parts = append(parts, g)
			return rest(i + 1)
		})
	}
	return rest(0)
}

// value compiles a term all of whose variables are bound: it has one value or none.
func (u *unit) value(t *ast.Term, s *scope) getter {
	if ast.IsConstant(t.Value) {
		return func(*Machine, frame) *ast.Term { return t }
	}
	switch v := t.Value.(type) {
	case ast.Var:
		if isRoot(t) {
			return u.refValue(ast.Ref{t}, s)
		}
		if s.inputs[v] {
			u.sees(seesMore)
		}
		slot, _ := s.slotOf(v)
		return slotGetter(slot)
	case ast.Ref:
		return u.refValue(v, s)
	case *ast.Array:
		return arrayOf(u.values(elements(v), s))
	case ast.Set:
		return setOf(u.values(v.Slice(), s))
	case ast.Object:
		return objectOf(u.values(members(v), s))
	case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return u.comprehension(t, s)
	}
	refuse("a term of the type %T", t.Value)
	return nil
}

func (u *unit) values(list []*ast.Term, s *scope) []getter {
	out := make([]getter, len(list))
	for i, t := range list {
		out[i] = u.value(t, s)
	}
	return out
}

func slotGetter(slot int) getter { return func(_ *Machine, f frame) *ast.Term { return f[slot] } }

func elements(a *ast.Array) []*ast.Term {
	out := make([]*ast.Term, a.Len())
	for i := range out {
		out[i] = a.Elem(i)
	}
	return out
}

// members are the keys and values of an object, in turn.
func members(o ast.Object) []*ast.Term {
	out := make([]*ast.Term, 0, 2*o.Len())
	o.Foreach(func(k, v *ast.Term) { out = append(out, k, v) })
	return out
}

// all evaluates parts into a new slice; nil where one of them is undefined.
func all(m *Machine, f frame, parts []getter) []*ast.Term {
	out := make([]*ast.Term, len(parts))
	for i, part := range parts {
		if out[i] = part(m, f); out[i] == nil {
			return nil
		}
	}
	return out
}

func arrayOf(parts []getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		values := all(m, f, parts)
		if values == nil {
			return nil
		}
		return ast.ArrayTerm(values...)
	}
}

func setOf(parts []getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		values := all(m, f, parts)
		if values == nil {
			return nil
		}
		return ast.SetTerm(values...)
	}
}

func objectOf(parts []getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		object := ast.NewObjectWithCapacity(len(parts) / 2)
		for i := 0; i < len(parts); i += 2 {
			key, value := parts[i](m, f), parts[i+1](m, f)
			if key == nil || value == nil {
				return nil
			}
			object.Insert(key, value)
		}
		return ast.NewTerm(object)
	}
}
