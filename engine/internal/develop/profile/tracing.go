package profile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// tracing watches evaluations line by line: OPA's profiler counts, stacks tell times of lines and rules, and the flame
// graph. So all that is told of times adds up.
type tracing struct {
	lines    map[place]*Line
	stacks   map[string]*stacks
	profiler *profiler.Profiler
}

// place is a line of a policy's evaluation; a library's line counts for each policy that calls it.
type place struct {
	policy, file string
	line         int
}

func newTracing() *tracing {
	return &tracing{lines: map[place]*Line{}, stacks: map[string]*stacks{}}
}

// Document implements check.Watcher.
func (t *tracing) Document(*load.Document) {}

// Judged implements check.Watcher.
func (t *tracing) Judged(check.Judged) {}

// Begin implements rego.Observer.
func (t *tracing) Begin(which rego.Evaluation, query *topdown.Query) *topdown.Query {
	return t.begin(which.Policy.Name, query)
}

// End implements rego.Observer.
func (t *tracing) End(which rego.Evaluation, _ []rego.Violation, _ []model.Problem) {
	t.end(which.Policy.Name)
}

// Constraint implements check.Watcher.
func (t *tracing) Constraint(policy string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	return t.begin(policy, query), func() { t.end(policy) }
}

func (t *tracing) begin(policy string, query *topdown.Query) *topdown.Query {
	// A profiler counts the time until its next event: each evaluation has its own.
	t.profiler = profiler.New()
	if t.stacks[policy] == nil {
		t.stacks[policy] = newStacks(policy)
	}
	t.stacks[policy].begin()
	return query.WithQueryTracer(t.profiler).WithQueryTracer(t.stacks[policy])
}

func (t *tracing) end(policy string) {
	t.stacks[policy].end()
	for _, stat := range t.profiler.ReportTopNResults(0, nil) {
		if stat.Location == nil || stat.Location.File == "" {
			continue // our own query
		}
		at := place{policy, stat.Location.File, stat.Location.Row}
		line := t.lines[at]
		if line == nil {
			line = &Line{Policy: policy, File: at.file, Line: at.line, Text: t.text(policy, stat.Location)}
			t.lines[at] = line
		}
		line.Evaluations += stat.NumEval
		line.Redos += stat.NumRedo
		line.Expressions = max(line.Expressions, stat.NumGenExpr)
	}
}

func (t *tracing) text(policy string, location *ast.Location) string {
	if text := t.stacks[policy].texts[frameKey{file: location.File, line: location.Row}]; text != "" {
		return text
	}
	return firstLine(location)
}

// maxText bounds the source text of a line.
const maxText = 200

func firstLine(location *ast.Location) string {
	text, _, _ := strings.Cut(string(location.Text), "\n")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// spent gives the lines their time; that of a rule's head has a line of its own.
func (t *tracing) spent(policy string, root *Frame) {
	root.walk(func(f *Frame) {
		if f.File == "" {
			return // the policy itself
		}
		at := place{policy, f.File, f.Line}
		if t.lines[at] == nil {
			t.lines[at] = &Line{Policy: policy, File: f.File, Line: f.Line, Text: f.Name, Evaluations: f.Count}
		}
		t.lines[at].Time += f.Self
	})
}

func (t *tracing) lineReport() []Line {
	for policy, s := range t.stacks {
		s.root.close()
		t.spent(policy, s.root)
	}
	lines := make([]Line, 0, len(t.lines))
	for _, line := range t.lines {
		lines = append(lines, *line)
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return lines
}

func (t *tracing) ruleReport() []Rule {
	var rules []Rule
	for policy, s := range t.stacks {
		for _, rule := range s.rules() {
			rule.Policy = policy
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(b.Self, a.Self), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return rules
}

// least keeps the shorter of the times that two rounds measured for the same part.
func (t *tracing) least(before *tracing) {
	for policy, s := range t.stacks {
		if other := before.stacks[policy]; other != nil {
			s.root.least(other.root)
		}
	}
}

func (t *tracing) flame() []*Frame {
	frames := make([]*Frame, 0, len(t.stacks))
	for _, s := range t.stacks {
		s.root.close()
		frames = append(frames, s.root)
	}
	slices.SortFunc(frames, byTime)
	return frames
}
