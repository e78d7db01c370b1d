package play

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/rego"
)

// lines notes what is evaluated of a file, and what of that ever holds. OPA's own coverage counts a rule that was
// tried and failed as not covered, though the trace shows it.
type lines struct {
	file  string
	parts map[spot]*tally
}

type spot struct{ row, column int }

type tally struct{ tried, failed int }

// What is known of a line; the later, the more there is to say of it.
const (
	_ = iota
	untried
	held
	failed
)

func newLines(file string) *lines { return &lines{file: file, parts: map[spot]*tally{}} }

// Enabled implements topdown.QueryTracer.
func (l *lines) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (l *lines) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (l *lines) TraceEvent(evt topdown.Event) {
	switch node := evt.Node.(type) {
	case *ast.Rule:
		l.rule(evt.Op, node.Head.Location)
	case *ast.Expr:
		l.expression(evt.Op, node.Location)
	}
}

// rule counts one that was entered as failed until it is left.
func (l *lines) rule(op topdown.Op, at *ast.Location) {
	switch op {
	case topdown.EnterOp:
		l.count(at, 1, 1)
	case topdown.ExitOp:
		l.count(at, 0, -1)
	}
}

func (l *lines) expression(op topdown.Op, at *ast.Location) {
	switch op {
	case topdown.EvalOp:
		l.count(at, 1, 0)
	case topdown.FailOp:
		l.count(at, 0, 1)
	}
}

func (l *lines) count(at *ast.Location, tried, failed int) {
	if at == nil || at.File != l.file {
		return
	}
	here := spot{at.Row, at.Col}
	if l.parts[here] == nil {
		l.parts[here] = &tally{}
	}
	l.parts[here].tried += tried
	l.parts[here].failed += failed
}

// coverage is what there is to say of each line of the policy as it was written: the compiler rewrites it.
func (l *lines) coverage(policy check.Text) Coverage {
	parsed, _ := rego.Parse(rego.Source{File: policy.File, Text: policy.Text})
	if parsed == nil || len(l.parts) == 0 {
		return Coverage{}
	}
	states := l.states(parsed.Module)
	return Coverage{
		Covered: runs(states, held), Failed: runs(states, failed), NotCovered: runs(states, untried),
		Percent: evaluated(states),
	}
}

// states are those of the lines: that of what begins there, otherwise that of what goes on there.
func (l *lines) states(module *ast.Module) []int {
	begins, known := map[int]bool{}, l.known()
	states := make([]int, 1)
	lay := func(at *ast.Location) {
		for at.HasFile() && len(states) <= at.Row+strings.Count(string(at.Text), "\n") {
			states = append(states, 0)
		}
		state := max(known[at.Row], untried)
		states[at.Row], begins[at.Row] = state, true
		for row := at.Row + 1; row <= at.Row+strings.Count(string(at.Text), "\n"); row++ {
			if !begins[row] {
				states[row] = state
			}
		}
	}
	ast.WalkRules(module, func(rule *ast.Rule) bool { lay(rule.Head.Location); return false })
	ast.WalkExprs(module, func(expr *ast.Expr) bool {
		if !declares(expr) && expr.Location.HasFile() {
			lay(expr.Location)
		}
		return false
	})
	return states
}

// declares is whether there is nothing to evaluate: `some x`, but not `some x in xs`.
func declares(expr *ast.Expr) bool {
	some, isSome := expr.Terms.(*ast.SomeDecl)
	if !isSome {
		return false
	}
	_, in := some.Symbols[0].Value.(ast.Call)
	return !in
}

// known is what the events say of lines.
func (l *lines) known() map[int]int {
	known := map[int]int{}
	for at, one := range l.parts {
		state := held
		if one.tried > 0 && one.failed >= one.tried {
			state = failed
		}
		known[at.row] = max(known[at.row], state)
	}
	return known
}

// runs are the ranges of lines of a state.
func runs(states []int, of int) []Span {
	var out []Span
	for row, state := range states {
		if state != of {
			continue
		}
		if n := len(out); n > 0 && out[n-1].To == row-1 {
			out[n-1].To = row
			continue
		}
		out = append(out, Span{row, row})
	}
	return out
}

// evaluated is the percentage of the lines with something to evaluate.
func evaluated(states []int) float64 {
	tried, all := 0, 0
	for _, state := range states {
		if state != 0 {
			all++
		}
		if state > untried {
			tried++
		}
	}
	return 100 * float64(tried) / float64(max(all, 1))
}
