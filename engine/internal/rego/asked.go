package rego

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// asked are the policies of a selection with their parameters as terms. It never changes and is shared by evaluators, so
// that what the compiled evaluator keeps for parameters is found again by the next request that has the same.
type asked struct {
	choices []choice
	// The names of the choices: those asked about resources in namespaces (all of them), and about others.
	names, namesForClusters []string
}

// prepared are the selections that were asked for last, for a server asks the same with each request.
type prepared struct {
	mu     sync.Mutex
	recent []recent // the latest first
	closed bool
}

type recent struct {
	key   string
	asked *asked
}

// mostPrepared is how many selections are kept.
const mostPrepared = 8

// of is what a selection comes to, from what is kept where it is there.
func (p *prepared) of(policies []*Policy, selections []Selection) (*asked, error) {
	text, err := json.Marshal(selections)
	if err != nil { // no document, which is told below
		return ask(policies, selections)
	}
	key := string(text)
	if found := p.find(key); found != nil {
		return found, nil
	}
	made, err := ask(policies, selections)
	if err == nil {
		p.keep(recent{key, made})
	}
	return made, err
}

func (p *prepared) find(key string) *asked {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.recent {
		if one.key == key {
			p.recent = slices.Insert(slices.Delete(p.recent, i, i+1), 0, one)
			return one.asked
		}
	}
	return nil
}

func (p *prepared) keep(one recent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.recent = slices.Insert(p.recent, 0, one)
	if len(p.recent) > mostPrepared {
		p.recent = slices.Delete(p.recent, mostPrepared, len(p.recent))
	}
}

func (p *prepared) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent, p.closed = nil, true
}

func ask(policies []*Policy, selections []Selection) (*asked, error) {
	byName := map[string]Selection{}
	for _, selection := range selections {
		byName[selection.Name] = selection
	}
	a := &asked{}
	for _, policy := range policies {
		selection, selected := byName[policy.Name]
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
