package constraint

import (
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	celschema "github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"

	"attest.continuu.ms/engine/internal/model"
)

func (s *Set) usesCEL() bool { return len(s.cel) > 0 }

// rememberCEL notes the expressions of a template by which the driver words a failed evaluation. Those
// with a messageExpression are left out: their words could be those of whoever wrote the resource.
func (s *Set) rememberCEL(t *template) {
	source, err := celschema.GetSourceFromTemplate(t.ConstraintTemplate)
	if err != nil {
		return
	}
	kind := t.Spec.CRD.Spec.Names.Kind
	s.cel[kind] = []string{}
	for _, v := range source.Validations {
		if v.MessageExpression == "" {
			s.cel[kind] = append(s.cel[kind], v.Expression)
		}
	}
}

// failedCEL returns the expression that could not be evaluated, if that is what a result says: the
// driver reports it as a violation, but it says nothing about the resource.
func (s *Set) failedCEL(result *types.Result) string {
	for _, expression := range s.cel[result.Constraint.GetKind()] {
		if strings.HasPrefix(result.Msg, "expression '"+strings.TrimSpace(expression)+"' resulted in error: ") ||
			strings.HasPrefix(result.Msg, "expression '"+expression+"' resulted in error: ") {
			return expression
		}
	}
	return ""
}

func (s *Set) celProblem(policy, message, expression string) model.Problem {
	p := model.Problem{Severity: model.Error, Code: "cel_error", Policy: policy, Message: oneLine(message)}
	kind, _, _ := strings.Cut(policy, "/")
	t := s.templates[kind]
	l := t.origin.at(celPath(t, expression)...)
	p.File, p.Line, p.Column = t.origin.File, l.Line, l.Column
	return p
}

func celPath(t *template, expression string) []any {
	codes, _ := lookup(t.origin.Value, "spec", "targets", 0, "code").([]any)
	for i := range codes {
		validations, _ := lookup(codes[i], "source", "validations").([]any)
		for j := range validations {
			if lookup(validations[j], "expression") == expression {
				return []any{"spec", "targets", 0, "code", i, "source", "validations", j, "expression"}
			}
		}
	}
	return []any{"spec", "targets"}
}
