package trace

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// frame is one body under evaluation.
type frame struct {
	parent *frame
	node   *Node     // where its steps go
	rule   *ast.Rule // nil for a closure
	silent bool      // its expressions are not those of the source
	inner  bool      // its expression is what the step around it negates
	every  *ast.Every
	step   *Node     // under evaluation
	base   *ast.Expr // the source expression of step
	redone *ast.Expr // set after backtracking to it, until something else happens
}

// place is where what happens now belongs: below the step under evaluation.
func (f *frame) place() *Node {
	if f.step != nil {
		return f.step
	}
	return f.node
}

func (t *Tracer) enter(evt *topdown.Event) {
	parent := t.frames[evt.ParentID]
	f := &frame{parent: parent, node: t.Root}
	if parent != nil && evt.QueryID != 0 {
		f.node = parent.place()
	}
	switch node := evt.Node.(type) {
	case *ast.Rule:
		f.rule = node
		rule := &Node{Kind: KindRule, Name: ruleName(node), Outcome: Fails}
		rule.at(node.Location)
		f.node.add(t, rule)
		f.node = rule
	case *ast.Expr:
		f.every, _ = node.Terms.(*ast.Every)
		f.silent = true
	case ast.Body:
		t.enterClosure(evt, f, parent)
	}
	t.frames[evt.QueryID], t.current = f, f
}

// cut ends the tree. What is still under way neither holds nor fails.
func (t *Tracer) cut(evt *topdown.Event) {
	t.Truncated = true
	f := t.frames[evt.QueryID]
	if f == nil {
		f = t.frames[evt.ParentID]
	}
	for ; f != nil; f = f.parent {
		if f.node.Outcome == Fails && f.node.Kind != KindExpression {
			f.node.Outcome = ""
		}
	}
}

// enterClosure opens the body of a negation, a comprehension, or an `every` for one of its elements.
func (t *Tracer) enterClosure(evt *topdown.Event, f, parent *frame) {
	if parent == nil || evt.QueryID == 0 {
		f.silent = true
		return
	}
	f.silent = prints(parent.base) // the arguments of print, which the compiler collects
	f.inner = parent.step != nil && parent.step.negated && !explicit(parent.base)
	if parent.every == nil {
		return
	}
	element := &Node{Kind: KindElement, Outcome: Fails}
	element.at(evt.Location)
	list := &valueList{scope: t.scope(evt), seen: map[string]bool{}}
	for _, term := range []*ast.Term{parent.every.Key, parent.every.Value} {
		if term != nil {
			list.operand(term)
		}
	}
	element.Values = list.telling()
	f.node.add(t, element)
	f.node = element
}

func (t *Tracer) eval(evt *topdown.Event) {
	f, expr := t.frames[evt.QueryID], exprOf(evt)
	if f == nil || expr == nil || f.silent {
		return
	}
	t.current = f
	t.arguments(evt, f)
	base := expr.BaseCogeneratedExpr()
	if f.redone != nil && f.redone.BaseCogeneratedExpr() != base {
		t.again(evt, f)
	}
	f.redone = nil
	if f.step != nil && f.base == base && f.step.Outcome == "" {
		return
	}
	t.held(evt, f)
	f.step, f.base = &Node{Kind: KindExpression, Text: source(base.Location), generated: base.Generated || base.Location == nil}, base
	f.step.negated, f.step.inner = negates(expr) || negates(base), f.inner
	if f.inner {
		f.step.negated = false
	}
	f.step.at(base.Location)
	f.node.add(t, f.step)
}

// negates says whether an expression is a `not`.
func negates(expr *ast.Expr) bool {
	_, isNot := expr.Terms.(*ast.Not)
	return isNot || expr.Negated
}

// prints says whether an expression is a call of print.
func prints(expr *ast.Expr) bool {
	return expr != nil && expr.IsCall() && expr.Operator().Equal(ast.InternalPrint.Ref())
}

// explicit says whether what an expression negates is a body of its own, in braces.
func explicit(expr *ast.Expr) bool {
	not, isNot := expr.Terms.(*ast.Not)
	return isNot && not.ExplicitBody
}

// arguments notes what a function was called with, as soon as that is bound.
func (t *Tracer) arguments(evt *topdown.Event, f *frame) {
	if f.rule == nil || f.step != nil || len(f.rule.Head.Args) == 0 || f.node.Values != nil {
		return
	}
	list := &valueList{scope: t.scope(evt), seen: map[string]bool{}}
	for _, argument := range f.rule.Head.Args {
		list.operand(argument)
	}
	f.node.Values = list.telling()
}

// held closes the step under evaluation: evaluation went on, so it holds.
func (t *Tracer) held(evt *topdown.Event, f *frame) {
	if f.step == nil || f.step.Outcome != "" {
		return
	}
	f.step.Outcome, f.step.Values = Holds, t.scope(evt).values(f.base)
}

// again adds a step for a further solution of an expression: evaluation came back to it and goes on from it.
func (t *Tracer) again(evt *topdown.Event, f *frame) {
	base := f.redone.BaseCogeneratedExpr()
	step := &Node{Kind: KindExpression, Text: source(base.Location), Outcome: Holds, Again: true, Values: t.scope(evt).values(base)}
	step.at(base.Location)
	f.node.add(t, step)
	f.step, f.base = step, base
}

func (t *Tracer) redo(evt *topdown.Event) {
	f, expr := t.frames[evt.QueryID], exprOf(evt)
	if f != nil && expr != nil {
		f.redone, t.current = expr, f
	}
}

func (t *Tracer) fail(evt *topdown.Event) {
	f, expr := t.frames[evt.QueryID], exprOf(evt)
	if f == nil || expr == nil || f.silent || f.step == nil || f.base != expr.BaseCogeneratedExpr() || f.step.Outcome != "" {
		return
	}
	s := t.scope(evt)
	f.step.Outcome, f.step.Values, f.step.Reason = Fails, s.values(f.base), s.reason(expr)
	t.current = f
}

func (t *Tracer) exit(evt *topdown.Event) {
	f := t.frames[evt.QueryID]
	if f == nil {
		return
	}
	t.current = f
	if f.redone != nil && !f.silent {
		t.again(evt, f)
	}
	f.redone = nil
	t.held(evt, f)
	if f.node.Kind == KindElement {
		f.node.Outcome = Holds
	}
	if f.rule != nil {
		f.node.Outcome = Holds
		t.result(evt, f)
	}
}

// result adds what a body gave, once for each different value; `true` goes without saying.
func (t *Tracer) result(evt *topdown.Event, f *frame) {
	term := f.rule.Head.Value
	if f.rule.Head.DocKind() == ast.PartialSetDoc {
		term = f.rule.Head.Key
	}
	value := t.scope(evt).look(term)
	if value == nil || value.Compare(ast.Boolean(true)) == 0 {
		return
	}
	text := write(value, 4*t.limits.ValueChars)
	if f.node.results[text] {
		return
	}
	if f.node.results == nil {
		f.node.results = map[string]bool{}
	}
	f.node.results[text] = true
	f.node.add(t, &Node{Kind: KindResult, Text: text, Message: message(value)})
}

// message is the text of a violation, where a result is one.
func message(value ast.Value) string {
	switch value := value.(type) {
	case ast.String:
		return string(value)
	case ast.Object:
		for _, key := range []string{"msg", "message"} {
			if text := value.Get(ast.InternedTerm(key)); text != nil {
				if s, isText := text.Value.(ast.String); isText {
					return string(s)
				}
			}
		}
	}
	return ""
}

// testCase marks where a case of a table-driven test begins. The event has no bindings: its name is plain.
func (t *Tracer) testCase(evt *topdown.Event) {
	f, expr := t.frames[evt.QueryID], exprOf(evt)
	if f == nil || expr == nil || len(operandsOf(expr)) == 0 {
		return
	}
	if path, isArray := operandsOf(expr)[0].Value.(*ast.Array); isArray && path.IsGround() {
		f.node.add(t, &Node{Kind: KindNote, testCase: CaseName(path)})
	}
}

// CaseName is the name of a case of a table-driven test: the keys that lead to its result, joined by `/`.
func CaseName(path *ast.Array) string {
	parts := make([]string, path.Len())
	for i := range parts {
		if text, isText := path.Elem(i).Value.(ast.String); isText {
			parts[i] = string(text)
		} else {
			parts[i] = path.Elem(i).String()
		}
	}
	return strings.Join(parts, "/")
}

func exprOf(evt *topdown.Event) *ast.Expr {
	expr, _ := evt.Node.(*ast.Expr)
	return expr
}

// ruleName is a rule's name with its package but for `data.`: `attest.security.violation`.
func ruleName(rule *ast.Rule) string {
	return strings.TrimPrefix(rule.Ref().GroundPrefix().String(), "data.")
}
