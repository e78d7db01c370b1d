package rego

import (
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/external"
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
type keeper struct {
	mu   sync.Mutex
	free []*virtual.Kept
}

func (k *keeper) take(rules *virtual.Rules) *virtual.Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := len(k.free) - 1
	if last < 0 {
		return virtual.NewKept(rules)
	}
	kept := k.free[last]
	k.free = k.free[:last]
	return kept
}

func (k *keeper) giveBack(kept *virtual.Kept) {
	if kept == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.free = append(k.free, kept)
}
