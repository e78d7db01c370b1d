package optimize

import (
	"context"
	"errors"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/develop/explore"
)

// question is a policy about to be asked in one world: everything that takes no part in the time is done.
type question struct {
	subject *explore.Subject
	txn     storage.Transaction
	bodies  []ast.Body // one for each of the policy's sets
	input   *ast.Term
}

// prepare makes a question; its transaction lives as long as the run.
func (o *optimizer) prepare(s *explore.Subject, w explore.World) (*question, error) {
	txn, err := o.transaction(s)
	if err != nil {
		return nil, err
	}
	q := &question{subject: s, txn: txn, input: explore.Term(w["input"])}
	for _, name := range o.subject.Entries {
		body, err := s.Prepare(w, s.Package.Append(ast.StringTerm(name)))
		if err != nil {
			return nil, err
		}
		q.bodies = append(q.bodies, body)
	}
	return q, nil
}

func (o *optimizer) transaction(s *explore.Subject) (storage.Transaction, error) {
	if txn, ok := o.txns[s.Set.Store]; ok {
		return txn, nil
	}
	txn, err := s.Set.Store.NewTransaction(o.ctx)
	if err == nil {
		o.txns[s.Set.Store] = txn
	}
	return txn, err
}

// answer is what a policy says in a world, with what its builtins complained of.
type answer struct {
	values []ast.Value // by set; nil where undefined
	notes  []string
	err    error
}

// ask evaluates a policy. Nothing is asked over the network: builtins that would are replaced by the world,
// and no host is allowed besides.
func (q *question) ask(ctx context.Context, tracers ...topdown.QueryTracer) answer {
	out := answer{values: make([]ast.Value, len(q.bodies))}
	var notes []topdown.Error
	for i, body := range q.bodies {
		cancel := topdown.NewCancel()
		stop := context.AfterFunc(ctx, cancel.Cancel)
		over := deadline.Watch("policy "+q.subject.Policy.Name, q.subject.Limit(), cancel)
		query := q.subject.Set.NewQuery(body, q.txn).WithInput(q.input).WithCancel(cancel).WithTime(explore.Now()).
			WithBuiltinErrorList(&notes)
		for _, tracer := range tracers {
			query = query.WithQueryTracer(tracer)
		}
		out.err = query.Iter(ctx, func(r topdown.QueryResult) error {
			out.values[i] = r[explore.Result].Value
			return nil
		})
		over()
		stop()
		if out.err != nil {
			return out
		}
	}
	for i := range notes {
		out.notes = append(out.notes, notes[i].Code+": "+notes[i].Message)
	}
	slices.Sort(out.notes)
	out.notes = slices.Compact(out.notes)
	return out
}

// same says whether two answers are the same results, or the same kind of failure; with notes, whether builtins
// complained of the same as well.
func (a answer) same(b answer, notes bool) bool {
	if a.err != nil || b.err != nil {
		return code(a.err) == code(b.err)
	}
	return (!notes || slices.Equal(a.notes, b.notes)) && slices.EqualFunc(a.values, b.values, func(x, y ast.Value) bool {
		if x == nil || y == nil {
			return x == nil && y == nil
		}
		return ast.ValueEqual(x, y)
	})
}

func code(err error) string {
	var failure *topdown.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &failure):
		return failure.Code
	}
	return err.Error()
}

// counter counts the expressions that an evaluation looks at, and how often it goes on from those of some places.
type counter struct {
	total int
	at    map[place]int
}

// redone is how often an evaluation went on from a place: once for each element of a loop that begins there.
func (c *counter) redone(at *ast.Location) int { return c.at[place{at.Row, at.Col}] }

// place is a line and column of the policy file.
type place struct{ line, column int }

// Enabled implements topdown.QueryTracer.
func (c *counter) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (c *counter) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (c *counter) TraceEvent(event topdown.Event) {
	expr, ok := event.Node.(*ast.Expr)
	if !ok || event.Op != topdown.EvalOp && event.Op != topdown.RedoOp {
		return
	}
	if event.Op == topdown.EvalOp {
		c.total++
	}
	if c.at != nil && expr.Location != nil && event.Op == topdown.RedoOp {
		c.at[place{expr.Location.Row, expr.Location.Col}]++
	}
}
