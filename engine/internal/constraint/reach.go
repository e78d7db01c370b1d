package constraint

import (
	"fmt"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// neverFiring warns of constraints whose Rego reads fields that no resource which they match can have:
// they are enforced, and mean nothing.
func (l *loader) neverFiring(constraints []*Object) {
	for _, o := range constraints {
		t := l.templates[o.unstructured().GetKind()]
		if t == nil || t.rego == nil {
			continue
		}
		kinds := l.matchedKinds(o)
		var missing []any
		for _, k := range kinds {
			r := &reach{template: t.rego, kind: k, memo: map[string]bool{}}
			if r.rule(violation) {
				missing = nil
				break
			}
			missing = r.missing
		}
		if missing != nil {
			l.warnNeverFires(o, t, kinds, missing)
		}
	}
}

func (l *loader) warnNeverFires(o *Object, t *template, kinds []groupKind, missing []any) {
	var names []string
	for _, k := range kinds {
		names = append(names, k.kind)
	}
	sort.Strings(names)
	hint := "match the kinds that the template is made for"
	if moved := insteadOf(kinds[0].group, kinds[0].kind, missing); moved != nil {
		hint = fmt.Sprintf("match `Pod`, with an ExpansionTemplate so that workloads are judged by the Pods they make, or read `%s`", dotted(readable(moved)))
	}
	l.warn(o, "never_fires", fmt.Sprintf("the constraint `%s` can never fire: its template reads `%s`, which a %s does not have",
		policyName(o.unstructured()), dotted(readable(missing)), strings.Join(names, " or ")), hint, "spec", "match", "kinds")
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
func (l *loader) matchedKinds(o *Object) []groupKind {
	var out []groupKind
	entries, _ := lookup(o.Value, "spec", "match", "kinds").([]any)
	for _, entry := range entries {
		groups, _ := lookup(entry, "apiGroups").([]any)
		kinds, _ := lookup(entry, "kinds").([]any)
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
	template *regoTemplate
	kind     groupKind
	memo     map[string]bool
	missing  []any // the path that the kind does not have
}

// rule says whether any definition of a rule of the template can hold.
func (r *reach) rule(name string) bool {
	if answer, known := r.memo[name]; known {
		return answer
	}
	r.memo[name] = true // a recursive rule: the compiler refuses it anyway
	defined, holds := false, false
	for _, rule := range r.template.entry.Rules {
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
	if head, ok := ref[0].Value.(ast.Var); ok && defines(r.template.entry, string(head)) {
		return r.rule(string(head))
	}
	return true
}

// objectPath is the path that a reference follows below input.review.object.
func objectPath(ref ast.Ref) ([]any, bool) {
	if !ref.HasPrefix(reviewObject) {
		return nil, false
	}
	path := []any{}
	for _, step := range ref[len(reviewObject):] {
		if name, ok := step.Value.(ast.String); ok {
			path = append(path, string(name))
		} else {
			path = append(path, nil)
		}
	}
	return path, true
}
