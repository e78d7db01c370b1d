package cel

import (
	"fmt"
	"sync"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/transform"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"attest.continuu.ms/engine/internal/virtual"
)

// template is the compiled CEL of one template: Gatekeeper's reading of it, Kubernetes' compiler.
type template struct {
	programs    map[string]cel.CompilationResult // of variables
	shares      map[string]share                 // of variables
	conditions  []cel.CompilationResult
	validations []validation
	trees       trees          // of variables
	ignore      bool           // failurePolicy: Ignore
	unusable    Errors         // message expressions that do not compile: the fixed message stands in
	reads       []virtual.Read // what its expressions read of a request
	told        bool           // whether that can be told
	asks        []int          // the same as indexes of the driver's; nil where it can't
}

// validation is an expression with what is said when it does not hold.
type validation struct {
	expression        string
	message           string
	compiled          cel.CompilationResult
	messageExpression *cel.CompilationResult // nil where there is none
	tree              func() *tree           // of the expression, parsed when a field is looked for
}

// trees are expressions by the names of their variables, parsed when they are asked for.
type trees map[string]func() *tree

// of a variable, nil where there is none. Its name is escaped in expressions where it is a keyword of CEL.
func (t trees) of(variable string) *tree {
	parse, known := t[variable]
	if !known {
		variable, _ = apiservercel.Unescape(variable)
		parse, known = t[variable]
	}
	if !known {
		return nil
	}
	return parse()
}

func parsedLater(expression string) func() *tree {
	return sync.OnceValue(func() *tree { return newTree(expression) })
}

// Error is an expression that does not compile, or that can't be evaluated; its path lies below the template's `source`.
type Error struct {
	Path   []any
	Detail string
}

// Errors are all that a template has.
type Errors []Error

// Error counts them.
func (e Errors) Error() string { return fmt.Sprintf("%d CEL expressions do not compile", len(e)) }

var (
	withParams    = cel.OptionalVariableDeclarations{HasParams: true}
	withoutParams = cel.OptionalVariableDeclarations{}
)

// compiler compiles a template's expressions and keeps their errors.
type compiler struct {
	*cel.CompositedCompiler
	stored           map[string]cel.CompilationResult // the variables
	trees            trees
	expressions      []func() *tree // all others
	errors, unusable Errors
}

// compile reads and compiles the CEL of a template as Gatekeeper's driver does. The driver keeps the
// compiler's errors to itself and reports them as a violation of every resource; we return them, for
// they belong to the author, before any resource comes.
func compile(ct *templates.ConstraintTemplate) (*template, error) {
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
	c := &compiler{CompositedCompiler: composited, stored: map[string]cel.CompilationResult{}, trees: trees{}}
	if err := c.variables(source); err != nil {
		return nil, err
	}
	t := &template{programs: c.stored, shares: sharesOf(c.trees), trees: c.trees, ignore: *policy == admissionregistrationv1.Ignore}
	for i, m := range source.MatchConditions {
		c.expressions = append(c.expressions, parsedLater(m.Expression))
		t.conditions = append(t.conditions, c.compile(&matchconditions.MatchCondition{Name: m.Name, Expression: m.Expression}, "matchCondition", i, "expression"))
	}
	for i, v := range source.Validations {
		t.validations = append(t.validations, c.validation(i, v))
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	t.unusable = c.unusable
	t.reads, t.told = readsOf(c.trees, c.expressions)
	return t, nil
}

func (c *compiler) variables(source *schema.Source) error {
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

func (c *compiler) variable(v cel.NamedExpressionAccessor) cel.CompilationResult {
	result := c.CompileAndStoreVariable(v, withParams, environment.StoredExpressions)
	c.stored[v.GetName()], c.trees[v.GetName()] = result, parsedLater(v.GetExpression())
	return result
}

func (c *compiler) validation(i int, v schema.Validation) validation {
	out := validation{expression: v.Expression, message: v.Message, tree: parsedLater(v.Expression)}
	c.expressions = append(c.expressions, out.tree)
	out.compiled = c.compile(&validating.ValidationCondition{Expression: v.Expression, Message: v.Message}, "validations", i, "expression")
	if v.MessageExpression != "" {
		message := c.CompileCELExpression(&validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}, withoutParams, environment.StoredExpressions)
		if message.Error == nil {
			out.messageExpression = &message
			c.expressions = append(c.expressions, parsedLater(v.MessageExpression))
		} else {
			c.unusable = append(c.unusable, Error{[]any{"validations", i, "messageExpression"}, message.Error.Detail})
		}
	}
	return out
}

func (c *compiler) compile(expression cel.ExpressionAccessor, path ...any) cel.CompilationResult {
	result := c.CompileCELExpression(expression, withoutParams, environment.StoredExpressions)
	c.keep(result, path...)
	return result
}

func (c *compiler) keep(result cel.CompilationResult, path ...any) {
	if result.Error != nil {
		c.errors = append(c.errors, Error{path, result.Error.Detail})
	}
}
