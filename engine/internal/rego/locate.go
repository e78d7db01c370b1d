package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Locate says for each violation which field of the resource is to blame; an empty path means the
// resource as a whole. The violations are all of one resource.
func (e *Evaluator) Locate(_ context.Context, violations []Violation, _ *ast.Term) [][]any {
	return make([][]any, len(violations))
}
