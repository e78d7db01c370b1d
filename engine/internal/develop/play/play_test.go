package play

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

const (
	policy = `package p

violation contains "named" if input.resource.metadata.name == "web"

violation contains "other" if {
	input.resource.kind == "Other"
	input.resource.spec.x == 1
}
`
	tests = `package p_test

import data.p

test_named if "named" in p.violation with input.resource.metadata.name as "web"

test_wrong if "named" in p.violation with input.resource.metadata.name as "api"

test_conflict if data.p_test.two == 1

two := 1 if true

two := 2 if true

test_slow if count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j]) == 0

todo_test_later if false

helper_test_no if false
`
	pod   = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
	whole = "resource: {kind: Other, spec: {x: 1}}\n"
)

func compiled(t *testing.T) *policyset.Set {
	t.Helper()
	set, _, problems := policyset.Load(context.Background(), policyset.Params{OPA: true, Modules: []policyset.Inline{
		{File: "policy", Line: 1, Column: 1, Text: policy}, {File: "tests", Line: 1, Column: 1, Text: tests},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

func TestRun(t *testing.T) {
	cases := map[string]struct {
		input    string
		finding  string
		coverage Coverage
	}{
		"a manifest":        {pod, "named", Coverage{Covered: []Span{{3, 3}}, Failed: []Span{{5, 6}}, NotCovered: []Span{{7, 7}}}},
		"an input document": {whole, "other", Coverage{Covered: []Span{{5, 7}}, Failed: []Span{{3, 3}}}},
	}
	set := compiled(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			params := Params{Policy: check.Text{File: "policy", Text: policy}, Params: trace.Params{Params: check.Params{
				Inputs: []check.Text{{File: "input", Text: c.input}}, Policies: []rego.Selection{{Name: "p"}},
			}}}
			result, err := Run(context.Background(), set, params)
			if err != nil || len(result.Traces) != 1 || len(result.Traces[0].Findings) != 1 {
				t.Fatalf("%v, %+v", err, result.Traces)
			}
			if got := result.Traces[0].Findings[0].Message; got != c.finding {
				t.Errorf("found %s, want %s", got, c.finding)
			}
			if len(result.Outputs) != 1 || !strings.Contains(string(result.Outputs[0].Value), c.finding) {
				t.Errorf("outputs %+v lack %s", result.Outputs, c.finding)
			}
			got := result.Coverage
			got.Percent = 0
			if !reflect.DeepEqual(got, c.coverage) {
				t.Errorf("coverage %+v, want %+v", got, c.coverage)
			}
			if len(result.Profile) == 0 {
				t.Error("nothing was measured")
			}
		})
	}
}

func covers(spans []Span, line int) bool {
	for _, span := range spans {
		if span.From <= line && line <= span.To {
			return true
		}
	}
	return false
}

func TestRunTests(t *testing.T) {
	params := TestParams{Policy: check.Text{File: "policy", Text: policy}, Tests: "tests", Timeout: 200}
	result, err := RunTests(context.Background(), compiled(t).Rego, params)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"test_named": Passed, "test_wrong": Failed, "test_conflict": Errored, "test_slow": Errored, "todo_test_later": Skipped,
	}
	if len(result.Tests) != len(want) {
		t.Errorf("%d tests ran, want %d", len(result.Tests), len(want))
	}
	for _, test := range result.Tests {
		if test.Outcome != want[test.Name] {
			t.Errorf("%s: %s, want %s: %s", test.Name, test.Outcome, want[test.Name], test.Message)
		}
		if failed := test.Outcome == Failed; failed != (len(test.Rules) > 0) {
			t.Errorf("%s: %s with %d steps of a trace", test.Name, test.Outcome, len(test.Rules))
		}
	}
	if !covers(result.Coverage.Covered, 3) {
		t.Errorf("line 3 does not count as covered: %+v", result.Coverage)
	}
}

func TestTestsStopWithTheRequest(t *testing.T) {
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	_, err := RunTests(ctx, compiled(t).Rego, TestParams{Tests: "tests", Timeout: 60_000})
	if err == nil {
		t.Error("the tests ran on after the deadline of their request")
	}
}

func TestVerdict(t *testing.T) {
	cases := map[string]struct{ value, outcome, message string }{
		"true":                     {"true", Passed, ""},
		"false":                    {"false", Failed, ""},
		"a table that holds":       {`{"a": true, "b": {"c": true}}`, Passed, ""},
		"a table with a bad case":  {`{"a": true, "b": false}`, Failed, `"b"`},
		"a table without any case": {"{}", Failed, "cases"},
		"a number":                 {"1", Failed, "number"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			outcome, message := verdict(ast.MustParseTerm(c.value).Value)
			if outcome != c.outcome || !strings.Contains(message, c.message) {
				t.Errorf("%s, %q; want %s, %q", outcome, message, c.outcome, c.message)
			}
		})
	}
	if outcome, _ := verdict(nil); outcome != Failed {
		t.Errorf("undefined is %s", outcome)
	}
}

const slow = `package p

violation contains "slow" if {
	quick(1)
	dear(1)
}

quick(n) if n == 1

dear(n) if {
	all := numbers.range(1, 2000)
	count([1 |
		some k in all
		some i in all
		some j in all
		i == j
	]) == n
}
`

func TestATimeLimitPointsAtTheSlowRule(t *testing.T) {
	tests := "package t\n\nimport data.p\n\ntest_slow if p.dear(1)\n"
	set, _, problems := policyset.Load(t.Context(), policyset.Params{OPA: true, Modules: []policyset.Inline{
		{File: "policy", Line: 1, Column: 1, Text: slow}, {File: "tests", Line: 1, Column: 1, Text: tests},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	text := check.Text{File: "policy", Text: slow}
	result, err := Run(t.Context(), set, Params{Policy: text, Params: trace.Params{Params: check.Params{
		Inputs: []check.Text{{File: "input", Text: pod}}, Policies: []rego.Selection{{Name: "p"}}, Timeout: 200,
	}}})
	if err != nil || len(result.Traces) != 1 || len(result.Traces[0].Problems) != 1 {
		t.Fatalf("%v, %+v", err, result)
	}
	at := result.Traces[0].Problems[0]
	if at.File != "policy" || at.Line < 11 || at.Line > 16 || !strings.HasSuffix(at.Message, "was stopped in rule `p.dear`") {
		t.Errorf("%s:%d: %s", at.File, at.Line, at.Message)
	}
	if !covers(result.Coverage.Covered, 4) || covers(result.Coverage.NotCovered, 12) {
		t.Errorf("what was evaluated before the end counts as not evaluated: %+v", result.Coverage)
	}
	tested, err := RunTests(t.Context(), set.Rego, TestParams{Policy: text, Tests: "tests", Timeout: 200})
	if err != nil || !strings.Contains(tested.Tests[0].Message, "was stopped in rule `p.dear` (policy line 1") {
		t.Errorf("%v, %+v", err, tested.Tests)
	}
}

// Dead ends, comprehensions over several lines, `some`, `else`, `default`: what a trace shows as evaluated counts as that.
func TestCoverageOfEveryForm(t *testing.T) {
	text := `package p

violation contains msg if {
	some name
	names := [n |
		some c in input.resource.spec.containers
		n := c.name
	]
	name = names[_]
	msg := name
}

violation contains "never" if {
	input.resource.kind == "Pod"; input.resource.spec.x == 1
	true
}

violation contains level if level := high
high := "a" if {
	false
} else := "b" if {
	true
}
`
	set, _, problems := policyset.Load(t.Context(), policyset.Params{OPA: true, Modules: []policyset.Inline{
		{File: "policy", Line: 1, Column: 1, Text: text},
	}})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	result, err := Run(t.Context(), set, Params{Policy: check.Text{File: "policy", Text: text}, Params: trace.Params{Params: check.Params{
		Inputs: []check.Text{{File: "input", Text: pod}}, Policies: []rego.Selection{{Name: "p"}},
	}}})
	want := Coverage{
		Covered: []Span{{5, 5}, {8, 8}, {18, 18}, {21, 22}}, Failed: []Span{{3, 3}, {6, 6}, {9, 9}, {13, 14}, {19, 20}},
		NotCovered: []Span{{7, 7}, {10, 10}, {15, 15}},
	}
	result.Coverage.Percent = 0
	if err != nil || !reflect.DeepEqual(result.Coverage, want) {
		t.Errorf("%v: coverage %+v, want %+v", err, result.Coverage, want)
	}
}
