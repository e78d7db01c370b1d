// Package reach tells which constraints can never fire.
package reach

import (
	"fmt"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/rego"
	"attest.continuu.ms/engine/internal/constraint/terms"
)

// Gap is why a constraint can never fire.
type Gap struct {
	Kinds []string // that it matches, sorted
	Path  []any    // that they do not have, up to its first step that is only known later
	Moved []any    // where the first of them has it instead, or nil
}

// GapOf is why a constraint can never fire whose template has these rules: they read fields that no resource which it
// matches can have. It is nil where it can.
func GapOf(constraint *gatekeeper.Object, rules *ast.Module) *Gap {
	kinds := matchedKinds(constraint)
	var missing []any
	for _, k := range kinds {
		r := &reach{entry: rules, kind: k, memo: map[string]bool{}}
		if r.rule(rego.Violation) {
			return nil
		}
		missing = r.missing
	}
	if missing == nil {
		return nil
	}
	out := &Gap{Path: readable(missing)}
	for _, k := range kinds {
		out.Kinds = append(out.Kinds, k.kind)
	}
	sort.Strings(out.Kinds)
	if moved := insteadOf(kinds[0].group, kinds[0].kind, missing); moved != nil {
		out.Moved = readable(moved)
	}
	return out
}

// readable is a path up to its first unknown step.
func readable(path []any) []any {
	for i, step := range path {
		if step == nil {
			return path[:i]
		}
	}
	return path
}

type groupKind struct{ group, kind string }

// matchedKinds are the kinds that a constraint lists; none where it matches others besides, or kinds
// whose shape is not known.
func matchedKinds(o *gatekeeper.Object) []groupKind {
	var out []groupKind
	entries, _ := gatekeeper.Lookup(o.Value, "spec", "match", "kinds").([]any)
	for _, entry := range entries {
		groups, _ := gatekeeper.Lookup(entry, "apiGroups").([]any)
		kinds, _ := gatekeeper.Lookup(entry, "kinds").([]any)
		if len(groups) == 0 || len(kinds) == 0 {
			return nil
		}
		for _, g := range groups {
			for _, k := range kinds {
				gk := groupKind{fmt.Sprint(g), fmt.Sprint(k)}
				if gk.group == "*" || gk.kind == "*" {
					return nil
				}
				out = append(out, gk)
			}
		}
	}
	return known(out)
}

// known drops pairs that do not exist (`apiGroups: ["", apps]` with `kinds: [Pod, Deployment]` makes
// four pairs, of which two do), unless a kind exists in none of them: that one is a custom resource.
func known(pairs []groupKind) []groupKind {
	exists := map[string]bool{}
	for _, p := range pairs {
		exists[p.kind] = exists[p.kind] || len(shapes()[p.group+"/"+p.kind]) > 0
	}
	var out []groupKind
	for _, p := range pairs {
		if !exists[p.kind] {
			return nil
		}
		if len(shapes()[p.group+"/"+p.kind]) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// reach says whether a rule can hold for a resource of one kind. It errs on the side of yes.
type reach struct {
	entry   *ast.Module
	kind    groupKind
	memo    map[string]bool
	missing []any // the path that the kind does not have
}

// rule says whether any definition of a rule of the template can hold.
func (r *reach) rule(name string) bool {
	if answer, known := r.memo[name]; known {
		return answer
	}
	r.memo[name] = true // a recursive rule: the compiler refuses it anyway
	defined, holds := false, false
	for _, rule := range r.entry.Rules {
		if string(rule.Head.Name) == name {
			defined = true
			holds = holds || rule.Default || rule.Else != nil || r.body(rule)
		}
	}
	r.memo[name] = holds || !defined
	return r.memo[name]
}

func (r *reach) body(rule *ast.Rule) bool {
	for _, expr := range rule.Body {
		if expr.Negated || len(expr.With) > 0 {
			continue
		}
		if !r.expression(expr) {
			return false
		}
	}
	return true
}

// expression says whether what it refers to can exist. Comprehensions and `every` hold without it.
func (r *reach) expression(expr *ast.Expr) bool {
	possible := true
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
			return true
		case ast.Ref:
			possible = possible && r.reference(x)
		}
		return !possible
	})
	visitor.Walk(expr)
	return possible
}

func (r *reach) reference(ref ast.Ref) bool {
	if path, ok := objectPath(ref); ok {
		if mayHold(r.kind.group, r.kind.kind, path) {
			return true
		}
		r.missing = path
		return false
	}
	if head, ok := ref[0].Value.(ast.Var); ok && rego.Defines(r.entry, string(head)) {
		return r.rule(string(head))
	}
	return true
}

// objectPath is the path that a reference follows below input.review.object.
func objectPath(ref ast.Ref) ([]any, bool) {
	if !ref.HasPrefix(terms.ReviewObject) {
		return nil, false
	}
	path := []any{}
	for _, step := range ref[len(terms.ReviewObject):] {
		if name, ok := step.Value.(ast.String); ok {
			path = append(path, string(name))
		} else {
			path = append(path, nil)
		}
	}
	return path, true
}
