package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/virtual"
)

// Policies are asked one by one about a resource, with inputs that differ in `parameters` alone. What
// a rule says that can't see the parameters is therefore the same for all of them: the first policy
// that needs the containers of a Pod finds them, and the others look them up.

// sameRules finds the rules of a compiler that do not depend on the parameters.
func sameRules(compiler *ast.Compiler) *virtual.Rules {
	return virtual.Choose(compiler, func(rule *ast.Rule) bool {
		return !virtual.Mentions(rule, ast.InputRootDocument, "parameters")
	})
}
