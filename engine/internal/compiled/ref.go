package compiled

import (
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// start is where the walk of a reference begins: what its first steps come to, and the steps that are left.
type start struct {
	get  getter
	rest []*ast.Term
	base bool // the walk goes through documents of data, see baseChild
}

func (u *unit) start(r ast.Ref, s *scope) start {
	switch {
	case r[0].Equal(ast.InputRootDocument):
		u.seeInput(r)
		n := constantSteps(r, 1)
		id := u.program.paths.id(r[1:n])
		return start{get: func(m *Machine, _ frame) *ast.Term { return m.path(id) }, rest: r[n:]}
	case r[0].Equal(ast.DefaultRootDocument):
		return u.dataStart(r)
	}
	if s.unbound(r[0]) {
		refuse("the variable %v has no value", r[0])
	}
	return start{get: u.value(r[0], s), rest: r[1:]}
}

// constantSteps is the position of the first step from i on that is no scalar.
func constantSteps(r ast.Ref, i int) int {
	for i < len(r) && ast.IsScalar(r[i].Value) {
		i++
	}
	return i
}

// refValue compiles a reference without unbound variables.
func (u *unit) refValue(r ast.Ref, s *scope) getter {
	begin := u.start(r, s)
	g := begin.get
	for _, step := range begin.rest {
		g = child(g, u.value(step, s), begin.base)
	}
	return g
}

// ref compiles a reference with variables that it binds: k's operation runs for each way through the document.
func (u *unit) ref(r ast.Ref, s *scope, k func(getter) op) op {
	begin := u.start(r, s)
	return u.walk(begin.get, begin.rest, begin.base, s, k)
}

func (u *unit) walk(g getter, rest []*ast.Term, base bool, s *scope, k func(getter) op) op {
	for i, step := range rest {
		if s.unbound(step) {
			return u.iterate(g, step, rest[i+1:], base, s, k)
		}
		g = child(g, u.value(step, s), base)
	}
	return k(g)
}

// child is a member of a document, nil where there is none.
func child(g, key getter, base bool) getter {
	find := func(_ *Machine, v, key *ast.Term) *ast.Term { return member.At(v, key) }
	if base {
		find = (*Machine).baseChild
	}
	return func(m *Machine, f frame) *ast.Term {
		v := g(m, f)
		if v == nil {
			return nil
		}
		name := key(m, f)
		if name == nil {
			return nil
		}
		return find(m, v, name)
	}
}

// baseChild is child for references that begin with data. OPA reads those from its store by a path of strings,
// where `0` and `"0"` are one key of an object and one place of an array, unless it has cached the document.
func (m *Machine) baseChild(v, key *ast.Term) *ast.Term {
	switch at := v.Value.(type) {
	case ast.Object:
		if n, isNumber := key.Value.(ast.Number); isNumber && at.Get(ast.StringTerm(string(n))) != nil {
			m.fail("a number as the key of an object of data")
			return nil
		}
		return at.Get(key)
	case *ast.Array:
		if !plainPlace(key.Value) {
			m.fail("a place of an array of data that is written in its own way")
			return nil
		}
		return at.Get(key)
	}
	return member.At(v, key) // `with` may put anything there
}

// plainPlace says whether OPA's store and its values agree on which place of an array a key names.
func plainPlace(key ast.Value) bool {
	switch key := key.(type) {
	case ast.String:
		_, err := strconv.Atoi(string(key))
		return err != nil
	case ast.Number:
		n, err := strconv.Atoi(string(key))
		return err == nil && strconv.Itoa(n) == string(key)
	}
	return true
}

// iterate compiles a step with variables: every member of the document whose key fits.
func (u *unit) iterate(g getter, step *ast.Term, rest []*ast.Term, base bool, s *scope, k func(getter) op) op {
	element, key := u.slot(), -1
	tail := func() op { return u.walk(slotGetter(element), rest, base, s, k) }
	name, isVar := step.Value.(ast.Var)
	var next op
	switch {
	case isVar && u.unused(name):
		next = tail()
	case isVar:
		key = u.slot()
		s.bind(name, key)
		next = tail()
	case s.pattern(step):
		key = u.slot()
		next = u.match(step, slotGetter(key), s, tail)
	default: // a reference within the reference
		key = u.slot()
		next = u.term(step, s, func(h getter) op { return equal(slotGetter(key), h, tail()) })
	}
	return each(g, key, element, isVar, next)
}

// unused says whether a variable is a wildcard, which nothing else can mention.
func (u *unit) unused(v ast.Var) bool {
	return !u.keeps && strings.HasPrefix(string(v), ast.WildcardPrefix)
}

// each runs an operation for the members of a document. Places of arrays fit variables only.
func each(g getter, key, element int, isVar bool, next op) op {
	return func(m *Machine, f frame) bool {
		v := g(m, f)
		if v == nil {
			return false
		}
		switch v := v.Value.(type) {
		case *ast.Array:
			return isVar && m.eachElement(f, v, key, element, next)
		case ast.Object:
			return v.Until(func(k, e *ast.Term) bool {
				f[element] = e
				if key >= 0 {
					f[key] = k
				}
				return next(m, f) || m.stopped()
			})
		case ast.Set:
			for _, e := range v.Slice() {
				f[element] = e
				if key >= 0 {
					f[key] = e
				}
				if next(m, f) || m.stopped() {
					return true
				}
			}
		}
		return false
	}
}

func (m *Machine) eachElement(f frame, v *ast.Array, key, element int, next op) bool {
	for i := range v.Len() {
		f[element] = v.Elem(i)
		if key >= 0 {
			f[key] = ast.InternedTerm(i)
		}
		if next(m, f) || m.stopped() {
			return true
		}
	}
	return false
}
