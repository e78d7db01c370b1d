package profile

import (
	"context"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

const policy = `package p

deny contains name if {
	some container in input.resource.spec.containers
	name := container.name
	slow(name)
}

slow(name) if {
	some i in numbers.range(1, 20)
	startswith(name, sprintf("%d", [i]))
}
`

const pods = `apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: "1"}, {name: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b}
spec: {containers: [{name: x}]}
`

func measured(t *testing.T) Report {
	t.Helper()
	file := trial.File(t, "p.rego", policy)
	set, _, problems := policyset.Load(t.Context(), policyset.Params{Paths: []string{file}, OPA: true})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	params := Params{Rounds: 2, Params: check.Params{
		Inputs: []check.Text{{File: "pods.yaml", Text: pods}}, Policies: []rego.Selection{{Name: "p"}},
	}}
	report, err := Run(t.Context(), set, params, func(Progress) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestReportAddsUp(t *testing.T) {
	report := measured(t)
	one := report.Policies[0]
	if report.Resources != 2 || one.Evaluations != 2 || len(one.Rounds) != 2 {
		t.Errorf("resources %d, evaluations %d, rounds %v: want 2, 2 and two", report.Resources, one.Evaluations, one.Rounds)
	}
	if best := slices.Min(one.Rounds); one.Time <= 0 || one.Time > best {
		t.Errorf("the sum of the best times is %d, the best round %d", one.Time, best)
	}
	if one.Bytes <= 0 || one.Objects <= 0 {
		t.Errorf("nothing is said to be allocated: %d bytes, %d objects", one.Bytes, one.Objects)
	}
	var flame, rules, lines int64
	for _, root := range report.Flame {
		addsUp(t, root)
		flame += root.Time - root.Self
	}
	for _, rule := range report.Rules {
		rules += rule.Self
	}
	for _, line := range report.Lines {
		lines += line.Time
	}
	if rules != flame || lines != flame {
		t.Errorf("the flame graph has %d ns in rules, the rules %d, the lines %d", flame, rules, lines)
	}
}

func TestTheShorterTimeOfEachPartCounts(t *testing.T) {
	frame := func(self, below int64) *Frame {
		return &Frame{Self: self, below: map[frameKey]*Frame{{name: "a"}: {Name: "a", Self: below}}}
	}
	one := frame(5, 90)
	one.least(frame(70, 8))
	one.close()
	if one.Self != 5 || one.Children[0].Self != 8 || one.Time != 13 {
		t.Errorf("%d and %d, together %d: want 5 and 8, together 13", one.Self, one.Children[0].Self, one.Time)
	}
}

func addsUp(t *testing.T, frame *Frame) {
	sum := frame.Self
	for _, child := range frame.Children {
		addsUp(t, child)
		sum += child.Time
	}
	if sum != frame.Time {
		t.Errorf("%s: %d, but its parts are %d", frame.Name, frame.Time, sum)
	}
}

// Lines are counted as OPA's own profiler counts the same evaluations.
func TestLinesAreCountedAsByOPA(t *testing.T) {
	compiler := ast.MustCompileModules(map[string]string{"p.rego": policy})
	want := map[int][2]int{}
	for _, names := range []string{`[{"name": "1"}, {"name": "x"}]`, `[{"name": "x"}]`} {
		input := ast.MustParseTerm(`{"resource": {"spec": {"containers": ` + names + `}}, "parameters": {}}`)
		p := profiler.New()
		query := topdown.NewQuery(ast.MustParseBody("result = data.p.deny")).WithCompiler(compiler).WithInput(input).WithQueryTracer(p)
		if _, err := query.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, stat := range p.ReportTopNResults(0, nil) {
			if stat.Location.File == "p.rego" {
				sum := want[stat.Location.Row]
				want[stat.Location.Row] = [2]int{sum[0] + stat.NumEval, sum[1] + stat.NumRedo}
			}
		}
	}
	got := map[int][2]int{}
	for _, line := range measured(t).Lines {
		if line.Expressions == 0 {
			continue // the head of a rule
		}
		got[line.Line] = [2]int{line.Evaluations, line.Redos}
	}
	for line, counts := range want {
		if got[line] != counts {
			t.Errorf("line %d: evaluations and redos %v, OPA's profiler says %v", line, got[line], counts)
		}
	}
	if len(want) == 0 || len(got) != len(want) {
		t.Errorf("%d lines, OPA's profiler says %d", len(got), len(want))
	}
}

func TestPercentilesAreInOrder(t *testing.T) {
	ordered := func(times []int64) bool {
		if len(times) == 0 {
			return true
		}
		p := percentiles(slices.Clone(times))
		return slices.IsSorted([]int64{p.P50, p.P90, p.P95, p.P99, p.Max}) && p.Max == slices.Max(times) && slices.Contains(times, p.P50)
	}
	trial.Law(t, ordered)
}
