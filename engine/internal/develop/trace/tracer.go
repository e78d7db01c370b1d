package trace

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/print"
)

// Tracer makes a tree of the events of one evaluation. It belongs to one evaluation of one goroutine.
type Tracer struct {
	Root      *Node // its children are the rules that the query asked for
	Truncated bool  // a limit was reached: what followed is not in the tree
	Printed   []Printed

	compiler *ast.Compiler
	data     func(ast.Ref) ast.Value
	limits   Limits
	frames   map[uint64]*frame
	current  *frame
	busy     Busy
	nodes    int
	events   int
}

// Printed is what one call of print said.
type Printed struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// New makes a tracer. data reads documents below `data`; it may be nil.
func New(compiler *ast.Compiler, data func(ast.Ref) ast.Value, limits Limits) *Tracer {
	return &Tracer{Root: &Node{}, compiler: compiler, data: data, limits: limits, frames: map[uint64]*frame{}}
}

// Enabled implements topdown.QueryTracer.
func (t *Tracer) Enabled() bool { return true }

// Config implements topdown.QueryTracer: values are asked for one by one.
func (t *Tracer) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// Watch adds the tracer to a query. The rule index is off: a rule that it would have passed over is
// evaluated, so that the tree says why it fails.
func (t *Tracer) Watch(query *topdown.Query) *topdown.Query {
	return query.WithQueryTracer(t).WithPrintHook(t).WithIndexing(false)
}

// Print implements print.Hook.
func (t *Tracer) Print(ctx print.Context, text string) error {
	said := Printed{Text: shorten(text, maxSource)}
	if ctx.Location != nil {
		said.File, said.Line = ctx.Location.File, ctx.Location.Row
	}
	if len(t.Printed) < maxPrinted {
		t.Printed = append(t.Printed, said)
	}
	t.say(&Node{Kind: KindPrint, Text: said.Text, File: said.File, Line: said.Line})
	return nil
}

// maxPrinted bounds the output that is kept.
const maxPrinted = 1000

// TraceEvent implements topdown.QueryTracer.
func (t *Tracer) TraceEvent(evt topdown.Event) {
	t.busy.TraceEvent(evt)
	if t.Truncated {
		return
	}
	if t.events++; t.events > t.limits.Events || t.nodes > t.limits.Nodes {
		t.cut(&evt)
		return
	}
	switch evt.Op {
	case topdown.EnterOp:
		t.enter(&evt)
	case topdown.EvalOp:
		t.eval(&evt)
	case topdown.RedoOp:
		t.redo(&evt)
	case topdown.ExitOp:
		t.exit(&evt)
	case topdown.FailOp:
		t.fail(&evt)
	case topdown.NoteOp:
		node := &Node{Kind: KindNote, Text: shorten(evt.Message, maxSource)}
		node.at(evt.Location)
		t.say(node)
	case topdown.TestCaseOp:
		t.testCase(&evt)
	}
	if t.Truncated {
		t.cut(&evt)
	}
}

// say adds what a policy said to the step that said it.
func (t *Tracer) say(node *Node) {
	if t.current == nil || t.Truncated {
		return
	}
	t.current.place().add(t, node)
}

func (t *Tracer) scope(evt *topdown.Event) scope {
	return scope{compiler: t.compiler, event: evt, limit: t.limits.ValueChars, data: t.data}
}

// maxDepth bounds how deep steps lead to steps.
const maxDepth = 100

func (n *Node) add(t *Tracer, child *Node) {
	child.depth = n.depth + 1
	if child.depth > maxDepth {
		t.Truncated = true
		return
	}
	t.nodes++
	n.Children = append(n.Children, child)
}

func (n *Node) at(location *ast.Location) {
	if location != nil {
		n.File, n.Line, n.Column = location.File, location.Row, location.Col
	}
}
