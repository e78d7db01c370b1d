package rego

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

func mapsKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

func parsedOf(group []member) []*Parsed {
	out := make([]*Parsed, len(group))
	for i, m := range group {
		out[i] = m.Parsed
	}
	return out
}

// conflicts finds policy packages that two origins define: their rules would silently merge.
func conflicts(parsed []member) []model.Problem {
	return append(samePackage(parsed), sameRule(parsed)...)
}

func samePackage(parsed []member) []model.Problem {
	first := map[string]member{}
	reported := map[string]bool{}
	var problems []model.Problem
	for _, m := range parsed {
		if m.Module.Library || len(definedRules([]*Parsed{m.Parsed})) == 0 {
			continue
		}
		name := packageName(m.Parsed.Module.Package)
		other, taken := first[name]
		if !taken {
			first[name] = m
			continue
		}
		if other.Module.Origin != m.Module.Origin && !reported[name+m.Module.Origin] {
			reported[name+m.Module.Origin] = true
			problems = append(problems, model.Problem{
				Severity: model.Error, Code: "duplicate_package", File: m.File, Line: m.Parsed.Module.Package.Location.Row, Column: 1,
				Message: fmt.Sprintf("package `%s` is already defined by `%s`", name, other.File),
				Hint:    "rename one package, or leave one of the two sources out",
			})
		}
	}
	return problems
}

// sameRule finds rules of a policy's package, or helpers that libraries lend to it, that a module of another origin
// defines, too: whoever adds `is_trusted(_) if true` beside a policy would change what it says.
func sameRule(parsed []member) []model.Problem {
	owner, first := map[string]member{}, map[string]member{}
	for _, m := range parsed {
		name := packageName(m.Parsed.Module.Package)
		if _, taken := owner[name]; !taken && !m.Module.Library && len(definedRules([]*Parsed{m.Parsed})) > 0 {
			owner[name] = m
		}
	}
	for _, m := range parsed {
		if policy, ok := owner[packageName(m.Parsed.Module.Package)]; ok && (m.Module.Library || m.Module.Origin == policy.Module.Origin) {
			for _, rule := range m.Parsed.Module.Rules {
				first[ruleKey(m.Parsed.Module, rule)] = m
			}
		}
	}
	libraries := libraryTexts(parsed)
	var problems []model.Problem
	for _, m := range parsed {
		if libraries[m.Text] {
			continue
		}
		policy, ok := owner[packageName(m.Parsed.Module.Package)]
		if !ok || m.Module.Library || m.Module.Origin == policy.Module.Origin || len(definedRules([]*Parsed{m.Parsed})) > 0 {
			continue
		}
		for _, rule := range m.Parsed.Module.Rules {
			if other, taken := first[ruleKey(m.Parsed.Module, rule)]; taken {
				problems = append(problems, model.Problem{
					Severity: model.Error, Code: "duplicate_rule", File: m.File, Line: rule.Location.Row, Column: rule.Location.Col,
					Message: fmt.Sprintf("rule `%s` of the policy in `%s` is already defined by `%s`", rule.Head.Ref()[0].Value, policy.File, other.File),
					Hint:    "give the rule another name, or its module a package of its own",
				})
			}
		}
	}
	return problems
}

func sameName(policies []*Policy) []model.Problem {
	first := map[string]*Policy{}
	var problems []model.Problem
	for _, p := range policies {
		if other, taken := first[p.Name]; taken {
			problems = append(problems, model.Problem{
				Severity: model.Error, Code: "duplicate_policy", File: p.File, Line: p.Line, Column: 1, Policy: p.Name,
				Message: fmt.Sprintf("policy `%s` is already defined by `%s`", p.Name, other.File),
				Hint:    "give one of them another `custom.name`",
			})
			continue
		}
		first[p.Name] = p
	}
	return problems
}

// yieldToUsers drops the library rules that a user's module of the same package defines itself, so
// that `get_containers` in a user's own policy means what the user wrote. A library whose rules are all
// taken, as by a copy of it among the user's policies, is left out as a whole.
func yieldToUsers(parsed []member) []member {
	owned, packages := map[string]bool{}, map[string]bool{}
	for _, m := range parsed {
		if m.Module.Library && !m.Module.Lent {
			continue
		}
		packages[packageName(m.Parsed.Module.Package)] = true
		for _, rule := range m.Parsed.Module.Rules {
			owned[ruleKey(m.Parsed.Module, rule)] = true
		}
	}
	return slices.DeleteFunc(parsed, func(m member) bool {
		module := m.Parsed.Module
		if !m.Module.Library || m.Module.Lent || !packages[packageName(module.Package)] {
			return false
		}
		module.Annotations = nil // the user's package may have its own, and a second is an error
		module.Rules = slices.DeleteFunc(module.Rules, func(r *ast.Rule) bool { return owned[ruleKey(module, r)] })
		return len(module.Rules) == 0
	})
}

func ruleKey(module *ast.Module, rule *ast.Rule) string {
	return packageName(module.Package) + "/" + rule.Head.Ref()[0].Value.String()
}
