package trace

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// watcher makes one trace for each policy and input, of the rules of the policy one after another.
type watcher struct {
	set      *policyset.Set
	params   Params
	limits   Limits
	view     View
	data     func(ast.Ref) ast.Value
	wanted   bool // whether the input under evaluation is to be traced
	document *load.Document
	open     []*traced // of the input under evaluation
	done     []*Trace
}

// traced is a trace with what is being recorded for it.
type traced struct {
	*Trace
	tracer *Tracer
	began  time.Time
	slow   Busy // where the time limit stopped it
}

func newWatcher(ctx context.Context, set *policyset.Set, params Params) *watcher {
	limits := DefaultLimits
	if params.ValueChars > 0 {
		limits.ValueChars = params.ValueChars
	}
	return &watcher{
		set: set, params: params, limits: limits, view: params.View,
		data: func(ref ast.Ref) ast.Value { return set.Rego.Document(ctx, ref) },
	}
}

// Document implements check.Watcher.
func (w *watcher) Document(document *load.Document) {
	w.document = document
	w.wanted = w.params.Resource == "" || rego.Name(document.Resource) == w.params.Resource
}

// Begin implements rego.Observer.
func (w *watcher) Begin(which rego.Evaluation, query *topdown.Query) *topdown.Query {
	if !w.wanted {
		return query
	}
	return w.begin(which.Policy.Name, "opa", w.set.Rego.Compiler, query)
}

func (w *watcher) begin(policy, engine string, compiler *ast.Compiler, query *topdown.Query) *topdown.Query {
	one := w.trace(policy, engine)
	one.tracer, one.began = New(compiler, w.data, w.limits), time.Now()
	query = one.tracer.Watch(query)
	if w.params.Also != nil {
		query = query.WithQueryTracer(w.params.Also)
	}
	return query
}

// trace is the trace of a policy on the input under evaluation.
func (w *watcher) trace(policy, engine string) *traced {
	for _, one := range w.open {
		if one.Policy == policy {
			w.close(one)
			return one
		}
	}
	w.open = append(w.open, &traced{Trace: &Trace{ID: rand.Text(), Policy: policy, Engine: engine}})
	return w.open[len(w.open)-1]
}

// End implements rego.Observer.
func (w *watcher) End(which rego.Evaluation, _ []rego.Violation, problems []model.Problem) {
	for _, one := range w.open {
		if one.Policy == which.Policy.Name {
			if one.tracer != nil && slices.ContainsFunc(problems, Late) {
				one.slow = one.tracer.busy
			}
			w.close(one)
		}
	}
}

// close takes over what the tracer of one rule has recorded.
func (w *watcher) close(one *traced) {
	if one.tracer == nil {
		return
	}
	one.Nanoseconds += time.Since(one.began).Nanoseconds()
	one.Rules = append(one.Rules, w.view.Prune(one.tracer.Root.Children)...)
	one.Printed = append(one.Printed, one.tracer.Printed...)
	one.Truncated = one.Truncated || one.tracer.Truncated
	one.tracer = nil
}

// Constraint implements check.Watcher.
func (w *watcher) Constraint(policy string, compiler *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	if !w.wanted {
		return query, func() {}
	}
	query = w.begin(policy, "gatekeeper", compiler, query)
	return query, func() { w.close(w.trace(policy, "gatekeeper")) }
}

// Judged implements check.Watcher.
func (w *watcher) Judged(judged check.Judged) {
	if !w.wanted {
		return
	}
	for _, name := range judged.Constraints {
		w.trace(name, "gatekeeper") // one that is written in CEL has findings, and no steps
	}
	for _, one := range w.open {
		w.close(one)
		one.Resource, one.File, one.Line = judged.Document.Resource, judged.Document.File, judged.Document.Line
		one.Findings = only(judged.Findings, func(f model.Finding) bool { return f.Policy == one.Policy })
		one.Problems = only(judged.Problems, func(p model.Problem) bool { return p.Policy == one.Policy })
		one.blame()
		w.done = append(w.done, one.Trace)
	}
	w.open = nil
}

// Late is whether a problem is that of the time limit.
func Late(p model.Problem) bool { return p.Code == "eval_timeout" }

// blame lets what was stopped point at the rule that was under way, rather than at the first of the policy.
func (t *traced) blame() {
	if t.slow.At == nil {
		return
	}
	for i := range t.Problems {
		if p := &t.Problems[i]; Late(*p) {
			p.File, p.Line, p.Column = t.slow.At.File, t.slow.At.Row, t.slow.At.Col
			p.Message += fmt.Sprintf(" in rule `%s`", t.slow.Rule)
		}
	}
}

// foreign leaves out the problems that belong to a trace.
func (w *watcher) foreign(problems []model.Problem) []model.Problem {
	return only(problems, func(p model.Problem) bool {
		return !slices.ContainsFunc(w.done, func(t *Trace) bool { return t.Policy == p.Policy })
	})
}

func only[T any](all []T, wanted func(T) bool) []T {
	var out []T
	for _, one := range all {
		if wanted(one) {
			out = append(out, one)
		}
	}
	return out
}
