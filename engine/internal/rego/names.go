package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// PackageOf is the package of a module as the path of its data (`data.company.teams`); "" where the text is no Rego. Of a
// module whose clause stands on a line of its own no more than that is parsed.
func PackageOf(source Source) string {
	if clause := packageClause(source.Text); clause != "" {
		if module, err := ast.ParseModuleWithOpts(source.File, clause, dialects[0].opts); err == nil {
			return module.Package.Path.String()
		}
	}
	parsed, _ := Parse(source)
	if parsed == nil {
		return ""
	}
	return parsed.Module.Package.Path.String()
}

// packageClause is the first line that is no comment, if a package clause begins there.
func packageClause(text string) string {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "package ") {
			return line
		}
		break
	}
	return ""
}

// NamesOf are the names that the policies of modules may have, by PackageOf: what a module says for itself, and what all
// of its package say together.
func NamesOf(modules []Module) map[string][]string {
	parsed, _ := parseAll(modules)
	names := map[string][]string{}
	for _, group := range packages(parsed) {
		path := group[0].Parsed.Module.Package.Path.String()
		names[path] = append(names[path], nameOf(group))
		for i := range group {
			names[path] = append(names[path], nameOf(group[i:i+1]))
		}
	}
	return names
}

func nameOf(group []member) string {
	name := describe(parsedOf(group)).Name
	for _, m := range group {
		set(&name, m.Module.Name)
	}
	return name
}
