package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/external"
	"attest.continuu.ms/engine/internal/pool"
	"attest.continuu.ms/engine/internal/virtual"
)

// A constraint is asked about one resource after another with the same parameters, and asks its libraries the same
// questions: whether an image is exempt, how much 512Mi is. What such a rule or function says is kept.

// lasting finds the rules that see nothing of a request but the parameters of the constraint.
func lasting(compiler *ast.Compiler) *virtual.Rules {
	return virtual.Choose(compiler, func(rule *ast.Rule) bool {
		return !virtual.MentionsOthers(rule, ast.InputRootDocument, "parameters") &&
			!virtual.Mentions(rule, ast.DefaultRootDocument, "inventory") && !changes(rule)
	})
}

// changes says whether a rule calls what may answer differently the next time.
func changes(rule *ast.Rule) bool {
	found := false
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		if expr.IsCall() {
			name := expr.Operator().String()
			builtin := ast.BuiltinMap[name]
			found = found || name == external.Name || builtin != nil && builtin.IsNondeterministic()
		}
		return found
	})
	return found
}

// keeper lends what a constraint keeps to one evaluation at a time.
type keeper struct{ free pool.Pool[*virtual.Kept] }

func (k *keeper) take(rules *virtual.Rules) *virtual.Kept {
	if kept, found := k.free.Take(); found {
		return kept
	}
	return virtual.NewKept(rules)
}

func (k *keeper) giveBack(kept *virtual.Kept) {
	if kept != nil {
		k.free.Give(kept)
	}
}

// Close lets go what evaluations keep of the set, and ends the connections to providers.
func (d *Driver) Close() {
	for _, keeper := range d.keepers {
		keeper.free.Close()
	}
	if d.runner != nil {
		d.runner.Close()
	}
	d.memory.Forget()
	d.Providers.Close()
}
