package builtins

import (
	"cmp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/model"
)

// shownArgument bounds how much of an argument an error shows, in bytes.
const shownArgument = 60

// Every builtin is wrapped once, before any policy is compiled.
func init() {
	for _, builtin := range ast.Builtins {
		if f := topdown.GetBuiltin(builtin.Name); f != nil {
			topdown.RegisterBuiltinFunc(builtin.Name, noted(builtin, named(builtin, contained(builtin.Name, f))))
		}
	}
}

// named makes errors of a builtin say what it was called with: whoever reads them must find the value to mend.
func named(builtin *ast.Builtin, f topdown.BuiltinFunc) topdown.BuiltinFunc {
	name, arity := builtin.Name, builtin.Decl.Arity()
	return func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		err := f(b, args, iter)
		failed, ok := err.(*topdown.Error) // what the iteration came to is wrapped in a Halt
		if !ok {
			return err
		}
		told := *failed
		told.Message = "`" + call(name, args[:min(arity, len(args))]) + "` is undefined: " + strings.TrimPrefix(failed.Message, name+": ")
		return &told
	}
}

func call(name string, args []*ast.Term) string {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg.String()
		if len(shown[i]) > shownArgument {
			shown[i] = strings.ToValidUTF8(shown[i][:shownArgument], "") + "…"
		}
	}
	return name + "(" + strings.Join(shown, ", ") + ")"
}

// Word makes an error of a builtin the problem that people see: an error where settings are strict, else a warning.
func Word(p *model.Problem, rule string, strict bool) {
	p.Severity = model.Error
	p.Hint = "have the rule look at the type of the value first"
	if rule != "" {
		p.Message = "in rule `" + rule + "`, " + p.Message
	}
	if !strict {
		p.Severity = model.Warning
		p.Hint = "the rule counts as not met; `policy.strict_errors: true` and `--strict` make this an error"
	}
}

// RuleAt is the rule that a place in a compiled policy belongs to, as in `data.shop.labels.violation`; "" for none.
func RuleAt(compiler *ast.Compiler, at *ast.Location) string {
	if at == nil {
		return ""
	}
	var found *ast.Rule
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			where := rule.Location
			if where != nil && where.File == at.File && before(where, at) && (found == nil || before(found.Location, where)) {
				found = rule
			}
		}
	}
	if found == nil {
		return ""
	}
	return found.Ref().GroundPrefix().String()
}

func before(a, b *ast.Location) bool {
	return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Col, b.Col)) <= 0
}
