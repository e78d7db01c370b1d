package gkgen

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// rewriteImports drops the imports that no rule needs any more, moves those of packages, and turns
// those that Gatekeeper refuses (of the input, of documents) into rules of the same name.
func (r *rewriting) rewriteImports() {
	used := names(&ast.Module{Rules: r.module.Rules})
	var imports []*ast.Import
	var rules []*ast.Rule
	for _, imported := range r.module.Imports {
		path, ok := imported.Path.Value.(ast.Ref)
		if !ok || isDirective(path) || !used[imported.Name()] {
			continue
		}
		if path[0].Value.Compare(dataRoot) == 0 && r.world.resolve(path).kind == toPackage {
			imports = append(imports, newImport(inLib(path), imported.Name()))
			continue
		}
		if rule := r.ruleFor(imported, path); rule != nil {
			rules = append(rules, rule)
		}
	}
	for _, each := range r.imports {
		imports = append(imports, newImport(each.path, each.alias))
	}
	slices.SortFunc(imports, func(a, b *ast.Import) int { return strings.Compare(a.String(), b.String()) })
	r.module.Imports, r.module.Rules = imports, append(rules, r.module.Rules...)
}

func newImport(path ast.Ref, alias ast.Var) *ast.Import {
	out := &ast.Import{Path: ast.NewTerm(path)}
	if out.Name() != alias {
		out.Alias = alias
	}
	return out
}

// ruleFor is a rule that stands for an import: `alias := input.review.object`.
func (r *rewriting) ruleFor(imported *ast.Import, path ast.Ref) *ast.Rule {
	name := imported.Name()
	if r.world.names[r.parsed.PackageName()][string(name)] {
		r.fail(imported.Location, "the import `"+imported.String()+"` and a rule of the package have one name", "give the import another name: `import … as …`")
		return nil
	}
	value := ast.NewTerm(path)
	r.reference(value, path)
	rule := &ast.Rule{Head: ast.NewHead(name, nil, value), Body: ast.NewBody(ast.NewExpr(ast.BooleanTerm(true)))}
	rule.Head.Assign = true
	rule.SetLoc(imported.Location)
	return rule
}

// commentsOf are the comments in the module's rules, and right above them.
func commentsOf(module *ast.Module) []*ast.Comment {
	type span struct{ from, to int }
	var spans []span
	for _, rule := range module.Rules {
		at := rule.Loc()
		spans = append(spans, span{at.Row, at.Row + strings.Count(string(at.Text), "\n")})
	}
	above := map[int]bool{} // rows of kept comments
	var kept []*ast.Comment
	for _, comment := range slices.Backward(module.Comments) {
		row := comment.Location.Row
		inside := slices.ContainsFunc(spans, func(s span) bool { return s.from <= row && row <= s.to || row == s.from-1 })
		if inside || above[row+1] && comment.Location.Col == 1 {
			above[row] = true
			kept = append(kept, comment)
		}
	}
	slices.Reverse(kept)
	return kept
}
