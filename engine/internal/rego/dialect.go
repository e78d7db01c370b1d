package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Dialects of Rego, in the order in which a file is tried. OPA has the first two. The third is the form
// of the specification's own policies, and the second but for one line: `import future.keywords.in`.
const (
	V1   = "v1"
	V0   = "v0"
	V0In = "v0 with in"
)

var dialects = []struct {
	name string
	opts ast.ParserOptions
}{
	{V1, ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true}},
	{V0, ast.ParserOptions{RegoVersion: ast.RegoV0, ProcessAnnotation: true}},
	{V0In, ast.ParserOptions{RegoVersion: ast.RegoV0, FutureKeywords: []string{"in"}, ProcessAnnotation: true}},
}

// torn finds where reading a text as v0 makes two rules of what its author wrote as one. In v0 a line
// feed ends no rule and a rule needs no body: `trusted := true fi { … }`, and so `trusted := true if
// { … }`, are a constant and a rule named `fi` or `if`, and what was a condition holds always.
func torn(module *ast.Module, text string) error {
	var before *ast.Rule
	for _, rule := range module.Rules {
		name := rule.Head.Ref()[0].String()
		switch {
		case before != nil && isOpen(before) && continues(rule.Location, before.Location, text):
			return ast.NewError(ast.ParseErr, rule.Location, "`%s` begins a rule of its own, and the rule before it has no body and holds always", name)
		case ast.IsFutureKeywordForRegoVersion(name, ast.RegoV0) && len(rule.Head.Args) == 0:
			return ast.NewError(ast.ParseErr, rule.Location, "`%s` names a rule here: Rego v0 takes it for a keyword only where it is imported", name)
		}
		before = rule
	}
	return nil
}

// isOpen says whether a rule ends without a body, so that what follows may have been meant for one.
func isOpen(rule *ast.Rule) bool {
	for rule.Else != nil {
		rule = rule.Else
	}
	// The parser gives such a rule the body `true`, at the place of the rule itself or of its value.
	head := rule.Location.Offset
	if value := rule.Head.Value; value != nil && value.Location != nil {
		head = max(head, value.Location.Offset)
	}
	return len(rule.Body) == 1 && rule.Body[0].Location.Offset <= head
}

// continues says whether a rule stands in a line that the rule before it began, or is indented under it.
func continues(rule, before *ast.Location, text string) bool {
	line := text[strings.LastIndexByte(text[:rule.Offset], '\n')+1 : rule.Offset]
	return strings.TrimSpace(line) != "" || rule.Col > before.Col
}
