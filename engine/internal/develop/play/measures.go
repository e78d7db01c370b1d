package play

import (
	"cmp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/profiler"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/rego"
)

// Coverage says which lines of a policy were evaluated: each line is in one of the lists at most. Failed are those
// with a part that was evaluated and never held; the tests' coverage does not tell them apart.
type Coverage struct {
	Covered    []Span  `json:"covered,omitempty"`
	Failed     []Span  `json:"failed,omitempty"`
	NotCovered []Span  `json:"notCovered,omitempty"`
	Percent    float64 `json:"percent"`
}

// Span is a range of lines, both ends included.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Line is what the evaluation of one line of a policy cost.
type Line struct {
	Line        int   `json:"line"`
	Evaluations int   `json:"evaluations"`
	Redos       int   `json:"redos"`
	Nanoseconds int64 `json:"nanoseconds"`
}

// coverage is that of tests. It needs the policy as it was written: the compiler rewrites it.
func coverage(of *cover.Cover, policy check.Text) Coverage {
	parsed, _ := rego.Parse(rego.Source{File: policy.File, Text: policy.Text})
	if parsed == nil {
		return Coverage{}
	}
	report := of.Report(map[string]*ast.Module{policy.File: parsed.Module}).Files[policy.File]
	if report == nil {
		return Coverage{}
	}
	return Coverage{Covered: spans(report.Covered), NotCovered: spans(report.NotCovered), Percent: report.Coverage}
}

func spans(ranges []cover.Range) []Span {
	out := make([]Span, 0, len(ranges))
	for _, r := range ranges {
		out = append(out, Span{r.Start.Row, r.End.Row})
	}
	return out
}

// profile lists the lines of a file, the dearest first.
func profile(of *profiler.Profiler, file string) []Line {
	report := of.ReportByFile().Files[file]
	if report == nil {
		return nil
	}
	var out []Line
	for _, stat := range report.Result {
		if stat.Location != nil && stat.Location.Row > 0 {
			out = append(out, Line{stat.Location.Row, stat.NumEval, stat.NumRedo, stat.ExprTimeNs})
		}
	}
	slices.SortFunc(out, func(a, b Line) int {
		return cmp.Or(cmp.Compare(b.Nanoseconds, a.Nanoseconds), cmp.Compare(b.Evaluations, a.Evaluations), cmp.Compare(a.Line, b.Line))
	})
	return out
}
