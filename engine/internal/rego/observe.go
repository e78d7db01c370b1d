package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// Evaluation is one rule of one policy asked about one input.
type Evaluation struct {
	Policy *Policy
	Rule   string
	Ref    ast.Ref
	Input  *ast.Term
}

// Observer is told of every evaluation. What explains or measures verdicts is an observer, so that it
// sees the evaluation that gave the verdict and no other.
type Observer interface {
	// Begin may change the query before it runs: give it a tracer, say.
	Begin(Evaluation, *topdown.Query) *topdown.Query
	// End is what the evaluation came to.
	End(Evaluation, []Violation, []model.Problem)
}

// Observe makes o see the evaluations from now on; nil ends that.
func (e *Evaluator) Observe(o Observer) { e.watcher = o }

// observed lets the observer see an evaluation; the returned function tells it the result.
func (e *Evaluator) observed(which Evaluation, query *topdown.Query) (*topdown.Query, func([]Violation, []model.Problem)) {
	if e.watcher == nil {
		return query, func([]Violation, []model.Problem) {}
	}
	return e.watcher.Begin(which, query), func(v []Violation, p []model.Problem) { e.watcher.End(which, v, p) }
}

// EvaluateInput asks every selected policy about a complete input document, as it stands but for the
// parameters, which are those of the selection where the document has none.
func (e *Evaluator) EvaluateInput(ctx context.Context, document ast.Object) ([]Violation, []model.Problem) {
	var violations []Violation
	var problems []model.Problem
	e.shared = virtual.NewKept(e.set.same)
	key := ast.InternedTerm("parameters")
	for _, c := range e.choices {
		input := document
		if document.Get(key) == nil {
			input = document.Copy()
			input.Insert(key, c.parameters)
		}
		found, errs := e.askAll(ctx, c, ast.NewTerm(input))
		violations = append(violations, found...)
		problems = append(problems, errs...)
	}
	return violations, problems
}

// Document is what stands at a reference below `data`, rules left aside; nil where nothing does.
func (s *Set) Document(ctx context.Context, ref ast.Ref) ast.Value {
	txn, err := s.Store.NewTransaction(ctx)
	if err != nil {
		return nil
	}
	defer s.Store.Abort(ctx, txn)
	return DocumentIn(ctx, s.Store, txn, ref)
}

// DocumentIn is the same within a transaction of any store.
func DocumentIn(ctx context.Context, store storage.Store, txn storage.Transaction, ref ast.Ref) ast.Value {
	path, err := storage.NewPathForRef(ref)
	if err != nil {
		return nil
	}
	found, err := store.Read(ctx, txn, path)
	if err != nil {
		return nil
	}
	value, err := ast.InterfaceToValue(found)
	if err != nil {
		return nil
	}
	return value
}
