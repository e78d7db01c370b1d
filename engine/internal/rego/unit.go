package rego

import (
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/model"
)

// Unit is modules that belong together, parsed as Compile parses them, for tools that compile them in
// their own way.
type Unit struct {
	Modules  map[string]*ast.Module // by file
	Policies []model.Policy
	sources  sources
	allowNet []string
}

// sources are the texts that modules came from, by file.
type sources map[string]Source

// keyed names modules as a compiler wants them: by file, and two of one file (inline policies) apart.
func keyed(parsed []member) (map[string]*ast.Module, sources) {
	modules, texts := map[string]*ast.Module{}, sources{}
	for i, p := range parsed {
		key := p.File
		if _, taken := modules[key]; taken {
			key = fmt.Sprintf("%s#%d", p.File, i)
		}
		modules[key], texts[p.File] = p.Parsed.Module, p.Parsed.Source
	}
	return modules, texts
}

func (s sources) problems(errs ast.Errors) []model.Problem {
	var problems []model.Problem
	for _, e := range errs {
		src := Source{}
		if e.Location != nil {
			src = s[e.Location.File]
		}
		problems = append(problems, src.problem(e))
	}
	return problems
}

// NewUnit parses modules; with a problem that is an error the unit must not be used.
func NewUnit(modules []Module, allowNet []string) (*Unit, []model.Problem) {
	parsed, problems := joined(modules)
	unit := &Unit{allowNet: allowNet}
	unit.Modules, unit.sources = keyed(parsed)
	for _, group := range packages(parsed) {
		unit.Policies = append(unit.Policies, describe(parsedOf(group)))
	}
	return unit, problems
}

// Compiler is a compiler with the settings that policies are compiled with, and print.
func (u *Unit) Compiler() *ast.Compiler {
	return ast.NewCompiler().WithCapabilities(builtins.Capabilities(u.allowNet)).WithEnablePrintStatements(true).SetErrorLimit(0)
}

// Problems words what a compiler says of the unit's modules.
func (u *Unit) Problems(err error) []model.Problem {
	if err == nil {
		return nil
	}
	var errs ast.Errors
	if !errors.As(err, &errs) {
		return []model.Problem{{Severity: model.Error, Code: ast.CompileErr, Message: model.OneLine(err.Error())}}
	}
	return u.sources.problems(errs)
}
