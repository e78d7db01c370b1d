package profile

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// slowest is how many evaluations are listed.
const slowest = 20

// key is one policy asked about one resource; index is the place of the resource in the run.
type key struct {
	policy string
	index  int
}

type timing struct {
	engine      string
	document    *load.Document
	best        int64 // over rounds
	now         int64 // in this round
	evaluations int   // in the first round
}

// stopwatch times evaluations: it watches and does nothing else.
type stopwatch struct {
	times    map[key]*timing
	rounds   []map[string]int64
	open     map[key]*timing // of the resource under evaluation
	index    int
	document *load.Document
	began    time.Time
}

// round begins a further round.
func (s *stopwatch) round() {
	s.rounds = append(s.rounds, map[string]int64{})
	s.index = 0
}

// Document implements check.Watcher.
func (s *stopwatch) Document(document *load.Document) {
	s.index++
	s.document, s.open = document, map[key]*timing{}
}

// Begin implements rego.Observer.
func (s *stopwatch) Begin(_ rego.Evaluation, query *topdown.Query) *topdown.Query {
	s.began = time.Now()
	return query
}

// End implements rego.Observer.
func (s *stopwatch) End(which rego.Evaluation, _ []rego.Violation, _ []model.Problem) {
	s.took(which.Policy.Name, "opa", time.Since(s.began))
}

// Constraint implements check.Watcher.
func (s *stopwatch) Constraint(policy string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	began := time.Now()
	return query, func() { s.took(policy, "gatekeeper", time.Since(began)) }
}

func (s *stopwatch) took(policy, engine string, took time.Duration) {
	at := key{policy, s.index}
	if s.times[at] == nil {
		s.times[at] = &timing{engine: engine, document: s.document}
	}
	s.open[at] = s.times[at]
	s.times[at].now += took.Nanoseconds()
	if len(s.rounds) == 1 {
		s.times[at].evaluations++
	}
	s.rounds[len(s.rounds)-1][policy] += took.Nanoseconds()
}

// Judged implements check.Watcher.
func (s *stopwatch) Judged(check.Judged) {
	for _, one := range s.open {
		if len(s.rounds) == 1 || one.now < one.best {
			one.best = one.now
		}
		one.now = 0
	}
}

func (s *stopwatch) report(memory *memory) ([]Policy, []Slow) {
	byPolicy := map[string]*Policy{}
	perResource := map[string][]int64{}
	var slow []Slow
	for at, one := range s.times {
		p := byPolicy[at.policy]
		if p == nil {
			p = &Policy{Policy: at.policy, Engine: one.engine}
			byPolicy[at.policy] = p
		}
		p.Evaluations += one.evaluations
		p.Time += one.best
		perResource[at.policy] = append(perResource[at.policy], one.best)
		slow = append(slow, Slow{Policy: at.policy, Resource: named(one.document.Resource), File: one.document.File, Line: one.document.Line, Time: one.best})
	}
	policies := make([]Policy, 0, len(byPolicy))
	for name, p := range byPolicy {
		p.PerResource = percentiles(perResource[name])
		for _, round := range s.rounds {
			p.Rounds = append(p.Rounds, round[name])
		}
		if used := memory.byPolicy[name]; used != nil {
			p.Bytes, p.Objects = used.bytes, used.objects
		}
		policies = append(policies, *p)
	}
	slices.SortFunc(policies, func(a, b Policy) int { return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Policy, b.Policy)) })
	slices.SortFunc(slow, func(a, b Slow) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(rego.Name(a.Resource), rego.Name(b.Resource)))
	})
	return policies, slow[:min(len(slow), slowest)]
}

// named is what a report says of a resource; labels and the like are nobody's business there.
func named(r model.Resource) model.Resource {
	return model.Resource{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}

// percentiles are by nearest rank.
func percentiles(times []int64) Percentiles {
	slices.Sort(times)
	at := func(percent int) int64 { return times[(len(times)*percent+99)/100-1] }
	return Percentiles{P50: at(50), P90: at(90), P95: at(95), P99: at(99), Max: at(100)}
}

type allocated struct{ bytes, objects int64 }

// memory counts what evaluations allocate. Reading the count stops the world, so it has a round of its own.
type memory struct {
	byPolicy map[string]*allocated
	before   runtime.MemStats
}

// Document implements check.Watcher.
func (m *memory) Document(*load.Document) {}

// Judged implements check.Watcher.
func (m *memory) Judged(check.Judged) {}

// Begin implements rego.Observer.
func (m *memory) Begin(_ rego.Evaluation, query *topdown.Query) *topdown.Query {
	runtime.ReadMemStats(&m.before)
	return query
}

// End implements rego.Observer.
func (m *memory) End(which rego.Evaluation, _ []rego.Violation, _ []model.Problem) {
	m.used(which.Policy.Name)
}

// Constraint implements check.Watcher.
func (m *memory) Constraint(policy string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	runtime.ReadMemStats(&m.before)
	return query, func() { m.used(policy) }
}

func (m *memory) used(policy string) {
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if m.byPolicy[policy] == nil {
		m.byPolicy[policy] = &allocated{}
	}
	m.byPolicy[policy].bytes += int64(after.TotalAlloc - m.before.TotalAlloc)
	m.byPolicy[policy].objects += int64(after.Mallocs - m.before.Mallocs)
}
