package bundle

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// OutsideRoots says which modules define packages that the manifest does not claim. Modules that can't
// be parsed are left to who compiles them.
func (b *Bundle) OutsideRoots(modules []rego.Module) []model.Problem {
	var problems []model.Problem
	for _, module := range modules {
		parsed, _ := rego.Parse(module.Source)
		if parsed == nil {
			continue
		}
		if !b.Permits(place(parsed.Module.Package)) {
			problems = append(problems, model.Problem{
				Severity: model.Error, Code: Content, File: module.File, Line: parsed.Module.Package.Location.Row, Column: 1,
				Message: fmt.Sprintf("the package is outside of the manifest's roots %v", *b.Manifest.Roots),
				Hint:    "move the package, or add its root to the manifest and sign the bundle again",
			})
		}
	}
	return problems
}

// place is the path of a package as roots are written. A slash within a part is no separator.
func place(pkg *ast.Package) string {
	var parts []string
	for _, term := range pkg.Path[1:] {
		part := term.Value.String()
		if text, ok := term.Value.(ast.String); ok {
			part = string(text)
		}
		parts = append(parts, escaped(part))
	}
	return strings.Join(parts, "/")
}

func escaped(part string) string { return strings.ReplaceAll(part, "/", "~1") }
