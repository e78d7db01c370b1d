package optimize

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// spelledOut is a condition as the index knows it: with the body of the rule that it is, or with the constant
// that a rule in it stands for; empty where neither is so.
func (o *optimizer) spelledOut(expr *ast.Expr) string {
	if expr.Negated {
		return ""
	}
	if term, ok := expr.Terms.(*ast.Term); ok {
		if ref, key := memberOf(term); ref != nil {
			if constant := o.constant(ref); constant != "" {
				return key + " in " + constant
			}
		}
		return o.bodyOf(term)
	}
	at, ok := o.source.stretch(expr.Location)
	if !ok {
		return ""
	}
	var edits []edit
	for _, term := range expr.Terms.([]*ast.Term)[1:] {
		inner, ok := o.source.stretch(term.Location)
		if constant := o.constant(term); ok && constant != "" {
			edits = append(edits, edit{span{inner.from - at.from, inner.to - at.from}, constant})
		}
	}
	if len(edits) == 0 {
		return ""
	}
	return apply(o.source.at(at), edits)
}

// memberOf reads `kinds[input.resource.kind]`.
func memberOf(term *ast.Term) (collection *ast.Term, key string) {
	ref, ok := term.Value.(ast.Ref)
	if !ok || len(ref) < 2 {
		return nil, ""
	}
	last := ref[len(ref)-1]
	if _, isRef := last.Value.(ast.Ref); !isRef {
		return nil, ""
	}
	collection = ast.NewTerm(ref[:len(ref)-1])
	if len(ref) == 2 {
		collection = ref[0]
	}
	return collection, last.String()
}

// maxConstant is the length of a constant that may stand in a condition.
const maxConstant = 100

// constant is the text of the constant that a rule stands for; empty where a term is no such rule. An object is
// none: `in` would look among its values.
func (o *optimizer) constant(term *ast.Term) string {
	rules := o.rulesOf(term)
	if len(rules) != 1 || rules[0].Else != nil || rules[0].Default || len(rules[0].Head.Args) > 0 || rules[0].Head.Key != nil {
		return ""
	}
	value := rules[0].Head.Value
	if value == nil || !value.IsGround() || len(rules[0].Body) != 1 || !rules[0].Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true))) {
		return ""
	}
	if _, isObject := value.Value.(ast.Object); isObject || len(value.String()) > maxConstant {
		return ""
	}
	if text := string(value.Location.Text); text != "" && !strings.Contains(text, "\n") {
		return text
	}
	return value.String()
}

// rulesOf are the compiled rules that a term of the file means.
func (o *optimizer) rulesOf(term *ast.Term) []*ast.Rule {
	var ref ast.Ref
	switch value := term.Value.(type) {
	case ast.Var:
		ref = o.subject.Package.Append(ast.StringTerm(string(value)))
	case ast.Ref:
		head, ok := value[0].Value.(ast.Var)
		if !ok {
			return nil
		}
		for _, one := range o.source.module.Imports {
			if path, isRef := one.Path.Value.(ast.Ref); isRef && one.Name().Equal(head) {
				return o.subject.Set.Compiler.GetRulesExact(path.Concat(value[1:]))
			}
		}
		ref = o.subject.Package.Append(ast.StringTerm(string(head))).Concat(value[1:])
	}
	return o.subject.Set.Compiler.GetRulesExact(ref)
}

// bodyOf is the text of the conditions of a helper rule that speaks of the input alone.
func (o *optimizer) bodyOf(term *ast.Term) string {
	rules := o.rulesOf(term)
	if len(rules) != 1 || rules[0].Else != nil || rules[0].Default || len(rules[0].Head.Args) > 0 || rules[0].Head.Key != nil {
		return ""
	}
	if !rules[0].Head.Value.Equal(ast.BooleanTerm(true)) {
		return ""
	}
	var texts []string
	for _, expr := range o.asWritten(rules[0]) {
		operator := expr.OperatorTerm()
		if expr.Negated || !onlyBuiltins(expr) || operator != nil && ast.BuiltinMap[operator.Value.String()] == nil {
			return ""
		}
		texts = append(texts, string(expr.Location.Text))
	}
	return strings.Join(texts, "\n")
}

// onlyBuiltins says whether the only variables of an expression are the input and the names of builtins.
func onlyBuiltins(expr *ast.Expr) bool {
	visitor := ast.NewVarVisitor().WithParams(ast.VarVisitorParams{SkipRefCallHead: true})
	visitor.Walk(expr)
	for name := range visitor.Vars() {
		if !name.Equal(ast.InputRootDocument.Value) {
			return false
		}
	}
	return true
}

// asWritten is the body of a rule before the compiler made something else of it.
func (o *optimizer) asWritten(rule *ast.Rule) ast.Body {
	text, ok := o.subject.TextOf(rule.Location.File)
	if !ok {
		return nil
	}
	parsed, _ := rego.Parse(rego.Source{File: rule.Location.File, Text: text})
	if parsed == nil {
		return nil
	}
	for _, one := range parsed.Module.Rules {
		if one.Location.Equal(rule.Location) {
			return one.Body
		}
	}
	return nil
}

// laidOut gives each of several conditions a line of its own where the first one has.
func (o *optimizer) laidOut(offset int, text string) string {
	white, first := indent(o.source.text, offset)
	if !first {
		return strings.ReplaceAll(text, "\n", "; ")
	}
	return strings.ReplaceAll(text, "\n", o.source.newline()+white)
}
