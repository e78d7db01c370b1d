package constraint

import (
	"fmt"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/transform"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	"k8s.io/apiserver/pkg/cel/environment"
)

// celTemplate is the compiled CEL of one template: Gatekeeper's reading of it, Kubernetes' compiler.
type celTemplate struct {
	variables   map[string]cel.CompilationResult
	conditions  []cel.CompilationResult
	validations []celValidation
	ignore      bool      // failurePolicy: Ignore
	unusable    celErrors // message expressions that do not compile: the fixed message stands in
}

// celValidation is an expression with what is said when it does not hold.
type celValidation struct {
	expression        string
	message           string
	compiled          cel.CompilationResult
	messageExpression *cel.CompilationResult // nil where there is none
}

// celError is an expression that does not compile; its path lies below the template's `source`.
type celError struct {
	path   []any
	detail string
}

// celErrors are all that a template has.
type celErrors []celError

func (e celErrors) Error() string { return fmt.Sprintf("%d CEL expressions do not compile", len(e)) }

var (
	withParams    = cel.OptionalVariableDeclarations{HasParams: true}
	withoutParams = cel.OptionalVariableDeclarations{}
)

// celCompiler compiles a template's expressions and keeps their errors.
type celCompiler struct {
	*cel.CompositedCompiler
	stored           map[string]cel.CompilationResult // the variables
	errors, unusable celErrors
}

// compileCEL reads and compiles the CEL of a template as Gatekeeper's driver does. The driver keeps the
// compiler's errors to itself and reports them as a violation of every resource; we return them, for
// they belong to the author, before any resource comes.
func compileCEL(ct *templates.ConstraintTemplate) (*celTemplate, error) {
	source, err := schema.GetSourceFromTemplate(ct)
	if err != nil {
		return nil, err
	}
	policy, err := source.GetFailurePolicy()
	if err != nil {
		return nil, err
	}
	if _, err := source.GetMatchConditions(); err != nil {
		return nil, err
	}
	composited, err := cel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	c := &celCompiler{CompositedCompiler: composited, stored: map[string]cel.CompilationResult{}}
	if err := c.variables(source); err != nil {
		return nil, err
	}
	t := &celTemplate{variables: c.stored, ignore: *policy == admissionregistrationv1.Ignore}
	for i, m := range source.MatchConditions {
		t.conditions = append(t.conditions, c.compile(&matchconditions.MatchCondition{Name: m.Name, Expression: m.Expression}, "matchCondition", i, "expression"))
	}
	for i, v := range source.Validations {
		t.validations = append(t.validations, c.validation(i, v))
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	t.unusable = c.unusable
	return t, nil
}

func (c *celCompiler) variables(source *schema.Source) error {
	if _, err := source.GetVariables(); err != nil { // reserved names
		return err
	}
	for _, v := range transform.AllVariablesCEL() {
		c.variable(v)
	}
	for i, v := range source.Variables {
		c.keep(c.variable(&validating.Variable{Name: v.Name, Expression: v.Expression}), "variables", i, "expression")
	}
	return nil
}

func (c *celCompiler) variable(v cel.NamedExpressionAccessor) cel.CompilationResult {
	result := c.CompileAndStoreVariable(v, withParams, environment.StoredExpressions)
	c.stored[v.GetName()] = result
	return result
}

func (c *celCompiler) validation(i int, v schema.Validation) celValidation {
	out := celValidation{expression: v.Expression, message: v.Message}
	out.compiled = c.compile(&validating.ValidationCondition{Expression: v.Expression, Message: v.Message}, "validations", i, "expression")
	if v.MessageExpression != "" {
		message := c.CompileCELExpression(&validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}, withoutParams, environment.StoredExpressions)
		if message.Error == nil {
			out.messageExpression = &message
		} else {
			c.unusable = append(c.unusable, celError{[]any{"validations", i, "messageExpression"}, message.Error.Detail})
		}
	}
	return out
}

func (c *celCompiler) compile(expression cel.ExpressionAccessor, path ...any) cel.CompilationResult {
	result := c.CompileCELExpression(expression, withoutParams, environment.StoredExpressions)
	c.keep(result, path...)
	return result
}

func (c *celCompiler) keep(result cel.CompilationResult, path ...any) {
	if result.Error != nil {
		c.errors = append(c.errors, celError{path, result.Error.Detail})
	}
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
