package rego

import (
	"context"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"
)

func TestEachFileIsReadInItsOwnDialect(t *testing.T) {
	cases := map[string]struct{ text, dialect string }{
		"v1":                         {"package p\nviolation contains \"x\" if input.a in [1]", V1},
		"v0":                         {"package p\nviolation[\"x\"] { input.a == 1 }", V0},
		"v0 with the import":         {"package p\nimport future.keywords.in\nviolation[\"x\"] { input.a in [1] }", V0},
		"v0 without the import":      {"package p\nviolation[\"x\"] { input.a in [1] }", V0In},
		"v0 with contains as a rule": {"package p\ncontains_it { true }\nviolation[\"x\"] { contains_it }", V0},
		"v1 after a byte order mark": {"\ufeffpackage p\nx := 1", V1},
		"v1 with Windows line ends":  {"package p\r\nx := 1 if {\r\n  true\r\n}\r\n", V1},
		"valid in both counts as v1": {"package p\nx := 1", V1},
		"import rego.v1 stays v1":    {"package p\nimport rego.v1\nx if { true }", V1},
		"a set of objects, as in §3": {"package p\nviolation[{\"msg\": m}] { m := \"x\" }", V0},
		"v0 with rules in one line":  {"package p\nx { true } y { true } z := 1", V0},
		"v0 with two bodies":         {"package p\nx { true }\n{ false }", V0},
		"v0 with constants":          {"package p\ny { true }\nx := 1\nz := 2", V0},
		"v0, each rule deeper":       {"package p\nx { true }\n  y { true }\n    z { true }", V0},
		"v0 whose body is true":      {"package p\nx := 1 { true } y { true }", V0},
		"every with its v0 import":   {"package p\nimport future.keywords\nx { every a in [1] { a == 1 } }", V0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			parsed, problems := Parse(Source{File: "p.rego", Text: c.text})
			if parsed == nil || parsed.Dialect != c.dialect {
				t.Errorf("%+v, %v; want %s", parsed, problems, c.dialect)
			}
		})
	}
}

func TestNoReadingMakesTwoRulesOfOne(t *testing.T) {
	cases := map[string]string{
		"a typo for if":                     "trusted := true fi { input.a }",
		"a typo for if where in is used":    "a { 1 in [1] }\ntrusted := true fi { input.a }",
		"if that is not imported":           "a { true }\ntrusted := true if { input.a }",
		"a typo on an indented line":        "trusted := true\n\tfi { input.a }",
		"if on a line of its own":           "a { true }\ntrusted := true\nif { input.a }",
		"a typo after an object":            "trusted := {\n\t\"a\": 1,\n} fi { input.a }",
		"a typo after a key":                "trusted[\"shop\"] iff { input.a }",
		"a typo after a function":           "f(x) iff { x == 1 }",
		"a typo after a default":            "default trusted := true iff { input.a }",
		"a typo after an else":              "x := 1 { input.a } else := 2 iff { input.b }",
		"contains that is misspelled":       "trusted contian \"shop\" { input.a }",
		"contains that is not imported":     "a { true }\ntrusted contains \"shop\" { input.a }",
		"every that is not imported":        "a { true }\nx { every y in [1] { y == 1 } }",
		"a typo after letters beyond Latin": "x := \"é世\" fi { input.a }",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			parsed, problems := Parse(Source{File: "p.rego", Text: "package p\n" + text})
			if parsed != nil || len(problems) == 0 || problems[0].Line < 2 {
				t.Errorf("read as %+v; %v", parsed, problems)
			}
		})
	}
}

func TestAStatedVersionIsNotGuessed(t *testing.T) {
	v0 := "package p\nviolation[\"x\"] { true }"
	if parsed, problems := Parse(Source{File: "p.rego", Text: v0, Version: V1}); parsed != nil || len(problems) == 0 {
		t.Error("v0 was read although v1 is stated")
	}
	if parsed, _ := Parse(Source{File: "p.rego", Text: v0, Version: V0}); parsed == nil || parsed.Dialect != V0 {
		t.Error("v0 was not read although it is stated")
	}
}

func TestProblemsAreThoseOfTheDialectThatTheAuthorMeant(t *testing.T) {
	cases := map[string]struct {
		src          Source
		said         string
		line, column int
	}{
		"a v0 file with a fault":        {Source{Text: "package p\nviolation[\"x\"] {\n  input.a ==\n}"}, "unexpected }", 4, 1},
		"a v1 file with a fault":        {Source{Text: "package p\nviolation contains \"x\" if {\n  input.a ==\n}"}, "unexpected }", 4, 1},
		"in a block of a configuration": {Source{Text: "package p\nx := ]", Line: 10, Column: 9}, "unexpected ]", 11, 14},
		"an empty file":                 {Source{Text: " \n"}, "empty", 1, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.src.File = "p.rego"
			_, problems := Parse(c.src)
			if len(problems) == 0 {
				t.Fatal("no problem")
			}
			p := problems[0]
			if !strings.Contains(p.Message, c.said) || p.Line != c.line || p.Column != c.column || p.File != "p.rego" {
				t.Errorf("%+v", p)
			}
		})
	}
}

func compileTexts(t *testing.T, modules ...Module) (*Set, []model.Problem) {
	t.Helper()
	return Compile(context.Background(), modules, Options{})
}

func module(file, text string) Module {
	return Module{Source: Source{File: file, Text: text}, Origin: file}
}

func TestALibraryYieldsToTheUsersOwnRule(t *testing.T) {
	library := module("lib.rego", "package attest.security\nget_containers contains \"library\"\nother := 1")
	library.Library = true
	own := module("own.rego", "package attest.security\nget_containers := [\"own\"]\nviolation contains x if { some x in get_containers; other == 1 }")
	set, problems := compileTexts(t, library, own)
	if len(problems) > 0 || len(set.Policies) != 1 {
		t.Fatal(problems)
	}
	e, err := set.NewEvaluator(context.Background(), []Selection{{Name: "attest-security"}}, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	violations, _ := e.Evaluate(context.Background(), emptyPod())
	if len(violations) != 1 || violations[0].Message != "own" {
		t.Errorf("%+v", violations)
	}
}

func TestTwoSourcesMustNotMerge(t *testing.T) {
	rule := "\nviolation contains \"x\" if true"
	cases := map[string]struct {
		second Module
		code   string
	}{
		"one package in two sources":       {module("b.rego", "package a"+rule), "duplicate_package"},
		"two packages with one name":       {module("b.rego", "# METADATA\n# custom: {name: a}\npackage b"+rule), "duplicate_policy"},
		"helpers of a package in another":  {module("b.rego", "package a\nhelper := 1"), ""},
		"another package":                  {module("b.rego", "package b"+rule), ""},
		"one package in files of a folder": {Module{Source: Source{File: "b.rego", Text: "package a" + rule}, Origin: "a.rego"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, problems := compileTexts(t, module("a.rego", "package a"+rule), c.second)
			code := ""
			if len(problems) > 0 {
				code = problems[0].Code
			}
			if code != c.code {
				t.Errorf("%v, want %q", problems, c.code)
			}
		})
	}
}

func TestMetadataDescribesAPolicy(t *testing.T) {
	set, problems := compileTexts(t, module("p.rego", `# METADATA
# title: T
# description: D
# related_resources: [{ref: "https://example.com/a"}]
# custom:
#   name: named
#   severity: High
#   remediation: R
#   controls: [C1]
#   parameters:
#     type: object
#     properties:
#       a: {type: integer, default: 3}
#       b: {type: string}
package p.q

violation contains "x" if input.parameters.a == 3

deny contains "y" if false
`))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := set.Policies[0].Policy
	if p.Name != "named" || p.Package != "p.q" || p.Title != "T" || p.Severity != "high" || p.Remediation != "R" || p.Line != 15 {
		t.Errorf("%+v", p)
	}
	if len(p.Rules) != 2 || p.Related[0] != "https://example.com/a" || p.Controls[0] != "C1" || len(p.Defaults) != 1 {
		t.Errorf("%+v", p)
	}
}
