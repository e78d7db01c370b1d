package trace

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// scope is where values are looked up: the bindings of one moment of an evaluation. It must not outlive
// the event.
type scope struct {
	compiler *ast.Compiler
	event    *topdown.Event
	limit    int
	data     func(ast.Ref) ast.Value // documents below data; nil where there is none
}

// values lists what the variables, references and calls of an expression were, by their names in the
// source. The compiler takes an expression apart (`count(x) > 1` becomes two); its parts belong to it.
func (s scope) values(expr *ast.Expr) []Value {
	base := expr.BaseCogeneratedExpr()
	if prints(base) {
		return nil // what it prints is a step of its own
	}
	list := &valueList{scope: s, seen: map[string]bool{}}
	for _, part := range append(base.CogeneratedExprs(), base) {
		list.part(part, part == base)
	}
	return list.telling()
}

type valueList struct {
	scope
	seen   map[string]bool
	values []Value
	within map[string]bool // variables of which a part is listed
}

// long is the length from which a value is shown once only, under the shortest of its names.
const long = 24

// telling leaves out what says nothing new: a variable beside the part of it that the expression looks at, and
// a long value under a second name.
func (l *valueList) telling() []Value {
	shortest := map[string]string{}
	for _, one := range l.values {
		if name, taken := shortest[one.Text]; !taken || len(one.Name) < len(name) {
			shortest[one.Text] = one.Name
		}
	}
	var out []Value
	for _, one := range l.values {
		if len(one.Text) >= long && (shortest[one.Text] != one.Name || l.within[one.Name]) {
			continue
		}
		out = append(out, one)
	}
	return out
}

func (l *valueList) part(part *ast.Expr, isBase bool) {
	if !isBase && part.Generated && part.Location != nil {
		if out := output(part); out != nil {
			l.add(source(part.Location), l.look(out))
		}
	}
	if part.Negated && !isBase {
		return
	}
	for _, operand := range operandsOf(part) {
		l.operand(operand)
	}
}

// operand lists the references and variables in a term; closures have variables of their own.
func (l *valueList) operand(term *ast.Term) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
			return true
		case *ast.Term:
			switch value := x.Value.(type) {
			case ast.Ref:
				l.reference(x, value)
				return true
			case ast.Var:
				l.variable(value)
			}
		}
		return false
	}).Walk(term)
}

func (l *valueList) variable(name ast.Var) {
	shown := l.name(name)
	if shown == "" {
		return
	}
	if value := l.look(ast.NewTerm(name)); value != nil {
		l.add(shown, value)
	}
}

// reference lists a reference, unless it is one into other rules: those are steps of their own.
func (l *valueList) reference(term *ast.Term, ref ast.Ref) {
	value, known := l.resolve(ref)
	text := source(term.Location)
	if known && text != "" && !strings.ContainsAny(text, "{\n") {
		l.add(text, value)
	}
	if head, ok := ref[0].Value.(ast.Var); ok {
		l.variable(head)
		if known && l.name(head) != "" {
			if l.within == nil {
				l.within = map[string]bool{}
			}
			l.within[l.name(head)] = value != nil
		}
	}
	for _, part := range ref[1:] {
		if name, ok := part.Value.(ast.Var); ok {
			l.variable(name)
		}
	}
}

func (l *valueList) add(name string, value ast.Value) {
	if name == "" || name == "_" || l.seen[name] {
		return
	}
	l.seen[name] = true
	text := Undefined
	if value != nil {
		text = write(value, l.limit)
	}
	if text != name {
		l.values = append(l.values, Value{Name: name, Text: text})
	}
}

// name is a variable's name in the source, or "" for one that the compiler made.
func (s scope) name(v ast.Var) string {
	if original, ok := s.compiler.RewrittenVars[v]; ok {
		v = original
	}
	if v.IsGenerated() || v.IsWildcard() || strings.HasPrefix(string(v), "__") || v.Equal(ast.InputRootDocument.Value) || v.Equal(ast.DefaultRootDocument.Value) {
		return ""
	}
	return string(v)
}

// look is the value that a term has at this moment; nil where it has none yet.
func (s scope) look(term *ast.Term) ast.Value {
	plugged := s.event.Plug(term)
	if plugged == nil || !plugged.IsGround() {
		return nil
	}
	if _, isRef := plugged.Value.(ast.Ref); isRef {
		return nil
	}
	return plugged.Value
}

// resolve follows a reference into the input, a variable or a document. Known says whether that could be
// done; a nil value that is known does not exist.
func (s scope) resolve(ref ast.Ref) (value ast.Value, known bool) {
	path := make(ast.Ref, 0, len(ref))
	for _, part := range ref[1:] {
		key := s.event.Plug(part)
		if key == nil || !key.IsGround() {
			return nil, false
		}
		path = append(path, key)
	}
	var from ast.Value
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		if s.event.Input() == nil {
			return nil, true
		}
		from = s.event.Input().Value
	case ref[0].Equal(ast.DefaultRootDocument):
		return s.document(ref[:1].Concat(path))
	default:
		if from = s.look(ref[0]); from == nil {
			return nil, false
		}
	}
	found, err := from.Find(path)
	if err != nil {
		return nil, true
	}
	return found, true
}

func (s scope) document(ref ast.Ref) (ast.Value, bool) {
	if s.data == nil || len(s.compiler.GetRules(ref)) > 0 {
		return nil, false
	}
	return s.data(ref), true
}

// missing says how far a reference that is undefined leads: the longest beginning that exists, and the
// key that it lacks.
func (s scope) missing(ref ast.Ref) (there ast.Ref, key *ast.Term) {
	for end := len(ref) - 1; end >= 1; end-- {
		if value, known := s.resolve(ref[:end]); known && value != nil {
			return ref[:end], s.event.Plug(ref[end])
		}
	}
	return nil, nil
}

// output is the variable that a generated part gives its value to.
func output(part *ast.Expr) *ast.Term {
	operands := operandsOf(part)
	if len(operands) == 0 {
		return nil
	}
	out := operands[len(operands)-1]
	if part.IsEquality() {
		out = operands[0]
	}
	if _, isVar := out.Value.(ast.Var); !isVar {
		return nil
	}
	return out
}

func operandsOf(expr *ast.Expr) []*ast.Term {
	switch terms := expr.Terms.(type) {
	case []*ast.Term:
		return terms[1:]
	case *ast.Term:
		return []*ast.Term{terms}
	}
	return nil
}
