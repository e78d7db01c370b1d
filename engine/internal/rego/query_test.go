package rego

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

const queried = `package a.b
violation contains input.x if input.x
limit := 7
deep.er := {"list": ["x", "y"]}
fails := 1 if input.x
fails := 2 if input.y
double(n) := 2 * n
never if false
slow if count([1 | some i in numbers.range(1, 9000); some j in numbers.range(1, 9000); i + j < 0]) == 1
`

func TestRulesOfAPackageAreAnswered(t *testing.T) {
	options := Options{Data: map[string]any{"a": map[string]any{"b": map[string]any{"secret": "s"}}, "attest": map[string]any{"evidence": 1}}}
	below := Source{File: "c.rego", Text: "package a.b.c\nhidden := 1"}
	set, problems := Compile(context.Background(), []Module{{Source: Source{File: "b.rego", Text: queried}}, {Source: below, Library: true}}, options)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct{ pkg, path, input, want, problem string }{
		"a set":                  {"a.b", "violation", `{"x": "one"}`, `{"one"}`, ""},
		"an empty set":           {"a.b", "violation", `{}`, `set()`, ""},
		"a member of a set":      {"a.b", "violation one", `{"x": "one"}`, `"one"`, ""},
		"no member of it":        {"a.b", "violation two", `{"x": "one"}`, "", ""},
		"without an input":       {"a.b", "limit", "", "7", ""},
		"below a value":          {"a.b", "deep er list 1", "", `"y"`, ""},
		"past the end of it":     {"a.b", "deep er list 2", "", "", ""},
		"below a number":         {"a.b", "limit x", "", "", ""},
		"one that is undefined":  {"a.b", "never", "", "", ""},
		"one that is not there":  {"a.b", "other", "", "", ""},
		"a function":             {"a.b", "double", "", "", ""},
		"a document of its name": {"a.b", "secret", "", "", ""},
		"a package below":        {"a.b", "c hidden", "", "", ""},
		"one that fails":         {"a.b", "fails", `{"x": 1, "y": 1}`, "", "eval_conflict_error"},
		"one that takes long":    {"a.b", "slow", "", "", "eval_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := Query{Package: c.pkg, Path: strings.Fields(c.path), Timeout: 200 * time.Millisecond}
			if c.input != "" {
				asked.Input = ast.MustParseTerm(c.input)
			}
			value, problems, err := set.Query(context.Background(), asked)
			got, code := "", ""
			if value != nil {
				got = value.String()
			}
			if len(problems) > 0 {
				code = problems[0].Code
			}
			if err != nil || got != c.want || code != c.problem {
				t.Errorf("%s (%v, %v), want %s", got, problems, err, c.want)
			}
		})
	}
}

func TestAllRulesOfAPackageAndNothingElse(t *testing.T) {
	modules := []Module{
		{Source: Source{File: "b.rego", Text: "package a.b\nx := 1\ny contains 2\nf(n) := n\nz if false"}},
		{Source: Source{File: "c.rego", Text: "package a.b.c\nx := 1"}, Library: true},
	}
	set, _ := Compile(context.Background(), modules, Options{Data: map[string]any{"a": map[string]any{"b": map[string]any{"w": 3}}}})
	value, _, err := set.Query(context.Background(), Query{Package: "a.b", Timeout: time.Minute})
	if err != nil || !value.Equal(ast.MustParseTerm(`{"x": 1, "y": {2}}`)) {
		t.Error(value, err)
	}
	if _, _, err := set.Query(context.Background(), Query{Package: "a"}); err == nil {
		t.Error("there is no such package")
	}
}
