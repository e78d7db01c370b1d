package constraint

import (
	"fmt"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/transform"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"
)

// celExpression is a CEL text of a template, with its place below the template's `source`.
type celExpression struct {
	cel.ExpressionAccessor
	path []any
}

// celErrors compiles the CEL of a template as its driver does. The driver keeps the errors to itself
// and reports a violation for every resource; they belong to the author, before any resource comes.
func (l *loader) celErrors(t *template, source *schema.Source) bool {
	compiler, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return false
	}
	compiler.CompileAndStoreVariables(transform.AllVariablesCEL(), cel.OptionalVariableDeclarations{HasParams: true}, environment.StoredExpressions)
	failed := false
	fail := func(result cel.CompilationResult, path []any) {
		if result.Error != nil {
			failed = true
			at := append(celSource(t), path...)
			l.fail(t.origin, "cel_compile_error", oneLine(result.Error.Detail), "expressions see `object`, `oldObject`, `request`, `namespaceObject`, `variables` and `variables.params`", at...)
		}
	}
	for i, v := range source.Variables {
		variable := &validating.Variable{Name: v.Name, Expression: v.Expression}
		fail(compiler.CompileAndStoreVariable(variable, cel.OptionalVariableDeclarations{HasParams: true}, environment.StoredExpressions), []any{"variables", i, "expression"})
	}
	for _, e := range celExpressions(source) {
		fail(compiler.CompileCELExpression(e.ExpressionAccessor, cel.OptionalVariableDeclarations{}, environment.StoredExpressions), e.path)
	}
	return failed
}

// celExpressions are a template's expressions other than its variables.
func celExpressions(source *schema.Source) []celExpression {
	var out []celExpression
	for i, m := range source.MatchConditions {
		condition := &matchconditions.MatchCondition{Name: m.Name, Expression: m.Expression}
		out = append(out, celExpression{condition, []any{"matchCondition", i, "expression"}})
	}
	for i, v := range source.Validations {
		out = append(out, celExpression{&validating.ValidationCondition{Expression: v.Expression}, []any{"validations", i, "expression"}})
		if v.MessageExpression != "" {
			message := &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
			out = append(out, celExpression{message, []any{"validations", i, "messageExpression"}})
		}
	}
	return out
}

// celSource is where a template holds its CEL.
func celSource(t *template) []any {
	codes, _ := lookup(t.origin.Value, "spec", "targets", 0, "code").([]any)
	for i := range codes {
		if lookup(codes[i], "engine") == schema.Name {
			return []any{"spec", "targets", 0, "code", i, "source"}
		}
	}
	return []any{"spec", "targets"}
}

// judgedByCEL notes that a template is judged by its CEL, and refuses it when that does not compile.
func (l *loader) judgedByCEL(t *template) {
	source, err := schema.GetSourceFromTemplate(t.ConstraintTemplate)
	if err != nil {
		return // it has none: its Rego judges
	}
	if l.celErrors(t, source) {
		t.broken = true
		if _, err := l.client.RemoveTemplate(l.ctx, t.ConstraintTemplate); err != nil {
			l.fail(t.origin, "template", fmt.Sprint(err), "")
		}
		return
	}
	kind := t.Spec.CRD.Spec.Names.Kind
	l.cel[kind] = []string{}
	for _, v := range source.Validations {
		if v.MessageExpression == "" {
			l.cel[kind] = append(l.cel[kind], v.Expression)
		}
	}
}
