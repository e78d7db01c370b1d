package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/locate"
)

// Locate says for each violation which field of the resource is to blame; an empty path means the
// resource as a whole. The violations are all of one resource. Where the evaluation can't be
// repeated (its time is up, say) the resource it is: a finding is never lost over its place.
func (e *Evaluator) Locate(ctx context.Context, violations []Violation, resource *ast.Term) [][]any {
	paths := make([][]any, len(violations))
	same := locate.NewCopy(resource)
	for from := 0; from < len(violations); {
		to := from + 1
		for to < len(violations) && violations[to].Ref.Equal(violations[from].Ref) {
			to++
		}
		found, _ := e.locate(ctx, violations[from:to], resource, same)
		copy(paths[from:to], found)
		from = to
	}
	return paths
}

func (e *Evaluator) locate(ctx context.Context, violations []Violation, resource *ast.Term, same *locate.Copy) ([][]any, error) {
	ctx, stop := context.WithTimeout(ctx, e.timeout)
	defer stop()
	entries := make([]*ast.Term, len(violations))
	for i, v := range violations {
		entries[i] = v.Entry
	}
	return locate.Paths(ctx, locate.Query{
		Compiler: e.set.Compiler, Store: e.set.Store, Input: violations[0].Input, Rule: violations[0].Ref,
		Roots: rootsOf[violations[0].Policy.Form], Resource: resource, Prepare: e.prepare, Plans: violations[0].plans, Copy: same, Derived: violations[0].derived,
	}, entries)
}

// prepare gives a repeated evaluation the caches that the verdict had, so that it sees the same answers.
func (e *Evaluator) prepare(q *topdown.Query) *topdown.Query {
	return q.WithInterQueryBuiltinCache(e.set.caches).WithInterQueryBuiltinValueCache(e.set.values)
}
