package profile

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Frame is a part of the flame graph: a policy, a rule, or a line of a rule, with what it led to.
type Frame struct {
	Name     string   `json:"name"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Self     int64    `json:"self"`
	Time     int64    `json:"time"`
	Count    int      `json:"count"`
	Rule     bool     `json:"rule,omitempty"`
	Children []*Frame `json:"children,omitempty"`

	below map[frameKey]*Frame
}

type frameKey struct {
	name, file string
	line       int
}

// maxFrames bounds a flame graph; beyond it time goes to the frame that would have had the new one.
const maxFrames = 20_000

// stacks attributes the time between events to the line that is evaluated and the rules that led to it.
type stacks struct {
	root    *Frame
	frames  int
	texts   map[frameKey]string // of lines
	queries map[uint64]*query
	current *Frame
	last    time.Time
}

// query is a body under evaluation: rule is the frame of its rule, line that of its expression.
type query struct{ rule, line *Frame }

func newStacks(policy string) *stacks {
	return &stacks{root: &Frame{Name: policy}, texts: map[frameKey]string{}}
}

func (s *stacks) begin() {
	s.queries, s.current, s.last = map[uint64]*query{}, s.root, time.Now()
	s.root.Count++
}

func (s *stacks) end() { s.spend() }

// spend adds the time since the last event to what was evaluated then.
func (s *stacks) spend() {
	now := time.Now()
	s.current.Self += now.Sub(s.last).Nanoseconds()
	s.last = now
}

// Enabled implements topdown.QueryTracer.
func (s *stacks) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (s *stacks) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (s *stacks) TraceEvent(evt topdown.Event) {
	switch evt.Op {
	case topdown.EnterOp:
		s.spend()
		s.enter(&evt)
	case topdown.EvalOp, topdown.RedoOp:
		if q, expr := s.queries[evt.QueryID], evt.Node; q != nil {
			if e, isExpr := expr.(*ast.Expr); isExpr {
				s.spend()
				s.move(q, e, evt.Op)
			}
		}
	}
}

func (s *stacks) enter(evt *topdown.Event) {
	parent := s.queries[evt.ParentID]
	at := s.root
	if parent != nil && evt.QueryID != 0 {
		at = parent.line
	}
	q := &query{rule: at, line: at}
	if rule, isRule := evt.Node.(*ast.Rule); isRule {
		name := strings.TrimPrefix(rule.Ref().GroundPrefix().String(), "data.")
		q.rule = s.child(at, name, rule.Location, true)
		q.line = q.rule
		q.rule.Count++
	}
	s.queries[evt.QueryID], s.current = q, q.line
}

func (s *stacks) move(q *query, expr *ast.Expr, op topdown.Op) {
	if expr.Location.HasFile() {
		q.line = s.child(q.rule, "", written(expr), false)
		if op == topdown.EvalOp {
			q.line.Count++
		}
	}
	s.current = q.line
}

// written is the place of the source expression that the compiler made a part from, where it begins on the
// same line: the part alone would be a poor name for the line.
func written(expr *ast.Expr) *ast.Location {
	if base := expr.BaseCogeneratedExpr().Location; base.HasFile() && base.Row == expr.Location.Row {
		return base
	}
	return expr.Location
}

func (s *stacks) child(of *Frame, name string, location *ast.Location, rule bool) *Frame {
	at := frameKey{name: name}
	if location != nil {
		at.file, at.line = location.File, location.Row
	}
	if found := of.below[at]; found != nil {
		return found
	}
	if s.frames++; s.frames > maxFrames {
		return of
	}
	frame := &Frame{Name: name, File: at.file, Line: at.line, Rule: rule}
	if name == "" {
		frame.Name = firstLine(location)
		s.texts[at] = frame.Name
	}
	if of.below == nil {
		of.below = map[frameKey]*Frame{}
	}
	of.below[at] = frame
	return frame
}

// least keeps the shorter of the times that two rounds measured for the same part.
func (f *Frame) least(before *Frame) {
	f.Self = min(f.Self, before.Self)
	for at, child := range f.below {
		if other := before.below[at]; other != nil {
			child.least(other)
		}
	}
}

// close sums up the times, and puts the children in order.
func (f *Frame) close() {
	f.Time, f.Children = f.Self, nil
	for _, child := range f.below {
		child.close()
		f.Time += child.Time
		f.Children = append(f.Children, child)
	}
	slices.SortFunc(f.Children, byTime)
}

func byTime(a, b *Frame) int {
	return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// rules sums up each rule over the ways that lead to it. No rule leads to itself in Rego.
func (s *stacks) rules() []Rule {
	s.root.close()
	found := map[frameKey]*Rule{}
	s.root.walk(func(f *Frame) {
		if !f.Rule {
			return
		}
		at := frameKey{f.Name, f.File, f.Line}
		rule := found[at]
		if rule == nil {
			rule = &Rule{Rule: f.Name, File: f.File, Line: f.Line}
			found[at] = rule
		}
		rule.Evaluations += f.Count
		rule.Time += f.Time
		rule.Self += f.own()
	})
	rules := make([]Rule, 0, len(found))
	for _, rule := range found {
		rules = append(rules, *rule)
	}
	return rules
}

// walk visits a frame and all that it led to.
func (f *Frame) walk(visit func(*Frame)) {
	visit(f)
	for _, child := range f.Children {
		child.walk(visit)
	}
}

// own is the time of a rule without that of the rules that it leads to.
func (f *Frame) own() int64 {
	sum := f.Self
	for _, child := range f.Children {
		if !child.Rule {
			sum += child.own()
		}
	}
	return sum
}
