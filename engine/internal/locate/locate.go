// Package locate finds the field of a resource that a violation is about.
//
// A rule says what is wrong, seldom where. It is evaluated once more, for flagged pairs of resource and policy only,
// on a copy of the resource in which every value is a term of its own: whatever a variable is bound to, after any
// number of helpers, sets and comprehensions, is then recognised by identity. What the rule reads of the resource on
// the way to an entry are the candidates; rank.go says which of them is to blame.
//
// Mostly less is evaluated. The compiled evaluator tells how entries came about (account.go), and then one expression is
// evaluated again (replay.go), or nothing where it is known what that says (answers.go, recall.go).
package locate

import (
	"context"
	"errors"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/compiled"
)

// maxEvents bounds an evaluation that is being watched, and all expressions together that are evaluated again; entries not
// derived by then have no path.
const maxEvents = 500_000

// Query is an evaluation that has produced entries, to be repeated.
type Query struct {
	Compiler *ast.Compiler
	Store    storage.Store
	Input    *ast.Term // as the verdict had it
	Rule     ast.Ref   // data.attest.security.violation
	// Roots are the references under which the resource sits: input.resource, input.review.object,
	// input.request.object, or input.
	Roots    []ast.Ref
	Resource *ast.Term
	// Prepare adds what else the verdict's evaluation had: caches, clock, allowed hosts. It may be nil. It need not
	// add a cancellation: the context given to Paths stops the evaluation.
	Prepare func(*topdown.Query) *topdown.Query
	// Plans keeps what is known of the rule's bodies from one query to the next. It belongs to one Compiler and Rule,
	// may be used by many queries at once, and may be nil.
	Plans *Plans
	// Derived is how the entries came about, where the evaluation that made them could tell.
	Derived []compiled.Derivation
	// Copy is that of Resource, for all queries that are about it. Together with Plans it spares evaluating again what was
	// found for a resource of the same shape; without it every entry is evaluated.
	Copy *Copy

	copied          *ast.Term // Input with the copy in the place of the resource; nil until an evaluation needs it
	spent           int       // events of all expressions that were evaluated again
	parametersAlike *bool     // whether an object of the parameters is equal to one of the resource; nil until somebody asks
}

// Plans is the analysis of the bodies that a rule leads to.
type Plans struct {
	bodies  sync.Map // bodyKey → plan
	recipes sync.Map // *ast.Rule → *recipe
	memory  memory[[]any]
	alike   memory[[]relativeTo] // what expressions said, by the shape of what they can read
	answers answers

	aim     sync.Once
	targets map[*ast.Rule]bool // the rules that make the entries
	atOnce  bool               // one of them makes all its entries at once

	once      sync.Once
	forgetful bool // what one resource has shown says nothing of another
}

// Paths returns, for each entry of the rule's set, the keys and indices (string and int) that lead from the resource to
// the field to blame. No path means the resource itself. An error means that the evaluation failed or was stopped; the
// paths found until then are returned with it.
func Paths(ctx context.Context, q Query, entries []*ast.Term) (paths [][]any, err error) {
	paths = make([][]any, len(entries))
	defer func() {
		if bug := recover(); bug != nil {
			stumbled(bug)
			err = errors.New("internal error while locating findings")
		}
	}()
	var open []wanted
	for i, entry := range entries {
		if path, ok := FromEntry(entry, q.Resource); ok {
			paths[i] = path
			continue
		}
		derived := q.told(entry)
		if path, ok := derived.path(ctx, false); ok {
			paths[i] = path
		} else if path, ok := q.recall(entry); ok {
			paths[i] = path
		} else if path, ok := derived.path(ctx, true); ok {
			paths[i] = path
			q.learn(entry, path)
		} else if entry != nil && q.Resource != nil {
			open = append(open, wanted{term: entry, index: i})
		}
	}
	if len(open) == 0 {
		return paths, nil
	}
	err = evaluate(ctx, q, open, paths)
	for _, w := range open {
		if err == nil {
			q.learn(w.term, paths[w.index])
		}
	}
	return paths, err
}

func (q *Query) recall(entry *ast.Term) ([]any, bool) {
	if !q.remembers() || entry == nil {
		return nil, false
	}
	return q.Plans.memory.recall(q.Copy.seen(), q.circumstances(), entry)
}

func (q *Query) remembers() bool {
	if q.Plans == nil || q.Copy == nil {
		return false
	}
	q.Plans.once.Do(func() { q.Plans.forgetful = readsData(q.Compiler, q.Rule) })
	return !q.Plans.forgetful && q.Copy.seen() != nil
}

func (q *Query) learn(entry *ast.Term, path []any) {
	if len(path) > 0 && q.remembers() {
		path = ownPath(path)
		q.Plans.memory.learn(q.Copy.seen(), q.circumstances(), entry, path, path)
	}
}

func (q *Query) circumstances() circumstances {
	c := circumstances{shape: q.Copy.seen().shape}
	if input, ok := q.Input.Value.(ast.Object); ok {
		if parameters := input.Get(ast.InternedTerm("parameters")); parameters != nil {
			c.parameters = parameters.Hash()
		}
	}
	return c
}

func evaluate(ctx context.Context, q Query, open []wanted, paths [][]any) error {
	t := newTracer(&q, open)
	stopped, err := t.run(ctx, &q, ast.NewBody(ast.NewExpr(ast.NewTerm(q.Rule))))
	t.write(paths)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if stopped {
		return nil
	}
	return err
}

// run evaluates a query while the tracer watches, until it has seen enough.
func (t *tracer) run(ctx context.Context, q *Query, body ast.Body) (stopped bool, err error) {
	t.cancel = topdown.NewCancel()
	defer context.AfterFunc(ctx, t.cancel.Cancel)()
	store := q.Store
	if store == nil {
		store = inmem.New()
	}
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return false, err
	}
	defer store.Abort(ctx, txn)
	query := topdown.NewQuery(body).WithCompiler(q.Compiler).WithStore(store).WithTransaction(txn)
	if q.Prepare != nil {
		query = q.Prepare(query)
	}
	// The index skips bodies that can't succeed without a trace, and those are what a negation is about.
	query = query.WithInput(t.tree.input(q)).WithCancel(t.cancel).WithQueryTracer(t).WithIndexing(false)
	_, err = query.Run(ctx)
	return t.stopped, err
}
