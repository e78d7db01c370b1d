package constraint

import (
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/types"

	"attest.continuu.ms/engine/internal/model"
)

func (s *Set) usesCEL() bool { return len(s.cel) > 0 }

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
	source := celSource(t)
	validations, _ := lookup(t.origin.Value, append(source, "validations")...).([]any)
	for i := range validations {
		if lookup(validations[i], "expression") == expression {
			return append(source, "validations", i, "expression")
		}
	}
	return source
}
