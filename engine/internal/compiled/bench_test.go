//go:build unix

package compiled

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/trial"
	"attest.continuu.ms/engine/internal/virtual"
)

// BenchmarkEvaluators asks policies about Pods of many shapes, with OPA's evaluator (and what is kept between
// resources) and with the compiled one. One operation is one Pod.
func BenchmarkEvaluators(b *testing.B) {
	for _, f := range fixtures(b) {
		s := f.subject(b)
		var inputs []*ast.Term
		for _, pod := range pods(1, 500) {
			inputs = append(inputs, f.input(pod))
		}
		b.Run(f.name+"/opa", func(b *testing.B) { benchOPA(b, s, inputs) })
		b.Run(f.name+"/compiled", func(b *testing.B) { benchCompiled(b, s, inputs) })
	}
}

func benchOPA(b *testing.B, s *subject, inputs []*ast.Term) {
	ctx := b.Context()
	txn := storage.NewTransactionOrDie(ctx, s.store)
	defer s.store.Abort(ctx, txn)
	kept := virtual.NewKept(parametersOnly(s.compiler))
	b.ReportAllocs()
	defer trial.Processor(b)()
	for i := 0; b.Loop(); i++ {
		var list []topdown.Error
		q := topdown.NewQuery(s.body).WithCompiler(s.compiler).WithQueryCompiler(s.qc).WithStore(s.store).WithTransaction(txn).
			WithInput(inputs[i%len(inputs)]).WithBuiltinErrorList(&list).WithVirtualCache(kept.Cache()).WithCancel(topdown.NewCancel())
		if err := q.Iter(ctx, func(topdown.QueryResult) error { return nil }); err != nil {
			b.Fatal(err)
		}
		if len(list) > 0 {
			kept = virtual.NewKept(parametersOnly(s.compiler))
		}
	}
}

// parametersOnly are the rules that see nothing of the input but its parameters.
func parametersOnly(compiler *ast.Compiler) *virtual.Rules {
	return virtual.Choose(compiler, func(rule *ast.Rule) bool {
		return !virtual.MentionsOthers(rule, ast.InputRootDocument, "parameters") &&
			!virtual.Mentions(rule, ast.DefaultRootDocument, "inventory")
	})
}

func benchCompiled(b *testing.B, s *subject, inputs []*ast.Term) {
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		b.Fatal(err)
	}
	m, cancel := NewMachine(p), topdown.NewCancel()
	unanswered := 0
	b.ReportAllocs()
	defer trial.Processor(b)()
	n := 0
	for i := 0; b.Loop(); i++ {
		if _, answered := m.Run(b.Context(), q, inputs[i%len(inputs)], Environment{Cancel: cancel}); !answered {
			unanswered++
		}
		n++
	}
	b.ReportMetric(float64(unanswered)/float64(n), "unanswered/op")
}
