package compiled

import "github.com/open-policy-agent/opa/v1/ast"

// What OPA skips may be skipped here, and nothing else that could end in an error: it would go unnoticed.
//
// OPA stops at the first rule that holds where all rules agree on one constant value. It looks for further
// solutions of what is negated, although the first decides.

// agree says whether the first rule that holds decides. OPA asks it of the rules that its index has not ruled out,
// so where all agree, it stops as well, and its order is the same.
func agree(rules *ast.IndexResult) bool {
	var value ast.Value
	agrees := func(r *ast.Rule) bool {
		if r.Head.DocKind() != ast.CompleteDoc || r.Head.Value == nil || !r.Head.Value.Value.IsGround() {
			return false
		}
		if value == nil {
			value = r.Head.Value.Value
		}
		return ast.ValueEqual(value, r.Head.Value.Value)
	}
	for _, r := range rules.Rules {
		if !agrees(r) {
			return false
		}
		for _, branch := range rules.Else[r] {
			if !agrees(branch) {
				return false
			}
		}
	}
	return true
}
