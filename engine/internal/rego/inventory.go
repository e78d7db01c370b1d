package rego

import (
	"maps"
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

// Reading is what policies look at beside the resource that they judge. Whoever asks them gathers no more than that.
type Reading struct {
	Namespace bool // `input.namespace`, the object of the resource's Namespace
	Schema    bool // `input.schema_errors`
	Inventory Wanted
}

// Reads is what the selected policies look at.
func (s *Set) Reads(selections []Selection) (all Reading) {
	for _, selection := range selections {
		one := s.reads[selection.Name]
		all.Namespace = all.Namespace || one.Namespace
		all.Schema = all.Schema || one.Schema
		all.Inventory.All = all.Inventory.All || one.Inventory.All
		all.Inventory.Kinds = append(all.Inventory.Kinds, one.Inventory.Kinds...)
	}
	slices.Sort(all.Inventory.Kinds)
	all.Inventory.Kinds = slices.Compact(all.Inventory.Kinds)
	return all
}

// reading follows the rules of a policy to all that they depend on: a library that nobody calls reads nothing.
// declared are the kinds that files say they look up; a library that says nothing looks up what its policy says, own.
func reading(reached map[*ast.Rule]bool, declared map[string][]string, own []string) (out Reading) {
	for rule := range reached {
		out.Namespace = out.Namespace || virtual.Mentions(rule, ast.InputRootDocument, "namespace")
		out.Schema = out.Schema || virtual.Mentions(rule, ast.InputRootDocument, "schema_errors")
		if virtual.Mentions(rule, ast.DefaultRootDocument, "inventory") {
			kinds := declared[rule.Location.File]
			if len(kinds) == 0 {
				kinds = own
			}
			out.Inventory.All = out.Inventory.All || len(kinds) == 0
			out.Inventory.Kinds = append(out.Inventory.Kinds, kinds...)
		}
	}
	return out
}

// reached is every rule that the verdict of a policy may depend on.
func (s *Set) reached(policy []member) map[*ast.Rule]bool {
	seen := map[*ast.Rule]bool{}
	for _, name := range definedRules(parsedOf(policy)) {
		for _, rule := range s.Compiler.GetRules(policy[0].Parsed.Module.Package.Path.Append(ast.StringTerm(name))) {
			virtual.Follow(s.Compiler, rule, seen)
		}
	}
	return seen
}

// kindsOf are those that the files of a policy say they look up.
func kindsOf(policy []member, declared map[string][]string) (kinds []string) {
	for _, m := range policy {
		kinds = append(kinds, declared[m.File]...)
	}
	return kinds
}

// reachedByAny is every rule that the verdict of some policy may depend on.
func (s *Set) reachedByAny(parsed []member) map[*ast.Rule]bool {
	all := map[*ast.Rule]bool{}
	for _, policy := range packages(parsed) {
		maps.Copy(all, s.reached(policy))
	}
	return all
}

func declaredBy(parsed []member) map[string][]string {
	declared := map[string][]string{}
	for _, m := range parsed {
		declared[m.File] = declaredKinds(m.Parsed.Module)
	}
	return declared
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
