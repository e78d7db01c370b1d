package rego

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// read turns the value of a rule into violations. A set, an array or a single value will do; `false`
// and undefined mean that nothing is wrong.
func read(c choice, q *query, result, input *ast.Term) ([]Violation, []model.Problem) {
	if result == nil {
		return nil, nil
	}
	policy := c.policy
	var violations []Violation
	var problems []model.Problem
	add := func(entry *ast.Term) {
		v := Violation{Policy: policy, Rule: q.rule, Ref: q.ref, Entry: entry, Input: input, Severity: c.severity, Fix: policy.Remediation, plans: q.plans}
		counts, err := v.readEntry()
		switch {
		case err != nil:
			problems = append(problems, model.Problem{
				Severity: model.Error, Code: "policy_result", Policy: policy.Name, File: policy.File, Line: policy.Line, Message: err.Error(),
				Hint: "an entry is a string, or an object with `msg` or `message`",
			})
		case counts:
			violations = append(violations, v)
		}
	}
	switch value := result.Value.(type) {
	case ast.Set:
		value.Foreach(add)
	case *ast.Array:
		value.Foreach(add)
	case ast.Boolean:
		if bool(value) {
			add(ast.StringTerm(fmt.Sprintf("`%s` holds", q.rule)))
		}
	default:
		add(result)
	}
	return violations, problems
}

// readEntry fills in what the entry says (design.md §4) and whether it counts at all.
func (v *Violation) readEntry() (bool, error) {
	switch value := v.Entry.Value.(type) {
	case ast.String:
		v.Message = string(value)
		return true, nil
	case ast.Object:
		return v.readObject(value)
	}
	return false, fmt.Errorf("policy `%s`: rule `%s` gave %s, which is no finding", v.Policy.Name, v.Rule, ast.ValueName(v.Entry.Value))
}

func (v *Violation) readObject(object ast.Object) (bool, error) {
	details := map[string]any{}
	counts, message := true, ""
	var failed error
	object.Foreach(func(k, value *ast.Term) {
		key, _ := k.Value.(ast.String)
		switch key {
		case "violated":
			counts = !value.Equal(ast.InternedTerm(false))
		case "msg", "message":
			message = textOf(value)
		case "fix":
			v.Fix = textOf(value)
		case "path": // where to look, not what to say: the locator reads it
		case "severity":
			if severity := strings.ToLower(textOf(value)); isSeverity(severity) {
				v.Severity = severity
			} else {
				failed = fmt.Errorf("policy `%s`: `%s` is no severity: use critical, high, medium or low", v.Policy.Name, severity)
			}
		default:
			failed = keep(details, k, value, failed)
		}
	})
	if message == "" && counts && failed == nil {
		failed = fmt.Errorf("policy `%s`: rule `%s` gave an object without `msg` or `message`", v.Policy.Name, v.Rule)
	}
	v.Message, v.Details = message, details
	return counts, failed
}

// keep stores a key of an entry under the details; the entry's own `details` object is laid open.
func keep(details map[string]any, k, value *ast.Term, failed error) error {
	native, err := ast.JSON(value.Value)
	if err != nil {
		return err
	}
	if inner, ok := native.(map[string]any); ok && k.Equal(ast.InternedTerm("details")) {
		for name, v := range inner {
			details[name] = v
		}
		return failed
	}
	details[textOf(k)] = native
	return failed
}

func isSeverity(s string) bool {
	return s == "critical" || s == "high" || s == "medium" || s == "low"
}

func textOf(term *ast.Term) string {
	if s, ok := term.Value.(ast.String); ok {
		return string(s)
	}
	native, err := ast.JSON(term.Value)
	if err != nil {
		return term.String()
	}
	b, err := json.Marshal(native)
	if err != nil {
		return term.String()
	}
	return string(b)
}
