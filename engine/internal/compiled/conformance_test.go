package compiled

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/types"
)

// subject is a query that both evaluators are asked.
type subject struct {
	compiler *ast.Compiler
	body     ast.Body
	qc       ast.QueryCompiler
	store    storage.Store
}

// answer is what an evaluator says: solutions in order, or an error.
type answer struct {
	rows   []string
	errors []string
}

// ask evaluates with OPA. Errors of builtins are collected, as verdicts have them.
func (s *subject) ask(t testing.TB, input *ast.Term) answer {
	t.Helper()
	ctx := t.Context()
	txn := storage.NewTransactionOrDie(ctx, s.store)
	defer s.store.Abort(ctx, txn)
	var list []topdown.Error
	var out answer
	q := topdown.NewQuery(s.body).WithCompiler(s.compiler).WithQueryCompiler(s.qc).WithStore(s.store).WithTransaction(txn).
		WithInput(input).WithBuiltinErrorList(&list)
	err := q.Iter(ctx, func(r topdown.QueryResult) error {
		maps.DeleteFunc(r, func(v ast.Var, _ *ast.Term) bool { return strings.Contains(string(v), "_term_") }) // OPA's own
		out.rows = append(out.rows, rowOf(r))
		return nil
	})
	for i := range list {
		out.errors = append(out.errors, list[i].Error())
	}
	if err != nil {
		out.errors = append(out.errors, err.Error())
	}
	return out
}

func rowOf(values map[ast.Var]*ast.Term) string {
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s=%s", v, values[v]))
	}
	return strings.Join(parts, ", ")
}

// data is what stands in the store.
func (s *subject) data(t testing.TB) ast.Value {
	t.Helper()
	ctx := t.Context()
	txn := storage.NewTransactionOrDie(ctx, s.store)
	defer s.store.Abort(ctx, txn)
	found, err := s.store.Read(ctx, txn, storage.Path{})
	if err != nil {
		t.Fatal(err)
	}
	return ast.MustInterfaceToValue(found)
}

// run evaluates with the compiled evaluator.
func (s *subject) run(m *Machine, q *Query, data ast.Value, input *ast.Term) ([]string, bool) {
	rows, answered := m.Run(context.Background(), q, input, Environment{Data: data})
	var out []string
	for _, row := range rows {
		values := map[ast.Var]*ast.Term{}
		for i, v := range q.Vars {
			values[v] = row[i]
		}
		out = append(out, rowOf(values))
	}
	return out, answered
}

// module is the folder of a module that the engine is built with.
func module(t testing.TB, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", name).Output()
	if err != nil {
		t.Skipf("SKIPPED: the sources of %s are not here: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// tally counts what became of cases.
type tally struct {
	cases, compiled, answered, errors, different int
	reasons                                      map[string]int
}

func (c *tally) refused(reason string) {
	if c.reasons == nil {
		c.reasons = map[string]int{}
	}
	c.reasons[reason]++
}

// compare asks both evaluators, and says where they differ.
func (c *tally) compare(t *testing.T, s *subject, input *ast.Term) {
	c.cases++
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		c.refused(err.Error())
		return
	}
	c.compiled++
	c.judge(t, s, NewMachine(p), q, s.data(t), input)
}

func (c *tally) judge(t *testing.T, s *subject, m *Machine, q *Query, data ast.Value, input *ast.Term) {
	got, answered := s.run(m, q, data, input)
	want := s.ask(t, input)
	switch {
	case !answered && len(want.errors) > 0:
		c.errors++
	case !answered:
		c.refused("needlessly: " + m.Why())
	default:
		c.answered++
	}
	if answered && (len(want.errors) > 0 || !slices.Equal(want.rows, got)) {
		c.different++
		t.Errorf("OPA says %q, errors %q\nwe say   %q", want.rows, want.errors, got)
	}
}

// sleep is a builtin that the suite brings with it.
func sleep(_ topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
	d, err := time.ParseDuration(string(args[0].Value.(ast.String)))
	if err != nil {
		return err
	}
	time.Sleep(d)
	return iter(ast.NullTerm())
}

func init() {
	ast.RegisterBuiltin(&ast.Builtin{Name: "test.sleep", Decl: types.NewFunction(types.Args(types.S), types.Nl)})
	topdown.RegisterBuiltinFunc("test.sleep", sleep)
}

// OPA's own conformance suite, in both versions of the language. What is compiled answers as OPA's evaluator does;
// where that has an error, the compiled one has no answer.
func TestConformanceSuiteOfOPA(t *testing.T) {
	root := filepath.Join(module(t, "github.com/open-policy-agent/opa"), "v1", "test", "cases", "testdata")
	var c tally
	for folder, version := range map[string]ast.RegoVersion{"v0": ast.RegoV0, "v1": ast.RegoV1} {
		for _, tc := range cases.MustLoad(filepath.Join(root, folder)).Sorted().Cases {
			t.Run(folder+"/"+tc.Note, func(t *testing.T) {
				for k, v := range tc.Env {
					t.Setenv(k, v)
				}
				s, input := caseOf(t, tc, version)
				c.compare(t, s, input)
			})
		}
	}
	t.Logf("%d cases: %d compiled (%.1f %%), %d of those answered without OPA, %d end in errors, %d different", c.cases, c.compiled,
		100*float64(c.compiled)/float64(c.cases), c.answered, c.errors, c.different)
	for _, reason := range slices.Sorted(maps.Keys(c.reasons)) {
		t.Logf("%5d %s", c.reasons[reason], reason)
	}
	if c.compiled*100 < c.cases*98 {
		t.Error("less than 98 % of the cases are compiled")
	}
}

func caseOf(t *testing.T, tc cases.TestCase, version ast.RegoVersion) (*subject, *ast.Term) {
	t.Helper()
	options := ast.ParserOptions{RegoVersion: version}
	if tc.ExperimentalKeywords {
		options.Capabilities = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true))
	}
	modules := map[string]string{}
	for i, text := range tc.Modules {
		modules[fmt.Sprintf("test-%d.rego", i)] = text
	}
	s := &subject{store: inmem.New()}
	var err error
	if s.compiler, err = ast.CompileModulesWithOpt(modules, ast.CompileOpts{ParserOptions: options}); err != nil {
		t.Fatal(err)
	}
	s.qc = s.compiler.QueryCompiler()
	if s.body, err = s.qc.Compile(ast.MustParseBody(tc.Query)); err != nil {
		t.Fatal(err)
	}
	if tc.Data != nil {
		s.store = inmem.NewFromObject(*tc.Data)
	}
	return s, inputOf(t, tc)
}

func inputOf(t *testing.T, tc cases.TestCase) *ast.Term {
	t.Helper()
	switch {
	case tc.InputTerm != nil:
		return ast.MustParseTerm(*tc.InputTerm)
	case tc.Input != nil:
		return ast.NewTerm(ast.MustInterfaceToValue(*tc.Input))
	}
	return nil
}
