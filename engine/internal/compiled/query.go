package compiled

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
)

// Query is a compiled query. Vars are the variables that it gives values to, in the order of a row.
type Query struct {
	Vars []ast.Var

	slots []int
	size  int
	run   op
}

// Query compiles a query that OPA's query compiler has compiled. An error is a Refusal: the query is OPA's.
func (p *Program) Query(body ast.Body, compiler ast.QueryCompiler) (*Query, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.newUnit(compiler.ComprehensionIndex)
	u.keeps = true
	q := &Query{}
	s := newScope()
	refused := refusal(func() {
		q.run = u.body(body, s, func() op { return q.row(s) })
	})
	p.compilePending()
	if refused == nil {
		refused = refusedBelow(u.uses, map[*document]bool{})
	}
	if refused != nil {
		return nil, refused
	}
	for _, d := range u.uses {
		d.farthest()
	}
	q.size = u.slots
	return q, nil
}

// row makes the operation that notes a solution.
func (q *Query) row(s *scope) op {
	for v := range s.slots {
		q.Vars = append(q.Vars, v)
	}
	slices.SortFunc(q.Vars, func(a, b ast.Var) int { return cmp.Compare(a, b) })
	for _, v := range q.Vars {
		q.slots = append(q.slots, s.slots[v])
	}
	return func(m *Machine, f frame) bool {
		for _, slot := range q.slots {
			m.items = append(m.items, f[slot])
		}
		m.rows++
		return false
	}
}

// Environment is what an evaluation has beside the input; what is absent is as in a topdown.Query.
type Environment struct {
	Data    ast.Value // what stands in the store
	Cancel  topdown.Cancel
	Runtime *ast.Term
	Caches  cache.InterQueryCache
	Values  cache.InterQueryValueCache
	Derived *[]Derivation // gets how the elements of watched sets came about
}

// Run evaluates a query. It returns rows of values for the query's variables, or false where OPA has to be asked:
// there may have been an error.
func (m *Machine) Run(ctx context.Context, q *Query, input *ast.Term, env Environment) (rows [][]*ast.Term, answered bool) {
	m.prepare(ctx, input, env)
	f := m.enter(q.size)
	q.run(m, f)
	m.leave(q.size)
	if m.stopped() || ctx.Err() != nil {
		m.drop(0)
		return nil, false
	}
	for i := range m.rows {
		n := len(q.slots)
		rows = append(rows, slices.Clone(m.items[i*n:(i+1)*n]))
	}
	m.drop(0)
	return rows, true
}

// Why is the reason for which the last evaluation has no answer.
func (m *Machine) Why() string { return m.why }

func (m *Machine) prepare(ctx context.Context, input *ast.Term, env Environment) {
	m.why, m.top, m.rows, m.ticks = "", 0, 0, 0
	m.stands(env.Data)
	m.cancel, m.derived = env.Cancel, env.Derived
	m.layer = &m.bottom
	m.layer.fresh(m.program, input)
	m.keepFor(input)
	clear(m.bctx.Cache)
	m.bctx.Context, m.bctx.Cancel, m.bctx.Runtime = ctx, env.Cancel, env.Runtime
	m.bctx.InterQueryBuiltinCache, m.bctx.InterQueryBuiltinValueCache = env.Caches, env.Values
	if m.program.dated {
		m.bctx.Time = ast.NumberTerm(now())
	}
}

// stands notes what stands in the store.
func (m *Machine) stands(data ast.Value) {
	switch {
	case data == nil:
		m.root = nil
	case m.root == nil || m.root.Value != data:
		m.root = ast.NewTerm(data)
	}
}

func now() json.Number { return json.Number(strconv.FormatInt(time.Now().UnixNano(), 10)) }
