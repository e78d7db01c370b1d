package rego

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/virtual"
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
func readings(reached map[*ast.Rule]bool, parsed []member) reading {
	declared := map[string][]string{}
	for _, m := range parsed {
		declared[m.File] = declaredKinds(m.Parsed.Module)
	}
	var out reading
	for rule := range reached {
		if virtual.Mentions(rule, ast.InputRootDocument, "namespace") {
			out.namespace = true
		}
		if virtual.Mentions(rule, ast.DefaultRootDocument, "inventory") {
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
func (s *Set) reached(parsed []member) map[*ast.Rule]bool {
	seen := map[*ast.Rule]bool{}
	for _, group := range packages(parsed) {
		for _, name := range definedRules(parsedOf(group)) {
			for _, rule := range s.Compiler.GetRules(group[0].Parsed.Module.Package.Path.Append(ast.StringTerm(name))) {
				virtual.Follow(s.Compiler, rule, seen)
			}
		}
	}
	return seen
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
