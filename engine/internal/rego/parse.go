package rego

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// Source is one Rego text. Line and Column say where it starts in File when it is embedded in
// another document (a YAML block scalar): 0 or 1 means that it is a file of its own.
type Source struct {
	File    string
	Text    string
	Line    int
	Column  int
	Version string // fixed dialect (V1 or V0) where a bundle's manifest states it, else empty
}

// Parsed is a module with the dialect it was read as.
type Parsed struct {
	Source
	Module  *ast.Module
	Dialect string
}

// Parse reads a module as v1, else v0, else v0 with `in` known. When none fits, the problems are those
// of the dialect that came furthest into the text.
func Parse(src Source) (*Parsed, []model.Problem) {
	if strings.TrimSpace(src.Text) == "" {
		return nil, []model.Problem{{
			Severity: model.Error, Code: ast.ParseErr, Message: "the file is empty", File: src.File, Line: max(src.Line, 1), Column: 1,
			Hint: "a policy starts with `package <name>`",
		}}
	}
	text := strings.Repeat("\n", max(src.Line-1, 0)) + strings.TrimPrefix(src.Text, "\ufeff")
	var furthest ast.Errors
	for _, d := range dialects {
		if src.Version != "" && !strings.HasPrefix(d.name, src.Version) {
			continue
		}
		module, err := ast.ParseModuleWithOpts(src.File, text, d.opts)
		if err == nil && d.name != V1 {
			err = torn(module, text)
		}
		if err == nil {
			return &Parsed{Source: src, Module: module, Dialect: d.name}, nil
		}
		if errs := asErrors(src, err); reach(errs) > reach(furthest) {
			furthest = errs
		}
	}
	return nil, src.problems(furthest)
}

func asErrors(src Source, err error) ast.Errors {
	var errs ast.Errors
	if errors.As(err, &errs) {
		return errs
	}
	var one *ast.Error
	if errors.As(err, &one) {
		return ast.Errors{one}
	}
	return ast.Errors{{Code: ast.ParseErr, Message: err.Error(), Location: ast.NewLocation(nil, src.File, max(src.Line, 1), 1)}}
}

// reach is how far into the text the first error lies: the dialect in which it is furthest is the
// one the author meant.
func reach(errs ast.Errors) int {
	if len(errs) == 0 {
		return -1
	}
	if errs[0].Location == nil {
		return 0
	}
	return errs[0].Location.Row*10000 + errs[0].Location.Col
}

// problems leaves out what the parser says a second time of one place.
func (s Source) problems(errs ast.Errors) []model.Problem {
	out := make([]model.Problem, 0, len(errs))
	for _, e := range errs {
		p := s.problem(e)
		if n := len(out); n == 0 || p.Line != out[n-1].Line || p.Column != out[n-1].Column {
			out = append(out, p)
		}
	}
	return out
}

func (s Source) problem(e *ast.Error) model.Problem {
	p := model.Problem{Severity: model.Error, Code: e.Code, Message: model.OneLine(e.Message), Hint: hint(e), File: s.File}
	if e.Location == nil {
		return p
	}
	p.File, p.Line, p.Column = e.Location.File, e.Location.Row, max(e.Location.Col, 1)
	if s.Column > 1 {
		p.Column += s.Column - 1
	}
	return p
}

// hints maps what OPA says to what a person should do. The first fragment that occurs wins.
var hints = []struct{ fragment, advice string }{
	{"found empty body", "write at least one condition between the braces; a rule that always holds is `{ true }`"},
	{"begins a rule of its own", "write `if` before a body in Rego v1, or begin the rule on a line of its own"},
	{"names a rule here", "write the whole file in Rego v1 (`import rego.v1`), or name the rule otherwise"},
	{"`if` keyword is required", "put `if` before the body: `violation contains msg if { … }`"},
	{"`contains` keyword is required", "write a set rule as `violation contains msg if { … }`"},
	{"undefined function", "define the function in this package, or import the package that has it"},
	{"is unsafe", "bind the variable first: assign it with `:=` or iterate with `some … in …`"},
	{"unexpected eof", "a brace, bracket or quote is not closed"},
	{"recursive", "a rule can't depend on itself: break the cycle"},
	{"unused", "remove it, or name it `_`"},
	{"multiple default rules", "keep one of the `default` rules"},
	{"conflicting rules", "rules of one name must be of one kind and arity: rename one of them"},
	{"var data referenced above", "rename the variable: `data` and `input` are taken"},
	{"package expected", "start the file with `package <name>`"},
	{"invalid argument", "pass what the builtin takes; OPA's reference says which types"},
	{"invalid for type", "the types can't match: compare values of one type"},
	{"match error", "the two sides have different types and can never be equal"},
}

func hint(e *ast.Error) string {
	message := strings.ToLower(e.Message)
	for _, h := range hints {
		if strings.Contains(message, h.fragment) {
			return h.advice
		}
	}
	return ""
}

// packageName is the dotted path of a package without `data.`: `attest.security`.
func packageName(pkg *ast.Package) string {
	parts := make([]string, 0, len(pkg.Path))
	for _, term := range pkg.Path[1:] {
		if s, ok := term.Value.(ast.String); ok {
			parts = append(parts, string(s))
		} else {
			parts = append(parts, fmt.Sprint(term.Value))
		}
	}
	return strings.Join(parts, ".")
}
