package rego

import (
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

func wantedInventory(parsed []member) Wanted {
	var wanted Wanted
	for _, m := range parsed {
		if !mentions([]member{m}, ast.DefaultRootDocument, "inventory") {
			continue
		}
		kinds := declaredKinds(m.Parsed.Module)
		wanted.All = wanted.All || len(kinds) == 0
		wanted.Kinds = append(wanted.Kinds, kinds...)
	}
	return wanted
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
