package compiled

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// call compiles the call of a builtin or function: `f(x)` holds unless it is false or undefined, `f(x, y)` matches
// y against the result.
func (u *unit) call(e *ast.Expr, terms []*ast.Term, s *scope, k func() op) op {
	name := terms[0].Value.(ast.Ref)
	if name[0].Equal(ast.DefaultRootDocument) {
		return u.callFunction(name, terms[1:], s, k)
	}
	decl, run := u.program.builtin(name.String())
	args, out := terms[1:], (*ast.Term)(nil)
	if n := decl.Decl.Arity(); len(args) > n {
		args, out = args[:n], args[n]
	}
	for _, arg := range args {
		if _, isRef := arg.Value.(ast.Ref); isRef || ast.IsComprehension(arg.Value) || s.unbound(arg) {
			refuse("an argument that is yet to be evaluated: %v", e)
		}
	}
	if dated(decl) {
		u.sees(seesMore)
	}
	if decl.Relation {
		return u.relation(name.String(), run, e.Location, u.values(args, s), out, s, k)
	}
	seen := u.sight
	values := u.values(args, s)
	if u.getsParameters(name.String(), args, s) {
		u.sight = max(seen, seesParameters)
	}
	return u.result(u.builtin(name.String(), run, e.Location, values), out, s, k)
}

// result matches what a call came to against what is expected of it.
func (u *unit) result(g getter, out *ast.Term, s *scope, k func() op) op {
	if out == nil {
		return truthy(g, k())
	}
	return u.match(out, g, s, k)
}

// steady are the builtins that OPA marks as answering differently each time, but that may be asked twice: they do
// nothing, and within a query the time is the same.
var steady = map[string]bool{
	ast.NowNanos.Name: true, ast.JWTDecodeVerify.Name: true, ast.JWTEncodeSign.Name: true, ast.JWTEncodeSignRaw.Name: true,
}

// changing says whether a builtin may answer differently the next time, or does something. OPA asks it once.
func changing(decl *ast.Builtin) bool {
	return decl.IsNondeterministic() && !steady[decl.Name] || decl.Decl.Result() == nil
}

// builtin finds a builtin as OPA's evaluator does: its own go first.
func (p *Program) builtin(name string) (*ast.Builtin, topdown.BuiltinFunc) {
	decl, run := ast.BuiltinMap[name], topdown.GetBuiltin(name)
	if decl == nil || run == nil || p.builtins[name] != nil {
		refuse("the builtin `%s`", name)
	}
	if changing(decl) {
		refuse("`%s` may answer differently each time", name)
	}
	p.dated = p.dated || dated(decl)
	return decl, run
}

func (u *unit) builtin(name string, run topdown.BuiltinFunc, at *ast.Location, args []getter) getter {
	direct := native(name, run, at, args)
	if direct == nil {
		direct = func(m *Machine, f frame) *ast.Term {
			values := all(m, f, args)
			if values == nil {
				return nil
			}
			return m.ask(run, at, values)
		}
	}
	return mockable(name, args, direct)
}

// ask calls a builtin. An error is OPA's to tell.
func (m *Machine) ask(run topdown.BuiltinFunc, at *ast.Location, values []*ast.Term) *ast.Term {
	b := m.bctx
	b.Location = at
	m.result = nil
	if err := run(b, values, m.keep); err != nil {
		m.fail("a builtin has an error")
		return nil
	}
	return m.result
}

// relation compiles a builtin with many results, `walk`.
func (u *unit) relation(name string, run topdown.BuiltinFunc, at *ast.Location, args []getter, out *ast.Term, s *scope, k func() op) op {
	if out == nil {
		refuse("a relation without a pattern")
	}
	slot := u.slot()
	pair, _ := out.Value.(*ast.Array)
	plain := pair != nil && pair.Len() == 2 && s.pattern(pair.Elem(0)) && isWildcard(pair.Elem(0)) // then OPA makes no paths
	next := u.match(out, slotGetter(slot), s, k)
	return func(m *Machine, f frame) bool {
		values := all(m, f, args)
		if values == nil {
			return false
		}
		if m.mocked(name) != nil {
			m.fail("a relation with a replacement")
			return true
		}
		if plain {
			values = append(values, out)
		}
		b := m.bctx
		b.Location = at
		err := run(b, values, func(t *ast.Term) error {
			f[slot] = t
			if next(m, f) || m.stopped() {
				return errStop
			}
			return nil
		})
		if err != nil && !isStop(err) {
			m.fail("a builtin has an error")
		}
		return err != nil
	}
}

func isWildcard(t *ast.Term) bool {
	v, isVar := t.Value.(ast.Var)
	return isVar && v.IsWildcard()
}

func (u *unit) callFunction(name ast.Ref, terms []*ast.Term, s *scope, k func() op) op {
	node := u.program.compiler.RuleTree.Find(name)
	if node == nil || len(node.Values) == 0 {
		refuse("the function %v is not defined", name)
	}
	arity := len(node.Values[0].Head.Args)
	args, out := terms, (*ast.Term)(nil)
	if len(terms) > arity {
		args, out = terms[:arity], terms[arity]
	}
	if out != nil && !fresh(out, s) && ordered(node.Values) {
		refuse("a result that is compared where %v is called: OPA then skips rules", name)
	}
	d := u.use(node, name)
	return u.terms(args, s, func(parts []getter) op {
		return u.result(mockable(name.String(), parts, application(d, parts)), out, s, k)
	})
}

// fresh says whether a term is a variable without a value.
func fresh(t *ast.Term, s *scope) bool {
	_, isVar := t.Value.(ast.Var)
	return isVar && s.unbound(t)
}

// ordered says whether some rule is only asked where others don't hold.
func ordered(rules []*ast.Rule) bool {
	for _, r := range rules {
		if r.Default || r.Else != nil {
			return true
		}
	}
	return false
}

func application(d *document, args []getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		inner := m.enter(d.slots)
		defer m.leave(d.slots)
		for i, arg := range args {
			v := arg(m, f)
			if v == nil {
				return nil
			}
			inner[1+i] = v
		}
		return m.apply(d, inner)
	}
}
