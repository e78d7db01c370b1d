package compiled

import "github.com/open-policy-agent/opa/v1/ast"

// body compiles expressions one after the other; k makes the operation that runs when all of them hold.
func (u *unit) body(b ast.Body, s *scope, k func() op) op {
	if len(b) == 0 {
		return k()
	}
	next := func() op { return u.body(b[1:], s, k) }
	if len(b[0].With) > 0 {
		return u.with(b[0], s, next)
	}
	return u.expression(b[0], s, next)
}

func (u *unit) expression(e *ast.Expr, s *scope, k func() op) op {
	if e.Negated {
		positive := *e
		positive.Negated, positive.With = false, nil
		return unless(u.holds(ast.Body{&positive}, s, false), k())
	}
	switch terms := e.Terms.(type) {
	case *ast.Term:
		return u.term(terms, s, func(g getter) op { return truthy(g, k()) })
	case []*ast.Term:
		if e.IsEquality() {
			return u.unify(terms[1], terms[2], s, k)
		}
		return u.call(e, terms, s, k)
	case *ast.Every:
		return u.every(terms, s, k)
	case *ast.Not:
		return unless(u.holds(terms.Body, s, false), k())
	case *ast.LogicalAnd:
		left, right, next := u.holds(terms.Lhs, s, true), u.holds(terms.Rhs, s, true), k()
		return func(m *Machine, f frame) bool { return left(m, f) && right(m, f) && next(m, f) }
	case *ast.LogicalOr:
		left, right, next := u.holds(terms.Lhs, s, true), u.holds(terms.Rhs, s, true), k()
		return func(m *Machine, f frame) bool { return (left(m, f) || right(m, f)) && next(m, f) }
	}
	refuse("an expression of the type %T", e.Terms)
	return nil
}

// condition is an expression that gives no variable a value.
type condition func(m *Machine, f frame) bool

func unless(c condition, next op) op {
	return func(m *Machine, f frame) bool { return !c(m, f) && next(m, f) }
}

func truthy(g getter, next op) op {
	return func(m *Machine, f frame) bool {
		v := g(m, f)
		return v != nil && v.Value != ast.Boolean(false) && next(m, f)
	}
}

// holds compiles a nested body of which only matters whether it has a solution. With once it stops at the first.
func (u *unit) holds(b ast.Body, s *scope, once bool) condition {
	flag := u.slot()
	run := u.body(b, s.inner(), func() op {
		return func(_ *Machine, f frame) bool {
			f[flag] = undefined // any term will do
			return once
		}
	})
	return func(m *Machine, f frame) bool {
		f[flag] = nil
		run(m, f)
		return f[flag] != nil
	}
}

// every compiles `every k, v in domain { … }`: it holds where the body has a solution for each member.
func (u *unit) every(e *ast.Every, s *scope, k func() op) op {
	switch e.Domain.Value.(type) {
	case ast.Ref, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		refuse("`every` over a term that is yet to be evaluated")
	}
	domain, failed, inner := u.value(e.Domain, s), u.slot(), s.inner()
	run := u.walk(domain, []*ast.Term{e.Key}, false, inner, func(member getter) op {
		return u.match(e.Value, member, inner, func() op {
			body := u.holds(e.Body, inner, true)
			return func(m *Machine, f frame) bool {
				if body(m, f) {
					return false
				}
				f[failed] = undefined
				return true
			}
		})
	})
	next := k()
	return func(m *Machine, f frame) bool {
		v := domain(m, f)
		if v == nil || !isCollection(v.Value) {
			return false
		}
		f[failed] = nil
		run(m, f)
		return f[failed] == nil && next(m, f)
	}
}

func isCollection(v ast.Value) bool {
	switch v.(type) {
	case *ast.Array, ast.Object, ast.Set:
		return true
	}
	return false
}
