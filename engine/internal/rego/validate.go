package rego

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/model"
)

// Validate parses and compiles modules strictly and says everything that is wrong with them: syntax,
// types, unused variables, deprecated builtins; and for v0 files what has to change for v1. Test
// files are modules like any other here. No rule may stand where data has a value, and no policy should read what the
// input of the form doesn't have.
func Validate(_ context.Context, modules []Module, data map[string]any, form Form) ([]model.Policy, []model.Problem) {
	parsed, problems := parseAll(modules)
	complete := len(problems) == 0
	parsed, more := join(parsed)
	problems = append(problems, more...)
	for _, m := range parsed {
		if !m.Module.Library && !m.Module.Shipped {
			problems = append(problems, oldDialect(m)...)
		}
	}
	policies := make([]model.Policy, 0, len(parsed))
	for _, group := range packages(parsed) {
		if group[0].Module.Shipped {
			continue // it is there for what else uses its package
		}
		policy := describe(parsedOf(group))
		policies = append(policies, policy)
		problems = append(problems, metadataProblems(policy, group)...)
	}
	if complete {
		// A module that could not be parsed is missing: whatever calls it would seem to be wrong.
		problems = append(problems, strictly(parsed, data, form)...)
	}
	return policies, problems
}

// strictly compiles with OPA's strict checks. They apply to what the author wrote, so a library's
// own faults are reported only when it is validated itself.
func strictly(parsed []member, data map[string]any, form Form) []model.Problem {
	set := &Set{capabilities: builtins.Capabilities(nil), strict: true, options: Options{Data: data}}
	problems := set.compile(parsed)
	problems = append(problems, set.takenPaths(parsed)...)
	if len(problems) > 0 {
		return problems
	}
	return append(replacements(set.reachedByAny(parsed)), set.missingFields(parsed, form)...)
}

// oldDialect says of a v0 file what v1 asks for, at each place.
func oldDialect(m member) []model.Problem {
	if m.Dialect == V1 {
		return nil
	}
	opts := ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true}
	_, err := ast.ParseModuleWithOpts(m.File, m.Text, opts)
	problems := []model.Problem{{
		Severity: model.Warning, Code: "rego_v0", File: m.File, Line: m.Parsed.Module.Package.Location.Row, Column: 1,
		Message: "the file is Rego v0: it works here, but OPA 1.0 and later refuse it unless told otherwise",
		Hint:    "change what the next lines name, or run `opa fmt --write --v0-v1` on it",
	}}
	if m.Dialect == V0In {
		problems[0].Message = "the file is Rego v0 and uses `in` without importing it: it works here, but OPA refuses it"
		problems[0].Hint = "add `import rego.v1` and change what the next lines name, or add `import future.keywords.in`"
	}
	for _, e := range asErrors(m.Source, err) {
		p := m.Source.problem(e)
		p.Severity, p.Code = model.Warning, "rego_v0"
		p.Message = "for Rego v1: " + p.Message
		problems = append(problems, p)
	}
	return problems
}

// metadataProblems checks what the METADATA of a policy states.
func metadataProblems(policy model.Policy, group []member) []model.Problem {
	var problems []model.Problem
	warn := func(code, format string, args ...any) {
		problems = append(problems, model.Problem{
			Severity: model.Error, Code: code, Policy: policy.Name, File: policy.File, Line: policy.Line, Column: 1,
			Message: fmt.Sprintf(format, args...), Hint: "mend the METADATA block above the package",
		})
	}
	if policy.Severity != "" && !isSeverity(policy.Severity) {
		warn("metadata_severity", "`%s` is no severity: use critical, high, medium or low", policy.Severity)
	}
	if _, err := time.Parse(time.DateOnly, policy.ReviewBy); err != nil && policy.ReviewBy != "" {
		warn("metadata_review", "`%s` is no date: write `review_by` as `2027-01-31`", policy.ReviewBy)
	}
	properties, _ := policy.Parameters["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(policy.Profiles)) {
		if !slices.Contains(knownProfiles, name) {
			warn("metadata_profiles", "`%s` is no profile: use %s", name, strings.Join(knownProfiles, ", "))
		}
		for _, parameter := range slices.Sorted(maps.Keys(policy.Profiles[name])) {
			if _, known := properties[parameter]; !known {
				warn("metadata_profiles", "the profile `%s` sets `%s`, which is no parameter", name, parameter)
			}
		}
	}
	for _, parameter := range policy.Evidence {
		if policy.Defaults[parameter] != true {
			warn("metadata_evidence", "`custom.evidence` names `%s`, which is no parameter that is true by default", parameter)
		}
	}
	for _, m := range group {
		for _, a := range m.Parsed.Module.Annotations {
			if _, wrong := declaredKinds(a.Custom["inventory"]); wrong != "" && a.Scope == "package" {
				warn("metadata_inventory", "`custom.inventory` says what the policy looks up: %s", wrong)
			}
			schema, stated := a.Custom["parameters"]
			if _, isObject := schema.(map[string]any); stated && !isObject && a.Scope == "package" {
				warn("metadata_parameters", "`custom.parameters` must be a JSON schema (an object)")
			}
		}
	}
	return problems
}
