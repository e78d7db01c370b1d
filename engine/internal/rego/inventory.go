package rego

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Wanted is the part of `data.inventory` that policies look at: all of it, or the resources of some
// kinds. A policy says which in its METADATA (`custom.inventory: [PodDisruptionBudget]`), so that a
// run need not hold every resource in memory for the sake of a few.
type Wanted struct {
	All   bool
	Kinds []string
}

// Any says whether a policy looks at the inventory at all.
func (w Wanted) Any() bool { return w.All || len(w.Kinds) > 0 }

// reading is what the policies of a set look at beside the resource that they judge.
type reading struct {
	namespace bool
	inventory Wanted
}

// readings follows the rules of each policy to all that they depend on: a library that nobody calls
// reads nothing.
func (s *Set) readings(parsed []member) reading {
	declared := map[string][]string{}
	for _, m := range parsed {
		declared[m.File] = declaredKinds(m.Parsed.Module)
	}
	var out reading
	for rule := range s.reached() {
		if mentions(rule, ast.InputRootDocument, "namespace") {
			out.namespace = true
		}
		if mentions(rule, ast.DefaultRootDocument, "inventory") {
			kinds := declared[rule.Location.File]
			out.inventory.All = out.inventory.All || len(kinds) == 0
			out.inventory.Kinds = append(out.inventory.Kinds, kinds...)
		}
	}
	slices.Sort(out.inventory.Kinds)
	out.inventory.Kinds = slices.Compact(out.inventory.Kinds)
	return out
}

// reached is every rule that the verdict of some policy may depend on.
func (s *Set) reached() map[*ast.Rule]bool {
	seen := map[*ast.Rule]bool{}
	for _, policy := range s.Policies {
		for i := range policy.queries {
			for _, rule := range s.Compiler.GetRules(policy.queries[i].ref) {
				follow(s.Compiler, rule, seen)
			}
		}
	}
	return seen
}

// follow adds a rule and all that it depends on.
func follow(compiler *ast.Compiler, rule *ast.Rule, seen map[*ast.Rule]bool) {
	if seen[rule] {
		return
	}
	seen[rule] = true
	for dependency := range compiler.Graph.Dependencies(rule) {
		if next, ok := dependency.(*ast.Rule); ok {
			follow(compiler, next, seen)
		}
	}
}

// mentions looks for `root.field` in a rule; a use of the root as a whole counts, since it could read
// anything.
func mentions(rule *ast.Rule, root *ast.Term, field string) bool {
	found := false
	var look func(*ast.Term) bool
	look = func(term *ast.Term) bool {
		switch value := term.Value.(type) {
		case ast.Var:
			found = found || value.Equal(root.Value)
		case ast.Ref:
			if !value[0].Equal(root) {
				break
			}
			found = found || len(value) < 2 || !isOtherField(value[1], field)
			for _, operand := range value[1:] {
				ast.WalkTerms(operand, look)
			}
			return true
		}
		return found
	}
	ast.WalkTerms(rule, look)
	return found
}

func isOtherField(term *ast.Term, field string) bool {
	s, ok := term.Value.(ast.String)
	return ok && string(s) != field
}

func declaredKinds(module *ast.Module) []string {
	var kinds []string
	for _, a := range module.Annotations {
		listed, _ := a.Custom["inventory"].([]any)
		for _, kind := range listed {
			if s, ok := kind.(string); ok && a.Scope == "package" {
				kinds = append(kinds, s)
			}
		}
	}
	return kinds
}
