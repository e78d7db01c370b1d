package rego

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// asked are the policies of a selection with their parameters as terms. It never changes and is shared by evaluators, so
// that what the compiled evaluator keeps for parameters is found again by the next request that has the same.
type asked struct {
	choices []choice
	// The names of the choices: those asked about resources in namespaces (all of them), and about others.
	names, namesForClusters []string
	// Of all that are selected, those of other engines too.
	byName   map[string]Selection
	selected map[string]bool
}

// Selection is that of a policy, which may be one of another engine; empty where it is not selected.
func (a *asked) Selection(name string) Selection { return a.byName[name] }

// Selected are the names of all that are selected, those of other engines too; nobody may change it.
func (a *asked) Selected() map[string]bool { return a.selected }

// prepared are the selections that were asked for last, for a server asks the same with each request.
type prepared struct{ lately[recent] }

type recent struct {
	key   string
	asked *asked
}

// of is what a selection comes to, from what is kept where it is there.
func (p *prepared) of(policies []*Policy, selections Selections) (*asked, error) {
	key, err := selections.text()
	if err != nil { // no document, which is told below
		return ask(policies, selections)
	}
	if one, known := p.find(func(one recent) bool { return one.key == key }); known {
		return one.asked, nil
	}
	made, err := ask(policies, selections)
	if err == nil {
		p.keep(recent{key, made})
	}
	return made, err
}

func ask(policies []*Policy, selections Selections) (*asked, error) {
	a := &asked{byName: make(map[string]Selection, len(selections)), selected: make(map[string]bool, len(selections))}
	for _, selection := range selections {
		a.byName[selection.Name], a.selected[selection.Name] = selection, true
	}
	for _, policy := range policies {
		selection, selected := a.byName[policy.Name]
		if !selected {
			continue
		}
		value, err := ast.InterfaceToValue(Merged(policy.Defaults, selection.Parameters))
		if err != nil {
			return nil, fmt.Errorf("parameters of policy `%s`: %w", policy.Name, err)
		}
		c := choice{policy, ast.NewTerm(value), policy.Level, defaultSeverity}
		set(&c.level, selection.Level)
		set(&c.severity, selection.Severity)
		set(&c.severity, policy.Policy.Severity)
		a.choices = append(a.choices, c)
		a.names = append(a.names, policy.Name)
		if c.level != "Namespace" {
			a.namesForClusters = append(a.namesForClusters, policy.Name)
		}
	}
	return a, nil
}
