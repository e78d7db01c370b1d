package constraint

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/locate"
)

// evidence is an entry of a template's `violation` with the evaluation that produced it: enough to
// evaluate it again and see which field of the resource it is about.
type evidence struct {
	*evaluation
	entry *ast.Term
}

// reviewObject is where templates find the resource.
var reviewObject = ast.MustParseRef("input.review.object")

// Locate completes the paths of the results: which field of the resource each of them is about. A path
// that can't be told stays as it is. It costs a slow evaluation for each constraint that was violated.
func (o *Outcome) Locate(ctx context.Context) {
	byEvaluation := map[*evaluation][]int{}
	var order []*evaluation
	for i, r := range o.Results {
		if r.evidence == nil {
			continue
		}
		if byEvaluation[r.evidence.evaluation] == nil {
			order = append(order, r.evidence.evaluation)
		}
		byEvaluation[r.evidence.evaluation] = append(byEvaluation[r.evidence.evaluation], i)
	}
	sketches := map[*ast.Term]*locate.Sketch{}
	for _, e := range order {
		resource := e.request.judged()
		if _, drawn := sketches[resource]; !drawn {
			sketches[resource] = locate.NewSketch(resource)
		}
		o.locate(ctx, e, byEvaluation[e], sketches[resource])
	}
}

func (o *Outcome) locate(ctx context.Context, e *evaluation, results []int, sketch *locate.Sketch) {
	entries := make([]*ast.Term, len(results))
	for i, result := range results {
		entries[i] = o.Results[result].evidence.entry
	}
	// An error costs the paths that were not found until then, not the findings.
	paths, _ := locate.Paths(ctx, locate.Query{
		Compiler: e.driver.compiler, Store: e.request.inventory.store, Input: e.input, Rule: e.template.query.ref,
		Roots: []ast.Ref{reviewObject}, Resource: e.request.judged(), Plans: &e.template.plans, Sketch: sketch,
		Prepare: func(q *topdown.Query) *topdown.Query { return e.driver.equip(q) },
	}, entries)
	for i, path := range paths {
		prefix := o.Results[results[i]].Path
		o.Results[results[i]].Path = append(prefix[:len(prefix):len(prefix)], path...)
	}
}

// equip gives a query the builtins and caches that every evaluation has.
func (d *driver) equip(q *topdown.Query) *topdown.Query {
	return q.WithBuiltins(d.builtins).WithInterQueryBuiltinCache(d.caches).WithInterQueryBuiltinValueCache(d.values).
		WithMetrics(metrics.NoOp())
}
