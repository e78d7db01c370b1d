package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// wanted is an entry of the set that has no derivation yet.
type wanted struct {
	term  *ast.Term
	index int
	found bool
	best  candidate
}

// tracer follows the evaluation. It keeps the bodies under evaluation as a tree of frames, and judges each body at the
// moment it succeeds or fails, while its variables have their values.
type tracer struct {
	compiler *ast.Compiler
	tree     *tree
	targets  map[*ast.Rule]bool
	whole    bool // a rule that is watched makes all its entries at once
	wanted   []wanted
	entries  map[int][]*wanted // by hash
	open     int
	cancel   topdown.Cancel
	stopped  bool
	events   int
	event    topdown.Event // the one at hand: there are so many that each must not be memory of its own
	frames   []*frame      // by query ID
	clock    int
	memo     memo
	parts    record // elements of any set or comprehension, in case that a rule joins them
	plans    *Plans
	replayed *replayed // the expressions of the query itself that are judged; nil where rules are
}

func newTracer(q *Query, open []wanted) *tracer {
	if q.Copy == nil {
		q.Copy = NewCopy(q.Resource)
	}
	plans := q.Plans
	if plans == nil {
		plans = &Plans{}
	}
	plans.aimed(q)
	t := &tracer{
		compiler: q.Compiler, tree: newTree(q.Copy), wanted: open, open: len(open), targets: plans.targets, whole: plans.atOnce,
		entries: map[int][]*wanted{}, memo: memo{}, parts: record{elements: map[int][]made{}}, plans: plans,
	}
	for i := range open {
		hash := open[i].term.Hash()
		t.entries[hash] = append(t.entries[hash], &open[i])
	}
	return t
}

// Enabled implements topdown.QueryTracer.
func (t *tracer) Enabled() bool { return true }

// Config implements topdown.QueryTracer: values are asked for one by one, which is far cheaper than all at every event.
func (t *tracer) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (t *tracer) TraceEvent(evt topdown.Event) {
	if t.stopped {
		return
	}
	if t.events++; t.events > maxEvents {
		t.stop()
		return
	}
	switch evt.Op {
	case topdown.EnterOp:
		t.event = evt
		t.enter(&t.event)
	case topdown.EvalOp, topdown.RedoOp:
		t.move(evt.Op, evt.QueryID, evt.Node)
	case topdown.ExitOp:
		t.event = evt
		t.exit(&t.event)
	case topdown.FailOp:
		t.event = evt
		t.fail(&t.event)
	}
}

func (t *tracer) stop() {
	t.stopped = true
	t.cancel.Cancel()
}

func (t *tracer) frame(id uint64) *frame {
	if id < uint64(len(t.frames)) {
		return t.frames[id]
	}
	return nil
}

// move notes which expression is under evaluation, for the first time or, after backtracking, again.
func (t *tracer) move(op topdown.Op, query uint64, node ast.Node) {
	e, ok := node.(*ast.Expr)
	f := t.frame(query)
	if !ok || f == nil || f.kind == domain {
		return
	}
	if i := f.index(e); i >= 0 {
		f.cur = i
		if op == topdown.EvalOp {
			f.steps[i] = step{}
		}
	}
}

func (t *tracer) exit(evt *topdown.Event) {
	f := t.frame(evt.QueryID)
	if f == nil {
		return
	}
	if f == t.replayed.root() {
		t.replayed.judge(t, evt)
		return
	}
	t.clock++
	first := f.exited == 0
	f.exited = t.clock
	if f.kind == domain {
		return
	}
	c := t.judge(evt, f)
	switch {
	case first || f.kind != many:
		f.exit = c
	case f.collects && !f.tests:
		f.exit = merged(f.exit, c)
	default:
		f.exit = best(f.exit, c)
	}
	if t.whole && f.kind == many {
		if e := element(f, evt); e != nil {
			t.parts.add(made{element: e, found: c})
		}
	}
	if t.targets[f.rule] {
		t.derived(evt, f, c)
	} else if f.rule != nil {
		t.memo.exit(f, evt, c)
		t.tree.made(f.rule, evt, c)
	}
}

func (t *tracer) fail(evt *topdown.Event) {
	f := t.frame(evt.QueryID)
	e, ok := evt.Node.(*ast.Expr)
	if f == nil || !ok || f.kind == domain || f == t.replayed.root() {
		return
	}
	i := f.index(e)
	if i < 0 || i >= len(f.exprs) {
		return
	}
	f.fail(i, t.judgeFailure(evt, f, i))
	if f.rule != nil {
		t.memo.fail(f, evt)
	}
}

// derived gives the entry that the rule has just derived its place. The first derivation wins.
func (t *tracer) derived(evt *topdown.Event, f *frame, c candidate) {
	if isSet(f.rule) {
		t.match(evt.Plug(f.rule.Head.Key), c)
		return
	}
	each := func(entry *ast.Term) {
		if own := t.parts.derivation(entry).found; own.class != nothing {
			t.match(entry, own)
		} else {
			t.match(entry, c)
		}
	}
	switch v := evt.Plug(f.rule.Head.Value).Value.(type) {
	case ast.Set:
		v.Foreach(each)
	case *ast.Array:
		v.Foreach(each)
	}
}

func (t *tracer) match(entry *ast.Term, c candidate) {
	for _, w := range t.entries[entry.Hash()] {
		if !w.found && w.term.Equal(entry) {
			w.found, w.best = true, c
			t.open--
		}
	}
	if t.open == 0 {
		t.stop()
	}
}

func (t *tracer) write(paths [][]any) {
	for _, w := range t.wanted {
		if w.best.class != nothing {
			paths[w.index] = w.best.at.path()
		}
	}
}
