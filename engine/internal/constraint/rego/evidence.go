package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/locate"
)

// Evidence is an entry of a template's `violation` with the evaluation that produced it: enough to
// evaluate it again and see which field of the resource it is about. Of an earlier resource it is the path alone.
type Evidence struct {
	*evaluation
	Details any // what it says beside its message, as JSON

	entry *ast.Term
	path  []any
}

// Locate are the paths of the field that each violation is about, nil where there is no evidence or it can't be told. It
// costs a slow evaluation for each constraint that was violated.
func Locate(ctx context.Context, proofs []*Evidence) [][]any {
	byEvaluation := map[*evaluation][]*Evidence{}
	var order []*evaluation
	for _, proof := range proofs {
		if proof == nil || proof.evaluation == nil {
			continue
		}
		if byEvaluation[proof.evaluation] == nil {
			order = append(order, proof.evaluation)
		}
		byEvaluation[proof.evaluation] = append(byEvaluation[proof.evaluation], proof)
	}
	copies := map[*ast.Term]*locate.Copy{}
	for _, e := range order {
		resource := e.request.Judged()
		if copies[resource] == nil {
			copies[resource] = locate.NewCopy(resource)
		}
		e.locate(ctx, byEvaluation[e], copies[resource])
	}
	out := make([][]any, len(proofs))
	for i, proof := range proofs {
		if proof != nil {
			out[i] = proof.path
		}
	}
	return out
}

// locate finds the paths of entries; an error costs those that were not found until then, not the findings.
func (e *evaluation) locate(ctx context.Context, proofs []*Evidence, same *locate.Copy) {
	entries := make([]*ast.Term, len(proofs))
	for i, proof := range proofs {
		entries[i] = proof.entry
	}
	paths, err := locate.Paths(ctx, locate.Query{
		Compiler: e.driver.compiler, Store: e.request.Inventory.Store, Input: e.input, Rule: e.template.query.ref,
		Roots: []ast.Ref{terms.ReviewObject}, Resource: e.request.Judged(), Plans: &e.template.plans, Copy: same, Derived: e.derived,
		Prepare: func(q *topdown.Query) *topdown.Query { return e.driver.equip(q) },
	}, entries)
	for i, proof := range proofs {
		proof.path = paths[i]
	}
	if err == nil && ctx.Err() == nil && len(proofs) == len(e.said) {
		e.remember()
	}
}

// equip gives a query the builtins and caches that every evaluation has.
func (d *Driver) equip(q *topdown.Query) *topdown.Query {
	return q.WithBuiltins(d.builtins).WithInterQueryBuiltinCache(d.caches).WithInterQueryBuiltinValueCache(d.values).
		WithMetrics(metrics.NoOp())
}
