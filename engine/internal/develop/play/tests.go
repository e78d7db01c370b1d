package play

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Outcomes of a Test.
const (
	Passed  = "passed"
	Failed  = "failed"
	Errored = "error"
	Skipped = "skipped"
)

// TestParams are those of the method `playground/test`: the set holds the policy and its tests, which
// are those of the file `tests`.
type TestParams struct {
	Set     string     `json:"set"`
	Policy  check.Text `json:"policy"`
	Tests   string     `json:"tests"`
	Timeout int64      `json:"timeout"`
}

// TestResult lists every test, in the order of the file.
type TestResult struct {
	Tests    []Test   `json:"tests,omitempty"`
	Coverage Coverage `json:"coverage"`
}

// Test is what became of one test. Rules say why it failed.
type Test struct {
	Name        string          `json:"name"`
	Line        int             `json:"line"`
	Outcome     string          `json:"outcome"`
	Message     string          `json:"message,omitempty"`
	Nanoseconds int64           `json:"nanoseconds"`
	Rules       []*trace.Node   `json:"rules,omitempty"`
	Printed     []trace.Printed `json:"printed,omitempty"`
}

// RunTests evaluates the rules of a file whose names begin with `test_`.
func RunTests(ctx context.Context, set *rego.Set, params TestParams) (TestResult, error) {
	timeout := time.Duration(params.Timeout) * time.Millisecond
	if timeout <= 0 {
		timeout = policyset.DefaultTimeout
	}
	t := tester{set: set, timeout: timeout, cover: cover.New()}
	var result TestResult
	for _, rule := range testRules(set.Compiler, params.Tests) {
		result.Tests = append(result.Tests, t.run(ctx, rule))
		if err := ctx.Err(); err != nil {
			return result, err
		}
	}
	result.Coverage = coverage(t.cover, params.Policy)
	return result, nil
}

const (
	prefix = "test_"
	skip   = "todo_" + prefix
)

// testRules finds the tests of a file, each name once.
func testRules(compiler *ast.Compiler, file string) []*ast.Rule {
	var out []*ast.Rule
	seen := map[string]bool{}
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			name := ruleName(rule)
			isTest := strings.HasPrefix(name, prefix) || strings.HasPrefix(name, skip)
			if rule.Location == nil || rule.Location.File != file || !isTest || seen[name] {
				continue
			}
			seen[name] = true
			out = append(out, rule)
		}
	}
	slices.SortStableFunc(out, func(a, b *ast.Rule) int { return a.Location.Row - b.Location.Row })
	return out
}

func ruleName(rule *ast.Rule) string { return rule.Head.Ref()[0].Value.String() }

func ruleRef(rule *ast.Rule) ast.Ref {
	name, _ := strings.CutPrefix(ruleName(rule), `"`)
	return rule.Module.Package.Path.Append(ast.StringTerm(strings.TrimSuffix(name, `"`)))
}

type tester struct {
	set     *rego.Set
	timeout time.Duration
	cover   *cover.Cover
}

func (t tester) run(ctx context.Context, rule *ast.Rule) Test {
	test := Test{Name: ruleName(rule), Line: rule.Location.Row}
	if strings.HasPrefix(test.Name, skip) {
		test.Outcome = Skipped
		return test
	}
	ctx, stop := context.WithTimeout(ctx, t.timeout)
	defer stop()
	began := time.Now()
	var busy trace.Busy
	watch := func(q *topdown.Query) *topdown.Query { return q.WithQueryTracer(t.cover).WithQueryTracer(&busy) }
	value, err := evaluate(ctx, t.set, ruleRef(rule), nil, watch)
	test.Nanoseconds = time.Since(began).Nanoseconds()
	test.Outcome, test.Message = verdict(value)
	if err != nil {
		test.Outcome, test.Message = Errored, t.words(err, &busy)
	}
	if test.Outcome == Failed {
		t.explain(ctx, rule, &test)
	}
	return test
}

func (t tester) words(err error, busy *trace.Busy) string {
	var evaluation *topdown.Error
	if !errors.As(err, &evaluation) || evaluation.Code != topdown.CancelErr {
		return err.Error()
	}
	message := fmt.Sprintf("took longer than %s and was stopped", t.timeout)
	if busy.At != nil {
		message += fmt.Sprintf(" in rule `%s` (%s line %d)", busy.Rule, busy.At.File, busy.At.Row)
	}
	return message
}

// verdict of a rule: true passes; a table of cases passes where each of them is true.
func verdict(value ast.Value) (outcome, message string) {
	switch value := value.(type) {
	case nil:
		return Failed, ""
	case ast.Boolean:
		if bool(value) {
			return Passed, ""
		}
		return Failed, ""
	case ast.Object:
		var failed []string
		value.Foreach(func(key, held *ast.Term) {
			if outcome, _ := verdict(held.Value); outcome != Passed {
				failed = append(failed, key.String())
			}
		})
		if len(failed) > 0 || value.Len() == 0 {
			return Failed, "failed cases: " + strings.Join(failed, ", ")
		}
		return Passed, ""
	}
	return Failed, "a test must be true or false, and this one is " + ast.ValueName(value)
}

// explain evaluates a failed test once more, to see why.
func (t tester) explain(ctx context.Context, rule *ast.Rule, test *Test) {
	tracer := trace.New(t.set.Compiler, func(ref ast.Ref) ast.Value { return t.set.Document(ctx, ref) }, trace.DefaultLimits)
	// Whatever stops it, the steps up to there are worth showing.
	_, _ = evaluate(ctx, t.set, ruleRef(rule), nil, tracer.Watch)
	test.Rules, test.Printed = trace.View{}.Prune(tracer.Root.Children), tracer.Printed
}
