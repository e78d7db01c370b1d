package rego

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// entryRules are the sets that make a package a policy, in the order in which they are evaluated.
var entryRules = []string{"violation", "deny", "warn"}

// Engine is how findings and policies in plain Rego name their engine.
const Engine = "opa"

// describe says what a policy package is, from its modules and the METADATA of its package scope.
func describe(modules []*Parsed) model.Policy {
	first := modules[0]
	if judging := slices.IndexFunc(modules, judges); judging >= 0 { // the others lend their rules
		first = modules[judging]
	}
	pkg := first.Module.Package
	policy := model.Policy{
		Engine: Engine, Package: packageName(pkg), Rules: definedRules(modules),
		File: first.File, Line: pkg.Location.Row, RegoVersion: V1,
	}
	policy.Name = strings.ReplaceAll(policy.Package, ".", "-")
	for _, m := range modules {
		if m.Dialect != V1 {
			policy.RegoVersion = V0
		}
		for _, a := range m.Module.Annotations {
			if a.Scope == "package" {
				annotate(&policy, a)
			}
		}
	}
	return policy
}

// judges says whether a module itself defines rules that find something.
func judges(module *Parsed) bool { return len(definedRules([]*Parsed{module})) > 0 }

func definedRules(modules []*Parsed) []string {
	var out []string
	for _, name := range entryRules {
		if defines(modules, name) {
			out = append(out, name)
		}
	}
	return out
}

func defines(modules []*Parsed, name string) bool {
	for _, m := range modules {
		for _, rule := range m.Module.Rules {
			if string(rule.Head.Name) == name || rule.Head.Ref()[0].Value.Compare(ast.Var(name)) == 0 {
				return true
			}
		}
	}
	return false
}

func annotate(policy *model.Policy, a *ast.Annotations) {
	policy.Title, policy.Description = a.Title, a.Description
	for _, r := range a.RelatedResources {
		policy.Related = append(policy.Related, r.Ref.String())
	}
	set(&policy.Name, a.Custom["name"])
	set(&policy.Severity, a.Custom["severity"])
	set(&policy.Remediation, a.Custom["remediation"])
	policy.ReviewBy = cmp.Or(day(a.Custom["review_by"]), policy.ReviewBy)
	if schema, ok := a.Custom["parameters"].(map[string]any); ok {
		policy.Parameters = schema
		policy.Defaults = defaults(schema)
	}
	policy.Controls = append(policy.Controls, texts(a.Custom["controls"])...)
	policy.Evidence = append(policy.Evidence, texts(a.Custom["evidence"])...)
	if stated := profiles(a.Custom["profiles"]); stated != nil {
		policy.Profiles = stated
	}
}

// day is a date as YYYY-MM-DD; YAML has a type of its own for those that are not in quotes. What is none stays as it is.
func day(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case time.Time:
		return value.Format(time.DateOnly)
	default:
		return strings.TrimSuffix(fmt.Sprint(value), "T00:00:00Z")
	}
}

// texts are the texts of a list.
func texts(value any) []string {
	list, _ := value.([]any)
	var out []string
	for _, element := range list {
		if s, ok := element.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// knownProfiles are those that configuration may choose.
var knownProfiles = []string{"minimal", "recommended", "strict", "pss-baseline", "pss-restricted", "nsa", "cis"}

// profiles are the profiles that a policy states, a list of names or an object that gives each the parameters which
// the policy has there; nil where it states none.
func profiles(value any) map[string]map[string]any {
	switch stated := value.(type) {
	case []any:
		out := map[string]map[string]any{}
		for _, name := range texts(stated) {
			out[name] = map[string]any{}
		}
		return out
	case map[string]any:
		out := map[string]map[string]any{}
		for name, parameters := range stated {
			object, _ := parameters.(map[string]any)
			out[name] = map[string]any{}
			maps.Copy(out[name], object)
		}
		return out
	}
	return nil
}

func set(field *string, value any) {
	if s, ok := value.(string); ok && s != "" {
		*field = s
	}
}

// defaults are the `default` of each property of a parameter schema.
func defaults(schema map[string]any) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	out := map[string]any{}
	for name, p := range properties {
		if property, ok := p.(map[string]any); ok {
			if value, ok := property["default"]; ok {
				out[name] = value
			}
		}
	}
	return out
}
