package compiled

import (
	"crypto/rand"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
)

// Machine runs the queries of a program, one at a time.
type Machine struct {
	program *Program
	layer   *layer
	root    *ast.Term // what stands in the store, nil where nothing does
	cancel  topdown.Cancel
	bctx    topdown.BuiltinContext
	stack   []*ast.Term
	top     int
	derived *[]Derivation // where derivations are told; nil where nobody asks
	deepest int           // the most that top was since the machine was clean
	items   []*ast.Term   // elements of the collections under construction
	ticks   uint
	limit   uint   // most steps of an evaluation, 0 for no limit
	why     string // why OPA has to answer, "" where it has not
	result  *ast.Term
	rows    int // solutions of the query
	keep    func(*ast.Term) error
	bottom  layer

	always, current *lasting
	byParameters    map[*ast.Term]*lasting
	kept            int // about how many bytes are kept
}

// layer is what an evaluation knows and has found out; each `with` lays a new one on top.
type layer struct {
	below   *layer
	input   *ast.Term
	data    *ast.Term // what `with` put in the place of documents of data
	targets []ast.Ref // where it put them
	mocks   []mock
	paths   []*ast.Term
	docs    []*ast.Term
	memos   []memo
	indices []*index
}

// stackSize is the number of slots that frames have in common; beyond it, each gets its own memory.
const stackSize = 1 << 14

// NewMachine makes a machine for the queries of a program.
func NewMachine(p *Program) *Machine {
	m := &Machine{program: p, stack: make([]*ast.Term, stackSize), always: &lasting{}, byParameters: map[*ast.Term]*lasting{}}
	m.bctx = topdown.BuiltinContext{
		Metrics: metrics.NoOp(), Seed: rand.Reader, Cache: builtins.Cache{}, Capabilities: p.compiler.Capabilities(),
	}
	m.keep = func(t *ast.Term) error {
		m.result = t
		return nil
	}
	return m
}

func (m *Machine) enter(slots int) frame {
	from := m.top
	m.top += slots
	if m.top > len(m.stack) {
		return make(frame, slots)
	}
	m.deepest = max(m.deepest, m.top)
	f := m.stack[from:m.top:m.top]
	f[0] = nil
	return f
}

func (m *Machine) leave(slots int) { m.top -= slots }

// fail makes the evaluation end without an answer.
func (m *Machine) fail(why string) {
	if m.why == "" {
		m.why = why
	}
}

// ticksPerLook is how many steps are made between two looks at whether the evaluation was cancelled.
const ticksPerLook = 1 << 8

// stopped says whether to give up; loops ask at every turn.
func (m *Machine) stopped() bool {
	if m.why != "" {
		return true
	}
	m.ticks++
	if m.ticks%ticksPerLook == 0 {
		m.look()
	}
	return m.why != ""
}

func (m *Machine) look() {
	if m.cancel != nil && m.cancel.Cancelled() {
		m.fail("cancelled")
	}
	if m.limit > 0 && m.ticks > m.limit {
		m.fail("too many steps")
	}
}

// fresh empties a layer for the evaluation of an input.
func (l *layer) fresh(p *Program, input *ast.Term) {
	l.input = input
	l.paths = cleared(l.paths, len(p.paths.steps))
	l.docs = cleared(l.docs, p.docs)
	l.indices = cleared(l.indices, p.indices)
	if len(l.memos) < p.docs {
		l.memos = make([]memo, p.docs)
	}
	for i := range l.memos {
		l.memos[i].forget()
	}
}

// clean forgets what the last evaluation saw, so that a machine that waits holds nothing of a resource or a request in
// memory. What stays is true of any other: see lasting.
func (m *Machine) clean() {
	m.layer, m.current, m.root, m.result, m.cancel, m.derived = &m.bottom, nil, nil, nil, nil, nil
	m.bottom.clean()
	clear(m.stack[:min(m.deepest, len(m.stack))])
	m.deepest = 0
	if cap(m.items) > mostIdle {
		m.items = nil
	}
	clear(m.bctx.Cache)
	m.bctx.Context, m.bctx.Cancel, m.bctx.Runtime, m.bctx.Location = nil, nil, nil, nil
	m.bctx.InterQueryBuiltinCache, m.bctx.InterQueryBuiltinValueCache = nil, nil
}

// mostIdle is how many places of a list a machine that waits may hold.
const mostIdle = 1 << 14

func (l *layer) clean() {
	l.input = nil
	clear(l.paths)
	clear(l.docs)
	clear(l.indices)
	for i := range l.memos {
		l.memos[i].forget()
	}
}

func cleared[T any](s []T, n int) []T {
	if len(s) < n {
		return make([]T, n)
	}
	clear(s)
	return s
}
