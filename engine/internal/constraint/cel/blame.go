package cel

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// The field that a violation is about is found as a reader of the expression would find it, from its outcome inwards: of
// `a && b` it is about what is false, of `all` about the first element that fails, of `size(bad) == 0` about the first element
// that `bad` kept, and there about the field that was read (docs/adr/0003-locating-by-re-evaluation.md). Only validations that do
// not hold are looked at.

// maxParts bounds the parts that are evaluated for one violation.
const maxParts = 10_000

// Violation is a validation that does not hold, with what it saw. Of an earlier resource it is the path alone.
type Violation struct {
	template   *template
	input      *input
	validation int
	path       []any
	located    func() // hears that the path is known; nil where nobody wants to
}

// Path leads to the field to blame, within the object that was judged; it is nil where that can't be told.
func (v *Violation) Path() []any {
	if v.template == nil {
		return v.path
	}
	if expression := v.template.validations[v.validation].tree(); expression != nil {
		f := &finder{template: v.template, input: v.input, parts: maxParts, known: map[ast.Expr]ref.Val{}}
		found, _ := f.blame(at{tree: expression, expr: expression.ast.Expr(), value: celtypes.False})
		v.path = found.path
	}
	if tell := v.located; tell != nil {
		v.located = nil
		tell()
	}
	return v.path
}

// finder looks for the field that one violation is about.
type finder struct {
	template *template
	input    *input
	parts    int                  // that may still be evaluated
	known    map[ast.Expr]ref.Val // values of parts outside macros
}

// at is a part of an expression, with what the variables of the macros around it stand for.
type at struct {
	tree  *tree
	expr  ast.Expr
	vars  *local
	value ref.Val // what it comes to, where that is known without evaluating it; else nil
}

func (p at) part(e ast.Expr) at { return at{tree: p.tree, expr: e, vars: p.vars} }

// with is the part where a macro's variable stands for an element.
func (p at) with(e ast.Expr, variable string, one element) at {
	return at{tree: p.tree, expr: e, vars: &local{variable, one, p.vars}}
}

// that is the part, which comes to a value.
func (p at) that(value ref.Val) at {
	p.value = value
	return p
}

// opposite of a truth; nil of what is none.
func opposite(value ref.Val) ref.Val {
	if truth, ok := value.(celtypes.Bool); ok {
		return !truth
	}
	return nil
}

// call is the name and operands of a call, its target first; "" for what is no call.
func (p at) call() (string, []ast.Expr) {
	if p.expr.Kind() != ast.CallKind {
		return "", nil
	}
	c := p.expr.AsCall()
	if c.IsMemberFunction() {
		return c.FunctionName(), slices.Concat([]ast.Expr{c.Target()}, c.Args())
	}
	return c.FunctionName(), c.Args()
}

// macro is the variable of a macro over the elements of its target, "" for what is none.
func (p at) macro(operands []ast.Expr) string {
	if len(operands) < 3 || !p.expr.AsCall().IsMemberFunction() || operands[1].Kind() != ast.IdentKind {
		return ""
	}
	return operands[1].AsIdent()
}

// local is a variable of a macro.
type local struct {
	name string
	element
	outer *local
}

func (l *local) find(name string) *local {
	for ; l != nil && l.name != name; l = l.outer {
	}
	return l
}

// activation is what a part sees.
type activation struct {
	vars  *local
	input *input
}

// ResolveName implements CEL's activation.
func (a activation) ResolveName(name string) (any, bool) {
	if found := a.vars.find(name); found != nil {
		return found.value(), true
	}
	return a.input.ResolveName(name)
}

// Parent implements CEL's activation.
func (a activation) Parent() interpreter.Activation { return nil }

// value of a part; nil where it fails, or too much was evaluated.
func (f *finder) value(p at) ref.Val {
	if p.value != nil {
		return p.value
	}
	if expression, _ := f.variable(p); expression.value != nil {
		return expression.value
	}
	if p.vars != nil {
		return f.evaluate(p)
	}
	value, known := f.known[p.expr]
	if !known {
		value = f.evaluate(p)
		f.known[p.expr] = value
	}
	return value
}

func (f *finder) evaluate(p at) ref.Val {
	if f.parts--; f.parts < 0 {
		return nil
	}
	program := p.tree.program(p.expr)
	if program == nil {
		return nil
	}
	value, _, err := program.Eval(activation{p.vars, f.input})
	if err != nil {
		return nil
	}
	return value
}

// blame is the field by which a part has the value that it has.
func (f *finder) blame(p at) (origin, bool) {
	name, operands := p.call()
	switch name {
	case operators.LogicalNot:
		return f.blame(p.part(operands[0]).that(opposite(p.value)))
	case operators.LogicalAnd:
		return f.operand(p, operands, celtypes.False)
	case operators.LogicalOr:
		return f.operand(p, operands, celtypes.True)
	case operators.Conditional:
		if found, ok := f.blame(f.chosen(p, operands)); ok {
			return found, true
		}
		return f.blame(p.part(operands[0]))
	case operators.All:
		return f.quantified(p, operands, celtypes.False)
	case operators.Exists:
		return f.quantified(p, operands, celtypes.True)
	case operators.ExistsOne, "existsOne":
		return f.quantified(p.that(nil), operands, celtypes.True) // what it comes to does not tell of its elements
	}
	return f.origin(p)
}

// chosen is the branch of a condition that counts.
func (f *finder) chosen(p at, operands []ast.Expr) at {
	if f.value(p.part(operands[0])) == celtypes.True {
		return p.part(operands[1]).that(p.value)
	}
	return p.part(operands[2]).that(p.value)
}

// operand of `&&` or `||` that decides; where none does alone, the one that ranks first: exceptions last, elements of lists
// first, a later condition over an earlier one.
func (f *finder) operand(p at, operands []ast.Expr, deciding celtypes.Bool) (best origin, ok bool) {
	each := ref.Val(nil)
	if p.value == !deciding {
		each = !deciding
	}
	for i, o := range operands {
		part := p.part(o).that(each)
		if i == len(operands)-1 && p.value == deciding { // one of them does
			part.value = deciding
		}
		if f.value(part) == deciding {
			return f.blame(part.that(deciding))
		}
	}
	rank := -1
	for _, o := range operands {
		found, told := f.blame(p.part(o).that(each))
		if !told {
			continue
		}
		if r := found.rank(p.tree.exempting(o)); r >= rank {
			best, ok, rank = found, true, r
		}
	}
	return best, ok
}

func (o origin) rank(exempts bool) int {
	switch {
	case exempts:
		return 0
	case !slices.ContainsFunc(o.path, func(key any) bool { _, index := key.(int); return index }):
		return 1
	}
	return 2
}

// quantified is the first element that decides `all` or `exists`; where none does, the list, or else what is asked of each.
func (f *finder) quantified(p at, operands []ast.Expr, deciding celtypes.Bool) (origin, bool) {
	variable := p.macro(operands)
	if variable == "" {
		return f.origin(p)
	}
	list, condition := p.part(operands[0]), operands[len(operands)-1]
	each := ref.Val(nil)
	switch {
	case p.value == !deciding:
		each = !deciding
	case p.value == deciding && f.count(list) == 1:
		each = deciding
	}
	first, any := at{}, false
	for one := range f.elements(list) {
		within := p.with(condition, variable, one).that(each)
		if !any {
			first, any = within, true
		}
		if each == !deciding {
			break
		}
		if f.value(within) != deciding {
			continue
		}
		if found, ok := f.blame(within.that(deciding)); ok {
			return found, true
		}
		return one.why, one.known
	}
	if found, ok := f.origin(list); ok {
		return found, true
	}
	if !any {
		return f.blame(p.part(condition))
	}
	return f.blame(first)
}
