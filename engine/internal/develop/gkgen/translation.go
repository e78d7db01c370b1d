package gkgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// translation is one policy on its way to become a template.
type translation struct {
	world    *world
	group    *rego.Group
	template Template
	kept     map[needed]bool
	queue    []needed
	supports map[string]bool // packages of support that are used
	embedded [][]string      // places of the documents that are used
	problems []model.Problem
	needless bool // it asks what a cluster refuses itself
}

func newTranslation(w *world, group *rego.Group) *translation {
	return &translation{
		world: w, group: group, kept: map[needed]bool{}, supports: map[string]bool{},
		template: Template{
			Policy: group.Name, Kind: kindOf(group.Name), Level: group.Level, Rules: group.Rules, Match: match(group),
		},
	}
}

// match is the match block that a policy states for its constraint.
func match(group *rego.Group) map[string]any {
	for _, parsed := range group.Modules {
		for _, annotations := range parsed.Module.Annotations {
			if stated, ok := annotations.Custom["match"].(map[string]any); ok && annotations.Scope == "package" {
				return stated
			}
		}
	}
	return nil
}

// run makes the template. With a problem that is an error it is not complete.
func (t *translation) run() Template {
	t.reach()
	var libraries []*ast.Module
	for _, name := range t.packagesInOrder() {
		for _, parsed := range t.world.packages[name] {
			if library := t.library(parsed); library != nil {
				libraries = append(libraries, library)
			}
		}
	}
	t.template.Package, t.template.Rego = t.entryPackage(), t.entryPoint()
	for _, library := range libraries {
		t.template.Libs = append(t.template.Libs, t.print(library))
	}
	for _, name := range slices.Sorted(maps.Keys(t.supports)) {
		t.template.Libs = append(t.template.Libs, t.supportLibrary(name))
	}
	t.compile()
	return t.template
}

// packagesInOrder are the packages that are needed, the policy's own first.
func (t *translation) packagesInOrder() []string {
	set := map[string]bool{}
	for n := range t.kept {
		set[n.pkg] = true
	}
	delete(set, t.group.Package)
	return append([]string{t.group.Package}, slices.Sorted(maps.Keys(set))...)
}

func (t *translation) print(module *ast.Module) string {
	text, err := written(module)
	if err != nil {
		t.fail(module.Package.Location, "the policy can't be written as Rego v1: "+model.OneLine(err.Error()), "see `attest policy validate`")
	}
	return spaced(text)
}

// spaced indents with spaces: YAML readers and people cope better with them. Text that holds a line
// break and a tab itself keeps its tabs.
func spaced(text string) string {
	if strings.Contains(text, "`") && strings.Contains(text, "\n\t") && hasRawLines(text) {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		body := strings.TrimLeft(line, "\t")
		lines[i] = strings.Repeat("  ", len(line)-len(body)) + body
	}
	return strings.Join(lines, "\n")
}

// hasRawLines says whether a raw string spans lines.
func hasRawLines(text string) bool {
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 && strings.Contains(part, "\n") {
			return true
		}
	}
	return false
}

// compile makes sure that what was made is Rego that a cluster will take.
func (t *translation) compile() {
	if slices.ContainsFunc(t.problems, isError) {
		return
	}
	modules := map[string]*ast.Module{}
	for i, text := range append([]string{t.template.Rego}, t.template.Libs...) {
		module, err := ast.ParseModuleWithOpts(fmt.Sprintf("generated/%d", i), text, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			t.refuse(err)
			return
		}
		modules[fmt.Sprint(i)] = module
	}
	compiler := ast.NewCompiler()
	if compiler.Compile(modules); compiler.Failed() {
		t.refuse(compiler.Errors[0])
	}
}

func (t *translation) refuse(err error) {
	hint := "see `attest policy validate`"
	if t.group.RegoVersion == rego.V0 {
		hint = "templates are written in Rego v1: change what `attest policy validate` names"
	}
	t.fail(nil, "no template can be made of the policy: "+model.OneLine(err.Error()), hint)
}

func (t *translation) fail(at *ast.Location, message, hint string) {
	p := model.Problem{
		Severity: model.Error, Code: "gatekeeper_generate", Message: message, Hint: hint,
		Policy: t.group.Name, File: t.group.File, Line: t.group.Line,
	}
	if at != nil && at.File != "" {
		p.File, p.Line, p.Column = at.File, at.Row, at.Col
	}
	t.problems = append(t.problems, p)
}

func (t *translation) embed(subject []string) {
	t.embedded = append(t.embedded, subject)
}
