package cel

import (
	"errors"
	"fmt"
	"math"
	"strings"

	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/transform"
	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/terms"
)

// input is what expressions see: the variables of a ValidatingAdmissionPolicy.
type input struct {
	object, oldObject, request, namespace, params any
	variables                                     ref.Val
	common                                        map[share]*variable // variables that are the same for all constraints
}

// newInput converts a request once for all constraints. On DELETE a ValidatingAdmissionPolicy has no
// object; templates see the old one as `variables.anyObject`.
func newInput(r *admission.Request) (*input, error) {
	attributes, err := transform.RequestToVersionedAttributes(r.GetAdmissionRequest())
	if err != nil {
		return nil, err
	}
	in := &input{common: map[share]*variable{}}
	if r.Operation() != string(admissionv1.Delete) {
		if in.object, err = content(r.New()); err != nil {
			return nil, err
		}
	}
	if in.oldObject, err = content(r.Old()); err != nil {
		return nil, err
	}
	request := cel.CreateAdmissionRequest(attributes.Attributes, metav1.GroupVersionResource(attributes.GetResource()), metav1.GroupVersionKind(attributes.VersionedKind))
	if in.request, err = runtime.DefaultUnstructuredConverter.ToUnstructured(request); err != nil {
		return nil, err
	}
	if r.NamespaceTerm != nil {
		in.namespace, err = runtime.DefaultUnstructuredConverter.ToUnstructured(cel.CreateNamespaceObject(r.Namespace))
	}
	return in, err
}

// content is an object as a map, or nil: an interface that holds a nil map would not be null in CEL.
func content(object *ast.Term) (any, error) {
	content, err := terms.Unstructured(object)
	if err != nil {
		return nil, fmt.Errorf("%w: could not unmarshal object", err)
	}
	if content == nil {
		return nil, nil
	}
	return content, nil
}

func (in *input) with(constraint map[string]any) input {
	out := *in
	out.params = constraint
	return out
}

// evaluated is a variable that an expression has used, by the name that it has there; nil where none did.
func (in *input) evaluated(name string) *variable {
	scope, known := in.variables.(*scopeVariables)
	if !known {
		return nil
	}
	if name, known = scope.name(name); !known {
		return nil
	}
	return scope.all.evaluated(name)
}

// ResolveName implements CEL's activation.
func (in *input) ResolveName(name string) (any, bool) {
	switch name {
	case cel.ObjectVarName:
		return in.object, true
	case cel.OldObjectVarName:
		return in.oldObject, true
	case cel.RequestVarName:
		return in.request, true
	case cel.ParamsVarName:
		return in.params, true
	case cel.NamespaceVarName:
		return in.namespace, true
	case cel.VariableVarName:
		return in.variables, true
	}
	return nil, false
}

// Parent implements CEL's activation.
func (in *input) Parent() interpreter.Activation { return nil }

// evaluation evaluates one constraint. Its steps are those of Kubernetes' validator, with its
// budgets.
type evaluation struct {
	template *template
	input    input
	lasting  *lasting
	failures []Error
}

// newVariables are those of the template, of which none is known but what others share.
func (e *evaluation) newVariables() *variables {
	return &variables{template: e.template, common: e.input.common, lasting: e.lasting, known: make(map[string]*variable, len(e.template.programs))}
}

// scope is a list of expressions that share their variables and a budget.
type scope struct {
	*evaluation
	input     input
	variables *scopeVariables
	budget    int64
}

// scope begins a list of expressions. Lists that see the same input share their variables.
func (e *evaluation) scope(budget int64, variables *variables) *scope {
	s := &scope{evaluation: e, input: e.input, budget: budget}
	s.variables = &scopeVariables{all: variables, paid: map[*variable]bool{}, input: &s.input}
	s.input.variables = s.variables
	return s
}

// errBudget ends the evaluation of a constraint.
var errBudget = errors.New("validation failed due to running out of cost budget, no further validation rules will be run")

// violation is a validation that does not hold, with its message.
type violation struct {
	message string
	*Violation
}

// run returns the validations that do not hold.
func (e *evaluation) run() []violation {
	if !e.applies() {
		return nil
	}
	variables := e.newVariables()
	validations := e.scope(celconfig.PerCallLimit, variables)
	results := make([]ref.Val, len(e.template.validations))
	failed := make([]error, len(results))
	for i, v := range e.template.validations {
		if results[i], failed[i] = validations.evaluate(v.compiled); errors.Is(failed[i], errBudget) {
			e.fail(failed[i].Error(), "validations", i, "expression")
			return nil
		}
	}
	texts, err := e.messages(validations.budget, variables)
	if err != nil {
		e.fail("failed messageExpression: "+err.Error(), "validations")
		return nil
	}
	var out []violation
	for i, result := range results {
		switch {
		case failed[i] != nil:
			e.fail(failed[i].Error(), "validations", i, "expression")
		case result != celtypes.True:
			out = append(out, violation{e.template.validations[i].text(texts[i]), &Violation{template: e.template, input: &validations.input, validation: i}})
		}
	}
	return out
}

// applies evaluates the match conditions: one that is false excludes the resource, even if another
// fails.
func (e *evaluation) applies() bool {
	if len(e.template.conditions) == 0 {
		return true
	}
	s := e.scope(celconfig.RuntimeCELCostBudgetMatchConditions, e.newVariables())
	s.input.namespace = nil
	var failures []Error
	for i, condition := range e.template.conditions {
		result, err := s.evaluate(condition)
		if err != nil {
			failures = append(failures, Error{[]any{"matchCondition", i, "expression"}, err.Error()})
		}
		if errors.Is(err, errBudget) {
			break
		}
		if err == nil && result == celtypes.False {
			return false
		}
	}
	e.failures = append(e.failures, failures...)
	return len(failures) == 0
}

// messages evaluates the message expressions; one that fails has no text.
func (e *evaluation) messages(budget int64, variables *variables) ([]ref.Val, error) {
	out := make([]ref.Val, len(e.template.validations))
	var s *scope
	for i, v := range e.template.validations {
		if v.messageExpression == nil {
			continue
		}
		if s == nil {
			s = e.scope(budget, variables)
		}
		result, err := s.evaluate(*v.messageExpression)
		if errors.Is(err, errBudget) {
			return nil, err
		}
		if err == nil {
			out[i] = result
		}
	}
	return out, nil
}

func (s *scope) evaluate(compiled cel.CompilationResult) (ref.Val, error) {
	// Not ContextEval: the cost limit ends an expression within a second, and a context costs a tenth of a run.
	result, details, err := compiled.Program.Eval(&s.input)
	if !s.pay(s.variables.due()) || details == nil || details.ActualCost() == nil || !s.pay(*details.ActualCost()) {
		return nil, errBudget
	}
	if err != nil {
		return nil, fmt.Errorf("expression '%v' resulted in error: %w", compiled.ExpressionAccessor.GetExpression(), err)
	}
	return result, nil
}

func (s *scope) pay(cost uint64) bool {
	if cost > math.MaxInt64 || int64(cost) > s.budget {
		return false
	}
	s.budget -= int64(cost)
	return true
}

func (e *evaluation) fail(detail string, path ...any) {
	e.failures = append(e.failures, Error{path, detail})
}

// text of a violation: that of the message expression where it is a single line of decent length, else
// the fixed message, else the expression.
func (v validation) text(result ref.Val) string {
	message := ""
	if result != nil {
		message, _ = result.Value().(string)
		message = strings.TrimSpace(message)
		if len(message) > celconfig.MaxEvaluatedMessageExpressionSizeBytes || strings.Contains(message, "\n") {
			message = ""
		}
	}
	if message == "" {
		message = strings.TrimSpace(v.message)
	}
	if message == "" {
		message = "failed expression: " + strings.TrimSpace(v.expression)
	}
	return message
}
