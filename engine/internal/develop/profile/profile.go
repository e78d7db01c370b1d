// Package profile measures policies over a set of resources: time and evaluations of each policy, rule and line.
package profile

import (
	"context"
	"time"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
)

// Params are those of the method `profile` (engine/README.md): those of a check, and how often to repeat it.
type Params struct {
	check.Params `json:"check"`
	Rounds       int   `json:"rounds"`  // of measuring without a tracer; 0 for the default
	Seconds      int64 `json:"seconds"` // after which no further round begins; 0 for the default
}

// Defaults of Params.
const (
	defaultRounds  = 5
	defaultSeconds = 30
)

// Progress is told after each part of each round.
type Progress struct {
	Request uint64 `json:"request"`
	Round   int    `json:"round"`
	Rounds  int    `json:"rounds"`
	Files   int    `json:"files"` // of this round
	Total   int    `json:"total"`
}

// Report is what was measured; times are in nanoseconds.
type Report struct {
	Resources   int             `json:"resources"`
	Rounds      int             `json:"rounds"`
	Calibration int64           `json:"calibration"` // a fixed piece of evaluation: how fast this machine is now
	Policies    []Policy        `json:"policies,omitempty"`
	Rules       []Rule          `json:"rules,omitempty"`
	Lines       []Line          `json:"lines,omitempty"`
	Slowest     []Slow          `json:"slowest,omitempty"`
	Flame       []*Frame        `json:"flame,omitempty"`
	Problems    []model.Problem `json:"problems,omitempty"`
}

// Policy is the cost of a policy. Time is the sum over resources of the best time of each.
type Policy struct {
	Policy      string            `json:"policy"`
	Engine      string            `json:"engine"`
	Evaluations int               `json:"evaluations"` // in one round: one for each rule and resource
	Time        int64             `json:"time"`
	Rounds      model.List[int64] `json:"rounds"` // the sum of each round
	PerResource Percentiles       `json:"perResource"`
	Bytes       int64             `json:"bytes"` // allocated in one round
	Objects     int64             `json:"objects"`
}

// Percentiles are times over resources.
type Percentiles struct {
	P50 int64 `json:"p50"`
	P90 int64 `json:"p90"`
	P95 int64 `json:"p95"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

// Rule is the cost of a rule's body, of which Self is spent in its own expressions. A tracer takes part in
// these times and those of lines: compare them with one another, not with those of policies.
type Rule struct {
	Policy      string `json:"policy"`
	Rule        string `json:"rule"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	Evaluations int    `json:"evaluations"`
	Time        int64  `json:"time"`
	Self        int64  `json:"self"`
}

// Line is the cost of the expressions of a line, as OPA's profiler counts it.
type Line struct {
	Policy      string `json:"policy"`
	File        string `json:"file"`
	Line        int    `json:"line"`
	Text        string `json:"text"`
	Evaluations int    `json:"evaluations"`
	Redos       int    `json:"redos"`
	Expressions int    `json:"expressions"` // that the compiler made of the line
	Time        int64  `json:"time"`
}

// Slow is one evaluation among the slowest.
type Slow struct {
	Policy   string         `json:"policy"`
	Resource model.Resource `json:"resource"`
	File     string         `json:"file"`
	Line     int            `json:"line"`
	Time     int64          `json:"time"`
}

// Run measures the selected policies.
func Run(ctx context.Context, set *policyset.Set, params Params, tell func(Progress) error) (Report, error) {
	m := &measuring{ctx: ctx, set: set, params: params, tell: tell, rounds: positive(params.Rounds, defaultRounds)}
	limit := time.Duration(positive(int(params.Seconds), defaultSeconds)) * time.Second
	m.params.Jobs, m.params.Checked, m.params.Debug, m.params.FailFast = 1, false, false, false
	calibration, err := calibrate(ctx)
	if err != nil {
		return Report{}, err
	}
	began := time.Now()
	clock := &stopwatch{times: map[key]*timing{}}
	for round := 0; round < m.rounds && (round == 0 || time.Since(began) < limit); round++ {
		clock.round()
		if err := m.round(clock); err != nil || model.HasErrors(m.problems) {
			return Report{Problems: m.problems}, err
		}
	}
	memory := &memory{byPolicy: map[string]*allocated{}}
	if err := m.round(memory); err != nil {
		return Report{}, err
	}
	lines, err := m.traced()
	if err != nil {
		return Report{}, err
	}
	report := Report{Resources: m.resources, Rounds: len(clock.rounds), Calibration: calibration, Problems: m.problems}
	report.Policies, report.Slowest = clock.report(memory)
	report.Lines, report.Rules, report.Flame = lines.lineReport(), lines.ruleReport(), lines.flame()
	return report, nil
}

// traced is the best time of each part in a few rounds with a tracer: a collection of garbage in one of them would
// be blamed on whichever line was under way, and rank it otherwise in the next run.
func (m *measuring) traced() (*tracing, error) {
	var best *tracing
	for range tracedRounds {
		t := newTracing()
		if err := m.round(t); err != nil {
			return nil, err
		}
		if best != nil {
			t.least(best)
		}
		best = t
	}
	return best, nil
}

const tracedRounds = 3

func positive(value, fallback int) int {
	if value > 0 {
		return value
	}
	return fallback
}

// measuring repeats a check under different watchers.
type measuring struct {
	ctx       context.Context
	set       *policyset.Set
	params    Params
	tell      func(Progress) error
	rounds    int
	done      int
	resources int
	problems  []model.Problem // of the first round
}

func (m *measuring) round(watcher check.Watcher) error {
	m.done++
	params, files := m.params.Params, 0
	params.Watch = func() check.Watcher { return watcher }
	result, err := check.Run(m.ctx, m.set, params, func(batch check.Batch) error {
		files += batch.Files
		if m.done == 1 {
			m.problems = append(m.problems, batch.Problems...)
		}
		return m.tell(Progress{Round: m.done, Rounds: m.rounds + 1 + tracedRounds, Files: files, Total: batch.Total})
	})
	m.resources = result.Resources
	return err
}
