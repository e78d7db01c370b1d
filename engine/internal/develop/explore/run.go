package explore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// Outcome is what an evaluation of every entry rule came to.
type Outcome struct {
	Values   map[string]*ast.Term // by entry rule; absent where undefined
	Held     []bool               // by number of rule: some derivation of its body succeeded
	Depth    []int                // by number of rule: how many of its conditions held, at best
	Err      error                // the evaluation failed; all else is void
	features []feature
}

// feature is something that an evaluation did, for the first time or again.
type feature struct {
	expr int
	op   byte
}

// spot is an expression of a rule. OPA makes some anew for each evaluation, but their locations stay.
type spot struct {
	at    *ast.Location
	index int
}

// Violates says whether some entry rule has a result.
func (o *Outcome) Violates() bool {
	for _, value := range o.Values {
		if !empty(value) {
			return true
		}
	}
	return false
}

func empty(value *ast.Term) bool {
	switch v := value.Value.(type) {
	case ast.Set:
		return v.Len() == 0
	case ast.Object:
		return v.Len() == 0
	case *ast.Array:
		return v.Len() == 0
	case ast.Boolean:
		return !bool(v)
	}
	return false
}

// Same says whether two outcomes have the same results.
func (o *Outcome) Same(other *Outcome) bool {
	if (o.Err == nil) != (other.Err == nil) || len(o.Values) != len(other.Values) {
		return false
	}
	for name, value := range o.Values {
		if there := other.Values[name]; there == nil || !there.Equal(value) {
			return false
		}
	}
	return true
}

// Agrees says whether two outcomes have the same result for one rule.
func (o *Outcome) Agrees(other *Outcome, rule string) bool {
	if o.Err != nil || other.Err != nil {
		return false
	}
	here, there := o.Values[rule], other.Values[rule]
	return here == there || here != nil && there != nil && here.Equal(there)
}

// HeldEntries are the entry rules whose body held.
func (s *Subject) HeldEntries(o *Outcome) []int {
	var out []int
	for i, rule := range s.Rules {
		if rule.Entry && o.Held[i] {
			out = append(out, i)
		}
	}
	return out
}

// Run evaluates every entry rule in a world.
func (s *Subject) Run(ctx context.Context, w World) *Outcome {
	o := &Outcome{Values: map[string]*ast.Term{}, Held: make([]bool, len(s.Rules)), Depth: make([]int, len(s.Rules))}
	watch := &watcher{subject: s, outcome: o, frames: map[uint64]int{}, seen: map[feature]bool{}}
	for _, name := range s.Entries {
		value, err := s.Ask(ctx, w, s.Package.Append(ast.StringTerm(name)), watch)
		if err != nil {
			o.Err = err
			break
		}
		if value != nil {
			o.Values[name] = value
		}
	}
	return o
}

// farAway is the time in a world that does not say: not that of any world that does, so that a test
// whose result depends on the time keeps its clock.
var farAway = time.Date(2101, 3, 4, 5, 6, 7, 0, time.UTC)

// Ask evaluates one reference in a world; nil means undefined.
//
// With tracers, every body is looked at, also those that an index or an early exit would leave out.
func (s *Subject) Ask(ctx context.Context, w World, ref ast.Ref, tracers ...topdown.QueryTracer) (*ast.Term, error) {
	return s.ask(ctx, w, ref, true, tracers)
}

// AskPlainly evaluates a reference that brings its own world, as `opa test` would.
func (s *Subject) AskPlainly(ctx context.Context, ref ast.Ref, tracers ...topdown.QueryTracer) (*ast.Term, error) {
	return s.ask(ctx, World{"input": map[string]any{}}, ref, false, tracers)
}

func (s *Subject) ask(ctx context.Context, w World, ref ast.Ref, everything bool, tracers []topdown.QueryTracer) (*ast.Term, error) {
	s.Evals++
	body, err := s.query(w, ref)
	if err != nil {
		return nil, err
	}
	txn, err := s.Set.Store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Set.Store.Abort(ctx, txn)
	q, stop := s.bounded(ctx, s.Set.NewQuery(body, txn).WithInput(s.input(w)).WithTime(farAway), mostSteps)
	defer stop()
	if len(tracers) > 0 && everything {
		q = q.WithIndexing(false).WithEarlyExit(false)
	}
	for _, tracer := range tracers {
		q = q.WithQueryTracer(tracer)
	}
	calls := builtins.NDBCache{}
	var out *ast.Term
	err = q.WithNDBuiltinCache(calls).Iter(ctx, func(r topdown.QueryResult) error {
		out = r[result]
		return nil
	})
	if err == nil {
		err = unmocked(calls)
	}
	return out, err
}

// input is a world's input, with the parameters that are settled.
func (s *Subject) input(w World) *ast.Term {
	input, ok := w["input"].(map[string]any)
	if s.Fixed == nil || !ok {
		return Term(w["input"])
	}
	with := maps.Clone(input)
	with["parameters"] = s.Fixed
	return Term(with)
}

// unmocked refuses an evaluation that has asked the outside world: a test of it would not give the same
// result every time. The time is no matter, see farAway.
func unmocked(calls builtins.NDBCache) error {
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if _, known := nondeterministic[name]; known && name != ast.NowNanos.Name {
			return fmt.Errorf("`%s` is called without a mock", name)
		}
	}
	return nil
}

const result = ast.Var("result")

// query is `result = ref`, with every root of the world but the input in place. What varies is the
// roots' values, so only queries without any are kept.
func (s *Subject) query(w World, ref ast.Ref) (ast.Body, error) {
	key := ref.String()
	if body, ok := s.queries[key]; ok && len(w) == 1 {
		return body, nil
	}
	expr := ast.Equality.Expr(ast.NewTerm(result), ast.NewTerm(ref))
	for _, mock := range s.Mocks {
		if value, ok := w[mock.Name]; ok {
			expr.With = append(expr.With, mock.replace(value)...)
		}
	}
	body, err := s.Set.Compiler.QueryCompiler().Compile(ast.NewBody(expr))
	if err == nil && len(w) == 1 {
		s.queries[key] = body
	}
	return body, err
}

// watcher notes which rules hold and how far the others come.
type watcher struct {
	subject *Subject
	outcome *Outcome
	frames  map[uint64]int // query → number of the rule whose body it evaluates
	seen    map[feature]bool
}

// Enabled implements topdown.QueryTracer.
func (t *watcher) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (t *watcher) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (t *watcher) TraceEvent(evt topdown.Event) {
	switch node := evt.Node.(type) {
	case *ast.Rule:
		number, own := t.subject.index[node]
		if !own {
			return
		}
		if evt.Op == topdown.EnterOp {
			t.frames[evt.QueryID] = number
		} else if evt.Op == topdown.ExitOp {
			t.outcome.Held[number] = true
			t.outcome.Depth[number] = len(node.Body)
			t.note(feature{-1 - number, 'x'})
		}
	case *ast.Expr:
		t.expr(&evt, node)
	}
}

func (t *watcher) expr(evt *topdown.Event, node *ast.Expr) {
	if evt.Op != topdown.EvalOp && evt.Op != topdown.FailOp || !node.Location.HasFile() {
		return // the query itself is a new one each time
	}
	spot := spot{node.Location, node.Index}
	id, known := t.subject.exprs[spot]
	if !known {
		id = len(t.subject.exprs)
		t.subject.exprs[spot] = id
	}
	t.note(feature{id, evt.Op[0]})
	if number, ok := t.frames[evt.QueryID]; ok && evt.Op == topdown.EvalOp {
		t.outcome.Depth[number] = max(t.outcome.Depth[number], node.Index)
	}
}

func (t *watcher) note(f feature) {
	if !t.seen[f] {
		t.seen[f] = true
		t.outcome.features = append(t.outcome.features, f)
	}
}
