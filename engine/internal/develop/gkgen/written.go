package gkgen

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// written is a module as text that means the same; it fails where OPA's writer changes what it means. The module is
// changed to a form that is written with all parentheses.
func written(module *ast.Module) (string, error) {
	parenthesize(module)
	text, err := format.AstWithOpts(module, format.Opts{RegoVersion: ast.RegoV1, SkipDefensiveCopying: true})
	if err != nil {
		return "", err
	}
	read, err := ast.ParseModuleWithOpts("", string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return "", err
	}
	if meaning(read) != meaning(module) {
		return "", errors.New("OPA's formatter changes what it means")
	}
	return string(text), nil
}

// parenthesize mends what OPA's writer makes of operators in operators: a statement `a == (b == c)` loses its
// parentheses, and any `a == (b in c)` does. What is left is read as `(a == b) == c` and `(a == b) in c`.
func parenthesize(module *ast.Module) {
	ast.WalkExprs(module, func(statement *ast.Expr) bool {
		if terms, ok := statement.Terms.([]*ast.Term); ok && hasOperators(terms) {
			statement.Terms = ast.CallTerm(terms...).SetLocation(statement.Location)
		}
		return false
	})
	ast.WalkTerms(module, func(term *ast.Term) bool {
		if call, ok := term.Value.(ast.Call); ok && isInfix(call) {
			for _, operand := range call[1:] {
				if inner, ok := operand.Value.(ast.Call); ok && inner[0].Equal(member) {
					array := ast.ArrayTerm(ast.NewTerm(inner).SetLocation(operand.Location)).SetLocation(operand.Location)
					operand.Value = ast.Ref{array, ast.InternedTerm(0)}
				}
			}
		}
		return false
	})
}

var member = ast.NewTerm(ast.Member.Ref())

// hasOperators says whether a call is written with operators between what is written so itself.
func hasOperators(call []*ast.Term) bool {
	return isInfix(call) && slices.ContainsFunc(call[1:], func(operand *ast.Term) bool {
		inner, ok := operand.Value.(ast.Call)
		return ok && isInfix(inner)
	})
}

// isInfix says whether a call is written with its operator between two operands; what gives a variable its value
// binds less than all others and needs no care.
func isInfix(call []*ast.Term) bool {
	builtin, known := ast.BuiltinMap[call[0].String()]
	return known && builtin.Infix != "" && len(call) == 3 && builtin != ast.Assign && builtin != ast.Equality
}

var wildcard = regexp.MustCompile(`\$[0-9]+`)

// meaning are the rules of a module in the form in which OPA shows them: calls as calls, whatever they look like.
func meaning(module *ast.Module) string {
	module.SetRegoVersionSpan(ast.RegoVersionSpanOf(ast.RegoV1))
	ast.WalkRules(module, func(rule *ast.Rule) bool {
		rule.Head.Assign = true // `=` and `:=` are the same in a head
		return false
	})
	var out strings.Builder
	for _, rule := range module.Rules {
		out.WriteString(rule.String() + "\n")
	}
	return wildcard.ReplaceAllString(out.String(), "_")
}
