package virtual

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// LookedUp are the kinds of `data.inventory` that a rule or a module (x) reads, as far as its references say; model.AnyKind
// where one does not say.
func LookedUp(x any) (kinds []model.Kind) {
	ast.WalkRefs(x, func(ref ast.Ref) bool {
		if !ref[0].Equal(ast.DefaultRootDocument) || len(ref) > 1 && constant(ref, 1) != "inventory" && constant(ref, 1) != "" {
			return false
		}
		version := 0 // where the path has the apiVersion; the kind comes next
		switch constant(ref, 2) {
		case "cluster":
			version = 3
		case "namespace":
			version = 4
		}
		kind := model.Kind{APIVersion: constant(ref, version), Kind: constant(ref, version+1)}
		if version == 0 || kind.Kind == "" {
			kind = model.AnyKind
		}
		kinds = append(kinds, kind)
		return false
	})
	return kinds
}

// constant is the text at a step of a reference; empty where there is none, or it is known only when it is evaluated.
func constant(ref ast.Ref, step int) string {
	if step >= len(ref) {
		return ""
	}
	text, _ := ref[step].Value.(ast.String)
	return string(text)
}
