package optimize

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// use is a place of some work that depends on no variable of its rule.
type use struct {
	span
	rule *ast.Rule
	node any
	line int
}

// shared finds work that several rules do: a rule of its own does it once, since OPA keeps its result.
func (o *optimizer) shared() []candidate {
	uses := map[string][]use{}
	var order []string
	for _, rule := range o.source.module.Rules {
		o.eachUse(rule, func(text string, u use) {
			if uses[text] == nil {
				order = append(order, text)
			}
			uses[text] = append(uses[text], u)
		})
	}
	var out []candidate
	var done []use
	for _, text := range order {
		its := uses[text]
		covered := !slices.ContainsFunc(its, func(u use) bool {
			return !slices.ContainsFunc(done, func(d use) bool { return u.within(d.span) })
		})
		if len(rulesOf(its)) < 2 || covered {
			continue
		}
		done = append(done, its...)
		o.extracted[text] = true
		out = append(out, o.extract(its))
	}
	return out
}

func rulesOf(uses []use) []*ast.Rule {
	var out []*ast.Rule
	for _, u := range uses {
		if !slices.Contains(out, u.rule) {
			out = append(out, u.rule)
		}
	}
	return out
}

// eachUse visits the work of a rule that depends on nothing in it, outer work first. Under `not` and `with`
// a rule's result would not do: what is undefined means something else there.
func (o *optimizer) eachUse(rule *ast.Rule, visit func(string, use)) {
	for r := rule; r != nil; r = r.Else {
		look := func(node any) { o.usesIn(r, node, visit) }
		for _, statement := range r.Body {
			look(statement)
		}
		for _, head := range headTerms(r.Head) {
			look(head)
		}
	}
}

func (o *optimizer) usesIn(rule *ast.Rule, node any, visit func(string, use)) {
	found := func(x any, at span, ok bool, line int) {
		if ok && isWork(x) && o.selfContained(rule, x) {
			visit(textOf(x), use{at, rule, x, line})
		}
	}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if x.Negated || len(x.With) > 0 {
				return true
			}
			at, ok := o.source.stretch(x.Location)
			found(x, at, ok, x.Location.Row)
		case *ast.Term:
			at, ok := o.source.stretch(x.Location)
			found(x, at, ok, x.Location.Row)
		}
		return false
	}).Walk(node)
}

// selfContained says whether work depends on no variable of its rule but those it has itself.
func (o *optimizer) selfContained(rule *ast.Rule, node any) bool {
	if len(o.source.variables(node, true)) > 0 {
		return false
	}
	inside := o.source.variables(node, false)
	for _, b := range o.source.bodies(rule) {
		for name := range b.bound[len(b.bound)-1] {
			if inside[name] && !o.ownBody(b, node) {
				return false
			}
		}
	}
	return true
}

// ownBody says whether a body stands within a node.
func (o *optimizer) ownBody(b *body, node any) bool {
	var at span
	var ok bool
	switch node := node.(type) {
	case *ast.Term:
		at, ok = o.source.stretch(node.Location)
	case *ast.Expr:
		at, ok = o.source.stretch(node.Location)
	}
	return ok && len(b.statements) > 0 && at.from < b.statements[0].Location.Offset && b.statements[0].Location.Offset < at.to
}

// extract is the rewrite that gives work a rule of its own, or uses the rule that has it already.
func (o *optimizer) extract(uses []use) candidate {
	first := uses[0]
	source := o.source.at(first.span)
	c := candidate{Suggestion: o.suggestion(kindRepeated, first.rule, locationOf(first.node))}
	c.Title = fmt.Sprintf("%s is worked out in %d rules", quoted(source), len(rulesOf(uses)))
	c.Reason = "a rule of its own is worked out once for each input, since OPA keeps the results of rules"
	name := o.named(uses)
	if name == "" {
		name = o.fresh(&work{node: first.node})
		start := above(o.source.text, lineStart(o.source.text, first.rule.Location.Offset))
		c.edits = append(c.edits, edit{span{start, start}, name + " := " + source + o.source.newline() + o.source.newline()})
	}
	for _, u := range uses {
		c.Lines = append(c.Lines, u.line)
		if !isValue(u.rule, u.node) || ruleName(u.rule) != name {
			c.edits = append(c.edits, edit{u.span, name})
		}
	}
	slices.Sort(c.Lines)
	c.Lines = slices.Compact(c.Lines)
	return c
}

// named is the rule that already has the result of some work, and nothing else.
func (o *optimizer) named(uses []use) string {
	for _, u := range uses {
		if !isValue(u.rule, u.node) {
			continue
		}
		same := 0
		for _, rule := range o.source.module.Rules {
			if ruleName(rule) == ruleName(u.rule) {
				same++
			}
		}
		if same == 1 {
			return ruleName(u.rule)
		}
	}
	return ""
}

// isValue says whether a rule is nothing but a name for a node.
func isValue(rule *ast.Rule, node any) bool {
	trivial := len(rule.Body) == 1 && rule.Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true)))
	return trivial && rule.Else == nil && !rule.Default && len(rule.Head.Args) == 0 && rule.Head.Key == nil &&
		len(rule.Head.Ref()) == 1 && rule.Head.Value != nil && any(rule.Head.Value) == node
}

func locationOf(node any) *ast.Location {
	switch node := node.(type) {
	case *ast.Term:
		return node.Location
	case *ast.Expr:
		return node.Location
	}
	return nil
}
