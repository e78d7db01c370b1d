package rego

import (
	"strings"

	"attest.continuu.ms/engine/internal/model"
)

// Group is a policy with the modules of its package, for tools that turn a policy into something else.
type Group struct {
	model.Policy
	Level   string // as in Policy
	Modules []*Parsed
}

// Groups parses modules as Compile does and tells the policies among them: all of them, and every
// module, the libraries included. With a problem that is an error they must not be used.
func Groups(modules []Module) ([]Group, []*Parsed, []model.Problem) {
	parsed, problems := joined(modules)
	var groups []Group
	for _, members := range packages(parsed) {
		group := Group{Policy: describe(parsedOf(members)), Modules: parsedOf(members)}
		for _, m := range members {
			set(&group.Name, m.Module.Name)
			set(&group.Severity, m.Module.Severity)
			set(&group.Level, m.Module.Level)
			group.Shipped = m.Module.Shipped
		}
		group.Severity = strings.ToLower(group.Severity)
		groups = append(groups, group)
	}
	return groups, parsedOf(parsed), problems
}

// PackageName is the dotted path of the module's package without `data.`.
func (p *Parsed) PackageName() string { return packageName(p.Module.Package) }
