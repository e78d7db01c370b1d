package rego

import (
	"slices"
	"strings"
)

// Settled leaves out the shipped modules that policies of the project replace (ADR 0004), for tools that compile modules in
// their own way. What can't be parsed stays: whoever compiles it says so.
func Settled(modules []Module) []Module {
	parsed, _ := parseAll(modules)
	left := map[string]bool{}
	for _, m := range parsed {
		left[m.Source.File] = m.Module.Shipped
	}
	for _, m := range replaceShipped(parsed) {
		delete(left, m.Source.File)
	}
	return slices.DeleteFunc(slices.Clone(modules), func(m Module) bool { return left[m.Source.File] })
}

// replaceShipped lets a policy of the project stand in for the shipped one of its package, or of its name, as a whole:
// nothing of that package stays, nor do its tests. Two halves of different authors would be a policy that nobody wrote.
func replaceShipped(parsed []member) []member {
	own := ownPolicies(parsed)
	if len(own) == 0 {
		return parsed
	}
	gone, tests := map[string]bool{}, map[string]bool{}
	for _, group := range packages(parsed) {
		if !group[0].Module.Shipped {
			continue
		}
		name, pkg := describe(parsedOf(group)).Name, group[0].PackageName()
		for _, by := range []string{"package " + pkg, "name " + name} {
			if at, replaced := own[by]; replaced {
				parsed[at].Module.Replaces = append(parsed[at].Module.Replaces, name)
				gone[pkg] = true
				tests[strings.TrimSuffix(group[0].File, ".rego")+"_test.rego"] = true
				break
			}
		}
	}
	return slices.DeleteFunc(parsed, func(m member) bool {
		return m.Module.Shipped && (gone[m.PackageName()] || tests[m.File])
	})
}

// ownPolicies are the modules that make a policy of the project, by its package and by its name.
func ownPolicies(parsed []member) map[string]int {
	own := map[string]int{}
	for i, m := range parsed {
		if m.Module.Shipped || m.Module.Library || m.Module.Adds || len(definedRules([]*Parsed{m.Parsed})) == 0 {
			continue
		}
		policy := describe([]*Parsed{m.Parsed})
		set(&policy.Name, m.Module.Name)
		for _, key := range []string{"package " + policy.Package, "name " + policy.Name} {
			if _, taken := own[key]; !taken {
				own[key] = i
			}
		}
	}
	return own
}
