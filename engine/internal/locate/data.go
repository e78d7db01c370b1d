package locate

import "github.com/open-policy-agent/opa/v1/ast"

// readsData says whether a rule looks at data beside the rules, such as other resources. Then what it is about depends on
// more than the shape of the resource: on whether data holds the very same object, say.
func readsData(compiler *ast.Compiler, rule ast.Ref) bool {
	seen := map[*ast.Rule]bool{}
	var reads func(rules []*ast.Rule) bool
	reads = func(rules []*ast.Rule) bool {
		for _, r := range rules {
			if seen[r] {
				continue
			}
			seen[r] = true
			found := false
			ast.WalkRefs(r, func(ref ast.Ref) bool {
				if !found && ref[0].Equal(ast.DefaultRootDocument) {
					behind := compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{})
					found = len(behind) == 0 || reads(behind)
				}
				return found
			})
			if found {
				return true
			}
		}
		return false
	}
	return reads(compiler.GetRules(rule))
}
