package conflict

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// definition is a helper rule where it is written.
type definition struct {
	rule   *ast.Rule
	module rego.Module
	name   string
}

// helpers finds helper rules that a package defines twice: to the letter, or with two values that both
// always hold.
func (f *finder) helpers() {
	byName := map[string][]definition{}
	var order []string
	for _, m := range f.sources.Modules {
		parsed, _ := rego.Parse(m.Source)
		if parsed == nil || m.Library || !f.inForce(parsed.Module.Package.Path) {
			continue
		}
		for _, rule := range parsed.Module.Rules {
			name := rule.Head.Ref().String()
			key := parsed.Module.Package.Path.String() + "." + name
			if isEntry(rule) || rule.Default {
				continue
			}
			if byName[key] == nil {
				order = append(order, key)
			}
			byName[key] = append(byName[key], definition{rule, m, name})
		}
	}
	for _, key := range order {
		f.compare(byName[key])
	}
}

// inForce says whether some policy in force is of a package.
func (f *finder) inForce(path ast.Ref) bool {
	for _, j := range f.judges {
		if j.subject.Package.Equal(path) {
			return true
		}
	}
	return false
}

func isEntry(rule *ast.Rule) bool {
	name := strings.Trim(rule.Head.Ref()[0].Value.String(), `"`)
	return name == "violation" || name == "deny" || name == "warn"
}

func (f *finder) compare(all []definition) {
	for i, a := range all {
		for _, b := range all[i+1:] {
			switch {
			case written(a.rule) == written(b.rule):
				f.twice(fmt.Sprintf("the package `%s` defines `%s` twice, in the same words", packageName(a), a.name),
					"keep one of the two", a.side(), b.side())
			case a.always() && b.always() && !a.rule.Head.Value.Equal(b.rule.Head.Value):
				f.twice(fmt.Sprintf("the package `%s` defines `%s` twice, with different values: evaluating it fails", packageName(a), a.name),
					"keep one of the two, or let conditions decide between them", a.side(), b.side())
			}
		}
	}
}

func packageName(d definition) string {
	parsed, _ := rego.Parse(d.module.Source) // it parsed a moment ago
	return strings.TrimPrefix(parsed.Module.Package.Path.String(), "data.")
}

// written is a rule without its place, its variables numbered, whatever order its conditions have.
func written(rule *ast.Rule) string {
	s := &speller{own: ast.Ref{ast.DefaultRootDocument, ast.StringTerm("")}}
	return s.rule(rule)
}

// always says that a rule has one constant value, whatever the input.
func (d definition) always() bool {
	head := d.rule.Head
	return len(head.Args) == 0 && head.Key == nil && d.rule.Else == nil && head.Value != nil && head.Value.IsGround() &&
		!isRef(head.Value) && d.rule.Body.String() == "true"
}

func isRef(t *ast.Term) bool {
	_, ok := t.Value.(ast.Ref)
	return ok
}

func (d definition) side() Side {
	parsed, _ := rego.Parse(d.module.Source) // it parsed a moment ago
	text, _, _ := strings.Cut(string(d.rule.Location.Text), "\n")
	name := strings.ReplaceAll(strings.TrimPrefix(parsed.Module.Package.Path.String(), "data."), ".", "-")
	return Side{Policy: name, Rule: d.name, File: d.module.File, Line: d.rule.Location.Row, Condition: strings.TrimSpace(text)}
}
