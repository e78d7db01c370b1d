package compiled

import (
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

var errStop = errors.New("no more solutions are wanted")

func isStop(err error) bool {
	var halt topdown.Halt
	if errors.As(err, &halt) {
		err = halt.Err
	}
	return errors.Is(err, errStop)
}

// mock stands for a function or builtin below `with`.
type mock struct {
	name  string
	value *ast.Term
	call  func(m *Machine, args []*ast.Term) *ast.Term // nil where it is a value
}

func (m *Machine) mocked(name string) *mock {
	for i := len(m.layer.mocks) - 1; i >= 0; i-- {
		if m.layer.mocks[i].name == name {
			return &m.layer.mocks[i]
		}
	}
	return nil
}

// mockable lets `with` replace a call.
func mockable(name string, args []getter, direct getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		if m.layer.mocks == nil {
			return direct(m, f)
		}
		found := m.mocked(name)
		if found == nil {
			return direct(m, f)
		}
		values := all(m, f, args)
		if values == nil {
			return nil
		}
		return m.replaced(found, values)
	}
}

// replaced calls what stands for a function; within it, nothing is replaced.
func (m *Machine) replaced(by *mock, values []*ast.Term) *ast.Term {
	if by.call == nil {
		return by.value
	}
	l := m.layer
	mocks := l.mocks
	l.mocks = nil
	v := by.call(m, values)
	l.mocks = mocks
	return v
}

// change is one `with`.
type change struct {
	target ast.Ref
	value  getter
	mock   *mock
}

// with compiles an expression below `with`; what follows it runs without.
func (u *unit) with(e *ast.Expr, s *scope, k func() op) op {
	u.sees(seesMore)
	changes := make([]change, len(e.With))
	for i, w := range e.With {
		changes[i] = u.change(w, s)
	}
	inner := u.expression(e, s, func() op {
		next := k()
		return func(m *Machine, f frame) bool {
			own := m.layer
			m.layer = own.below
			stop := next(m, f)
			m.layer = own
			return stop
		}
	})
	return func(m *Machine, f frame) bool {
		outer := m.layer
		l := m.lay(f, changes)
		if l == nil {
			return false
		}
		m.layer = l
		stop := inner(m, f)
		m.layer = outer
		return stop
	}
}

func (u *unit) change(w *ast.With, s *scope) change {
	target := w.Target.Value.(ast.Ref)
	root := target[0].Equal(ast.InputRootDocument) || target[0].Equal(ast.DefaultRootDocument)
	if !root || u.isFunction(target) {
		return u.mock(target, w.Value, s)
	}
	if _, isRef := w.Value.Value.(ast.Ref); isRef || ast.IsComprehension(w.Value.Value) {
		refuse("a replacement that is yet to be evaluated")
	}
	return change{target: target, value: u.value(w.Value, s)}
}

func (u *unit) isFunction(r ast.Ref) bool {
	_, yes := u.program.compiler.TypeEnv.GetByRef(r).(*types.Function)
	return yes
}

func (u *unit) mock(target ast.Ref, value *ast.Term, s *scope) change {
	c := change{target: target, mock: &mock{name: target.String()}}
	by, isRef := value.Value.(ast.Ref)
	switch {
	case !isRef && !ast.IsComprehension(value.Value):
		c.value = u.value(value, s)
	case isRef && u.isFunction(by) && by[0].Equal(ast.DefaultRootDocument):
		c.mock.call = u.functionOf(by)
	case isRef && u.isFunction(by):
		c.mock.call = u.builtinOf(by)
	default:
		refuse("a replacement that is yet to be evaluated")
	}
	return c
}

func (u *unit) functionOf(name ast.Ref) func(*Machine, []*ast.Term) *ast.Term {
	node := u.program.compiler.RuleTree.Find(name)
	if node == nil || len(node.Values) == 0 {
		refuse("the function %v is not defined", name)
	}
	d := u.use(node, name)
	return func(m *Machine, args []*ast.Term) *ast.Term {
		f := m.enter(d.slots)
		defer m.leave(d.slots)
		copy(f[1:], args)
		return m.apply(d, f)
	}
}

func (u *unit) builtinOf(name ast.Ref) func(*Machine, []*ast.Term) *ast.Term {
	decl, run := u.program.builtin(name.String())
	if decl.Relation {
		refuse("a relation as a replacement")
	}
	return func(m *Machine, args []*ast.Term) *ast.Term { return m.ask(run, nil, args) }
}

// lay makes the layer that some changes lead to; nil where one of them has no value.
func (m *Machine) lay(f frame, changes []change) *layer {
	outer := m.layer
	l := &layer{below: outer, data: outer.data}
	l.targets = append(l.targets, outer.targets...)
	l.mocks = append(l.mocks, outer.mocks...)
	var inputs, documents []put
	for _, c := range changes {
		var v *ast.Term
		if c.value != nil {
			if v = c.value(m, f); v == nil {
				return nil
			}
		}
		switch {
		case c.mock != nil:
			l.mocks = append(l.mocks, mock{c.mock.name, v, c.mock.call})
		case c.target[0].Equal(ast.InputRootDocument):
			inputs = append(inputs, put{c.target, v})
		default:
			documents = append(documents, put{c.target, v})
		}
		l.targets = append(l.targets, c.target)
	}
	l.fresh(m.program, putAll(outer.input, inputs))
	l.data = putAll(outer.data, documents)
	return l
}

// put is a value at a path of a document.
type put struct {
	target ast.Ref
	value  *ast.Term
}

// putAll is a document with values in their places, as OPA makes it: it makes the objects that lead there.
func putAll(document *ast.Term, puts []put) *ast.Term {
	for _, p := range puts {
		document = putOne(document, p.target[1:], p.value)
	}
	return document
}

func putOne(document *ast.Term, path ast.Ref, v *ast.Term) *ast.Term {
	if len(path) == 0 {
		return v
	}
	if document == nil {
		document = ast.ObjectTerm()
	}
	object, isObject := document.Value.(ast.Object)
	if !isObject {
		object = ast.NewObject()
	}
	changed := ast.NewObject()
	object.Foreach(func(k, e *ast.Term) {
		if !k.Equal(path[0]) {
			changed.Insert(k, e)
		}
	})
	changed.Insert(path[0], putOne(object.Get(path[0]), path[1:], v))
	return ast.NewTerm(changed)
}
