package rego

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// closed are the documents that are the product's own: what its policies rely on, and what is proven about images. Nobody
// else may define, replace or add to them (docs/adr/0004-libraries-yield.md).
var closed = []ast.Ref{ast.MustParseRef("data.attest.lib"), ast.MustParseRef("data.attest.evidence")}

// isClosed says whether a reference lies in a closed document.
func isClosed(ref ast.Ref) bool { return slices.ContainsFunc(closed, ref.HasPrefix) }

// closedAt is the closed document that a reference lies in, or that it holds; "" for neither.
func closedAt(ref ast.Ref) string {
	for _, document := range closed {
		if ref.HasPrefix(document) || document.HasPrefix(ref) {
			return document.String()
		}
	}
	return ""
}

// HintClosedData says what to do about data in the place of the product's own.
const HintClosedData = "give what is verified by `--evidence`, and other data another place"

// ClosedData is the closed document that a data document would define, as in `attest.evidence`; "" for none.
func ClosedData(document map[string]any) string {
	for _, path := range closed {
		var at any = document
		for _, key := range path[1:] {
			object, isObject := at.(map[string]any)
			if !isObject { // something that stands above a closed document, and takes its place
				return strings.TrimPrefix(path.String(), "data.")
			}
			if at = object[string(key.Value.(ast.String))]; at == nil {
				break
			}
		}
		if at != nil {
			return strings.TrimPrefix(path.String(), "data.")
		}
	}
	return ""
}

// IsClosedPlace says whether a place, `attest/lib/images` for `data.attest.lib.images`, lies in a closed document.
func IsClosedPlace(place string) bool {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, part := range strings.Split(place, "/") {
		ref = ref.Append(ast.StringTerm(part))
	}
	return isClosed(ref)
}

// intrusions are modules of users that define something in a closed document. An exact copy of a library is the library.
func intrusions(parsed []member) []model.Problem {
	shipped := libraryTexts(parsed)
	var problems []model.Problem
	for _, m := range parsed {
		if m.Module.Library && !m.Module.Lent || shipped[m.Text] {
			continue
		}
		if pkg := m.Parsed.Module.Package; isClosed(pkg.Path) {
			problems = append(problems, intrusion(pkg.Location, packageName(pkg)))
			continue
		}
		for _, rule := range m.Parsed.Module.Rules {
			if at := rule.Ref().GroundPrefix(); isClosed(at) {
				problems = append(problems, intrusion(rule.Location, strings.TrimPrefix(at.String(), "data.")))
			}
		}
	}
	return problems
}

// libraryTexts are the texts of the libraries that ship: a copy of one is that library.
func libraryTexts(parsed []member) map[string]bool {
	texts := map[string]bool{}
	for _, m := range parsed {
		if m.Module.Library && !m.Module.Lent {
			texts[m.Text] = true
		}
	}
	return texts
}

func intrusion(at *ast.Location, name string) model.Problem {
	return model.Problem{
		Severity: model.Error, Code: "closed_document", File: at.File, Line: at.Row, Column: max(at.Col, 1),
		Message: fmt.Sprintf("`%s` belongs to what ships with the product: no other module may define it", name),
		Hint:    "use a package of your own, and import `data.attest.lib` where it helps; a copy of the library can be deleted",
	}
}

// replacements are the places where rules that a verdict depends on replace a closed document by `with`. Tests may.
func replacements(reached map[*ast.Rule]bool) []model.Problem {
	var problems []model.Problem
	seen := map[string]bool{}
	for rule := range reached {
		ast.WalkWiths(rule, func(with *ast.With) bool {
			target, isRef := with.Target.Value.(ast.Ref)
			if !isRef || closedAt(target.GroundPrefix()) == "" || seen[with.Location.String()] {
				return false
			}
			seen[with.Location.String()] = true
			problems = append(problems, model.Problem{
				Severity: model.Error, Code: "closed_document",
				File: with.Location.File, Line: with.Location.Row, Column: max(with.Location.Col, 1),
				Message: fmt.Sprintf("a policy replaces `%s`, which ships with the product", closedAt(target.GroundPrefix())),
				Hint:    "replace it in tests only; evidence is given by `--evidence`",
			})
			return false
		})
	}
	slices.SortFunc(problems, func(a, b model.Problem) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	return problems
}
