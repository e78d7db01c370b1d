package virtual

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A key that a rule makes, `concat("", ["container.example.com/", name])`, finds no member of an object whose keys begin
// otherwise: annotations that others put there need not be looked at.

// beginnings tells how the texts begin that variables of rules stand for.
type beginnings struct {
	compiler  *ast.Compiler
	calls     map[*ast.Rule][]call
	elsewhere map[*ast.Rule]bool // functions that are called by who is not known
	at        map[*ast.Expr]position
	steps     int
}

// position is an expression of a body: that of a rule or of an `else`, or one within an expression of such a body.
type position struct {
	function *ast.Rule // to which the body belongs
	clause   *ast.Rule
	body     ast.Body
	index    int
	outer    *position // of the expression that the body is within
}

// call is one of a function.
type call struct {
	position
	args []*ast.Term
}

// mostSteps bounds the search for one text.
const mostSteps = 200

// newBeginnings looks at rules, of which those that are asked may be called from elsewhere.
func newBeginnings(compiler *ast.Compiler, all map[*ast.Rule]bool, asked []*ast.Rule) *beginnings {
	b := &beginnings{
		compiler: compiler, calls: map[*ast.Rule][]call{}, elsewhere: map[*ast.Rule]bool{}, at: map[*ast.Expr]position{},
	}
	for _, rule := range asked {
		b.elsewhere[rule] = true
	}
	for rule := range all {
		for clause := rule; clause != nil; clause = clause.Else {
			b.note(rule, clause)
		}
	}
	return b
}

// note learns where the expressions of a rule stand, and which functions they call.
func (b *beginnings) note(function, clause *ast.Rule) {
	ast.WalkRefs(clause.Head, func(ref ast.Ref) bool {
		b.calledElsewhere(ref)
		return false
	})
	b.noteBody(clause.Body, position{function: function, clause: clause})
}

func (b *beginnings) noteBody(body ast.Body, here position) {
	here.body = body
	for i, expr := range body {
		here := here
		here.index = i
		b.at[expr] = here
		ast.NewGenericVisitor(func(x any) bool {
			switch x := x.(type) {
			case ast.Body:
				b.noteBody(x, position{function: here.function, clause: here.clause, outer: &here})
				return true
			case *ast.Expr:
				if x.IsCall() {
					for _, rule := range b.compiler.GetRulesExact(x.Operator()) {
						b.calls[rule] = append(b.calls[rule], call{here, x.Operands()})
					}
				}
			case ast.Call:
				if ref, isRef := x[0].Value.(ast.Ref); isRef {
					b.calledElsewhere(ref)
				}
			}
			return false
		}).Walk(expr)
	}
}

func (b *beginnings) calledElsewhere(ref ast.Ref) {
	for _, rule := range b.compiler.GetRulesExact(ref) {
		b.elsewhere[rule] = true
	}
}

// of are the texts with one of which the value of a term begins, where its expression is evaluated. Known is false where the
// value may be anything else.
func (b *beginnings) of(t *ast.Term, here position) (texts []string, known bool) {
	if b.steps++; b.steps > mostSteps {
		return nil, false
	}
	switch v := t.Value.(type) {
	case ast.String:
		return []string{string(v)}, v != ""
	case ast.Ref:
		return b.values(b.compiler.GetRulesExact(v))
	case ast.Var:
		return b.variable(v, here)
	}
	return nil, false
}

// variable is known by its call where it is a parameter, else by an expression that comes before.
func (b *beginnings) variable(v ast.Var, here position) (texts []string, known bool) {
	if i := slices.IndexFunc(here.clause.Head.Args, func(arg *ast.Term) bool { return arg.Value.Compare(v) == 0 }); i >= 0 {
		return b.given(here.function, i)
	}
	for i, expr := range here.body[:here.index] {
		if expr.Negated || !expr.IsCall() {
			continue
		}
		before := here
		before.index = i
		if texts, known = b.defined(v, expr, before); known {
			return texts, true
		}
	}
	if here.outer == nil {
		return nil, false
	}
	return b.variable(v, *here.outer)
}

// defined is what an expression says of a variable.
func (b *beginnings) defined(v ast.Var, expr *ast.Expr, here position) (texts []string, known bool) {
	operands := expr.Operands()
	is := func(t *ast.Term) bool { return t.Value.Compare(v) == 0 }
	last := len(operands) - 1
	switch name := expr.Operator().String(); {
	case expr.IsEquality() && is(operands[0]):
		return b.of(operands[1], here)
	case expr.IsEquality() && is(operands[1]):
		return b.of(operands[0], here)
	case last < 0 || !is(operands[last]):
		return nil, false
	case name == ast.Concat.Name && last == 2:
		if list, isList := operands[1].Value.(*ast.Array); isList && list.Len() > 0 {
			return b.of(list.Elem(0), here)
		}
	case name == ast.Sprintf.Name && last == 2:
		format, _ := operands[0].Value.(ast.String)
		literal, _, _ := strings.Cut(string(format), "%")
		return []string{literal}, literal != ""
	case expr.Operator().HasPrefix(ast.DefaultRootRef):
		functions := b.compiler.GetRulesExact(expr.Operator())
		if len(functions) > 0 && len(functions[0].Head.Args) == last {
			return b.values(functions)
		}
	}
	return nil, false
}

// given are the texts that a function is handed.
func (b *beginnings) given(function *ast.Rule, arg int) (texts []string, known bool) {
	if b.elsewhere[function] {
		return nil, false
	}
	for _, call := range b.calls[function] {
		if arg >= len(call.args) {
			return nil, false
		}
		found, known := b.of(call.args[arg], call.position)
		if !known {
			return nil, false
		}
		texts = append(texts, found...)
	}
	return texts, len(texts) > 0
}

// values are those of rules, or of functions with any arguments.
func (b *beginnings) values(rules []*ast.Rule) (texts []string, known bool) {
	for _, rule := range rules {
		for clause := rule; clause != nil; clause = clause.Else {
			if rule.Head.RuleKind() != ast.SingleValue || !rule.Ref().IsGround() {
				return nil, false
			}
			found, known := b.of(clause.Head.Value, position{function: rule, clause: clause, body: clause.Body, index: len(clause.Body)})
			if !known {
				return nil, false
			}
			texts = append(texts, found...)
		}
	}
	return texts, len(texts) > 0
}
