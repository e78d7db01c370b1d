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
	open     int
	cancel   topdown.Cancel
	stopped  bool
	events   int
	frames   []*frame // by query ID
	clock    int
	memo     memo
	parts    record // elements of any set or comprehension, in case that a rule joins them
	plans    *Plans
}

// bodyKey identifies a body by its first expression. The evaluator wraps what it negates into a new body each time,
// but the terms stay the same.
type bodyKey struct {
	terms   any
	negated bool
}

func newTracer(q Query, tree *tree, open []wanted, cancel topdown.Cancel) *tracer {
	t := &tracer{
		compiler: q.Compiler, tree: tree, wanted: open, open: len(open), cancel: cancel,
		targets: map[*ast.Rule]bool{}, memo: memo{}, parts: record{elements: map[int][]made{}}, plans: q.Plans,
	}
	if t.plans == nil {
		t.plans = &Plans{}
	}
	for _, rule := range q.Compiler.GetRulesExact(q.Rule) {
		for ; rule != nil; rule = rule.Else {
			t.targets[rule] = true
			t.whole = t.whole || !isSet(rule)
		}
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
		t.enter(&evt)
	case topdown.EvalOp, topdown.RedoOp:
		t.move(&evt)
	case topdown.ExitOp:
		t.exit(&evt)
	case topdown.FailOp:
		t.fail(&evt)
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

func (t *tracer) enter(evt *topdown.Event) {
	var parent *frame
	if evt.QueryID != evt.ParentID {
		parent = t.frame(evt.ParentID)
	}
	f := t.newFrame(evt, parent)
	if evt.QueryID > uint64(maxEvents) {
		return
	}
	for uint64(len(t.frames)) <= evt.QueryID {
		t.frames = append(t.frames, nil)
	}
	t.frames[evt.QueryID] = f
	if parent != nil && parent.cur < len(parent.steps) {
		s := &parent.steps[parent.cur]
		s.children = append(s.children, f)
	}
}

func (t *tracer) newFrame(evt *topdown.Event, parent *frame) *frame {
	f := &frame{}
	var of *ast.Term
	switch node := evt.Node.(type) {
	case *ast.Rule:
		f.kind, f.rule, f.body = kindOf(node), node, node.Body
	case ast.Body:
		f.body = node
		if of = comprehension(parent, node); of != nil {
			f.kind = many
		}
	case *ast.Expr:
		f.kind = domain
		f.steps = make([]step, 1)
		return f
	}
	f.of, f.collects = of, f.kind == many && !t.targets[f.rule]
	f.plan = t.analyse(evt, f)
	f.steps = make([]step, len(f.body))
	return f
}

func isSet(rule *ast.Rule) bool {
	return rule.Head.RuleKind() == ast.MultiValue && rule.Head.Key != nil
}

func kindOf(rule *ast.Rule) kind {
	if rule.Head.Key != nil || !rule.Head.Ref().IsGround() {
		return many
	}
	return value
}

// comprehension is the term that the body makes, where the expression that led to the body has such a comprehension.
func comprehension(parent *frame, body ast.Body) *ast.Term {
	if parent == nil || parent.cur >= len(parent.body) || len(body) == 0 {
		return nil
	}
	var term *ast.Term
	ast.WalkClosures(parent.body[parent.cur], func(x any) bool {
		switch c := x.(type) {
		case *ast.ArrayComprehension:
			term = pick(term, c.Body, body, c.Term)
		case *ast.SetComprehension:
			term = pick(term, c.Body, body, c.Term)
		case *ast.ObjectComprehension:
			term = pick(term, c.Body, body, ast.ArrayTerm(c.Key, c.Value))
		}
		return term != nil
	})
	return term
}

func pick(found *ast.Term, candidate, body ast.Body, term *ast.Term) *ast.Term {
	if found == nil && len(candidate) > 0 && candidate[0] == body[0] {
		return term
	}
	return found
}

func (t *tracer) analyse(evt *topdown.Event, f *frame) plan {
	if len(f.body) == 0 || evt.QueryID == evt.ParentID {
		return plan{} // the query itself, which is a new body each time
	}
	key := bodyKey{f.body[0].Terms, f.body[0].Negated}
	if terms, ok := key.terms.([]*ast.Term); ok {
		key.terms = &terms[0]
	}
	if known, ok := t.plans.bodies.Load(key); ok {
		if p, ok := known.(plan); ok && len(p.exprs) == len(f.body) {
			return p
		}
	}
	args := map[ast.Var]bool{}
	if f.rule != nil {
		for _, arg := range f.rule.Head.Args {
			visitVars(arg, func(v ast.Var) { args[v] = true })
		}
	}
	bound := func(term *ast.Term) bool {
		if v, ok := term.Value.(ast.Var); ok && args[v] {
			return true
		}
		if f.rule != nil {
			return false
		}
		_, open := evt.Plug(term).Value.(ast.Var)
		return !open
	}
	p := analyse(t.compiler, f.body, sinks(f.rule, t.targets[f.rule], f.of), bound)
	t.plans.bodies.Store(key, p)
	return p
}

// move notes which expression is under evaluation, for the first time or, after backtracking, again.
func (t *tracer) move(evt *topdown.Event) {
	e, ok := evt.Node.(*ast.Expr)
	f := t.frame(evt.QueryID)
	if !ok || f == nil || f.kind == domain {
		return
	}
	if i := f.index(e); i >= 0 {
		f.cur = i
		if evt.Op == topdown.EvalOp {
			f.steps[i] = step{}
		}
	}
}

func (t *tracer) exit(evt *topdown.Event) {
	f := t.frame(evt.QueryID)
	if f == nil {
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
	if f == nil || !ok || f.kind == domain {
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
	for i := range t.wanted {
		w := &t.wanted[i]
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
