package regotest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// run is one run of Rego unit tests.
type run struct {
	ctx      context.Context
	params   Params
	emit     func([]Case) error
	modules  []rego.Module
	unit     *rego.Unit
	compiler *ast.Compiler
	store    storage.Store
	txn      storage.Transaction
	cover    *cover.Cover
}

func (r *run) rego(result *Result) error {
	modules, data, problems := policyset.Testable(r.params.Params)
	unit, more := rego.NewUnit(modules, r.params.AllowNet)
	result.Problems = append(problems, more...)
	if model.HasErrors(result.Problems) {
		return nil
	}
	r.modules, r.unit, r.compiler = modules, unit, unit.Compiler()
	packages := r.packages()
	if len(packages) == 0 {
		return nil
	}
	r.store = inmem.NewFromObject(data)
	txn, err := r.store.NewTransaction(r.ctx)
	if err != nil {
		return err
	}
	defer r.store.Abort(r.ctx, txn)
	r.txn = txn
	results, err := r.runner(packages).RunTests(r.ctx, txn)
	if err != nil {
		var errs ast.Errors
		if !errors.As(err, &errs) {
			return err
		}
		result.Problems = append(result.Problems, unit.Problems(errs)...)
		return nil
	}
	if err := r.drain(results); err != nil {
		return err
	}
	if r.cover != nil {
		result.Coverage = r.coverage()
	}
	return nil
}

func (r *run) runner(packages []ast.Ref) *tester.Runner {
	runner := tester.NewRunner().SetCompiler(r.compiler).SetStore(r.store).SetModules(r.unit.Modules).
		SetParallel(r.params.Jobs).SetTimeout(r.params.timeout()).SetPrefixMatchers(packages...).Filter(r.params.Run)
	if r.params.Coverage {
		r.cover = cover.New()
		runner.SetCoverageQueryTracer(r.cover).SetCoverageRuns(nil)
	}
	return runner
}

// drain tells of each result. The runner blocks until it is read to the end.
func (r *run) drain(results <-chan *tester.Result) error {
	var failed error
	for result := range r.guarded(results) {
		if failed != nil || result.Location == nil || !r.wanted(result.Location.File) {
			continue
		}
		failed = r.emit(r.cases(result))
	}
	if failed == nil {
		failed = r.ctx.Err()
	}
	return failed
}

// packages are those whose tests are wanted.
func (r *run) packages() []ast.Ref {
	var out []ast.Ref
	for _, module := range r.unit.Modules {
		path := module.Package.Path
		if r.wanted(module.Package.Location.File) && r.ofPolicy(module) && !slices.ContainsFunc(out, func(p ast.Ref) bool { return p.Equal(path) }) {
			out = append(out, path)
		}
	}
	return out
}

// ofPolicy says whether a module holds tests of the policies that were named: those of their packages, and
// of packages that are called like one with `_test`.
func (r *run) ofPolicy(module *ast.Module) bool {
	if len(r.params.Packages) == 0 {
		return true
	}
	name := strings.TrimPrefix(module.Package.Path.String(), "data.")
	return slices.Contains(r.params.Packages, strings.TrimSuffix(name, "_test"))
}

// wanted says whether the tests of a file are to be run.
func (r *run) wanted(file string) bool {
	if len(r.params.Below) > 0 {
		return slices.ContainsFunc(r.params.Below, func(path string) bool { return below(file, path) })
	}
	if r.params.LibTests {
		return true
	}
	return !slices.ContainsFunc(r.params.Libraries, func(path string) bool { return below(file, path) })
}

func below(file, path string) bool {
	relative, err := filepath.Rel(path, file)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// cases are those of one test rule: one for each row of a table-driven test.
func (r *run) cases(result *tester.Result) []Case {
	base := Case{
		Kind: "rego", Suite: strings.TrimPrefix(result.Package, "data."), Name: result.Name, Outcome: Pass,
		File: result.Location.File, Line: result.Location.Row, Milliseconds: float64(result.Duration.Microseconds()) / 1000,
		Printed: lines(string(result.Output)),
	}
	switch {
	case result.Skip:
		base.Outcome = Skip
	case result.Error != nil:
		base.Outcome, base.Message = Error, r.message(result.Error)
	case len(result.SubResults) > 0:
		return r.rows(base, result)
	case result.Fail:
		why := r.watch(result)
		return []Case{base.failed(why, "")}
	}
	return []Case{base}
}

func (r *run) rows(base Case, result *tester.Result) []Case {
	var why watched
	if result.Fail {
		why = r.watch(result)
	}
	var cases []Case
	for path, row := range result.SubResults.Iter {
		if len(row.SubResults) > 0 {
			continue
		}
		name := strings.Join(path, "/")
		one := base
		one.Name = base.Name + "/" + name
		if row.Fail {
			one = one.failed(why, name)
		}
		if len(cases) > 0 {
			one.Milliseconds, one.Printed = 0, nil // they are those of the whole table
		}
		cases = append(cases, one)
	}
	return cases
}

// watched is what a failed test did when it was run once more.
type watched struct {
	failures map[string]*trace.Node // by row; "" where there are none
	errors   []topdown.Error        // of builtins: they left an expression undefined
}

// failed completes a case that failed.
func (c Case) failed(why watched, row string) Case {
	c.Outcome, c.Failure, c.Message = Fail, why.failures[row], summary(why.failures[row])
	if len(why.errors) > 0 {
		c.Message += "; " + model.OneLine(why.errors[0].Message)
	}
	return c
}

// watch runs a test once more and sees where it fails.
func (r *run) watch(result *tester.Result) (why watched) {
	body, err := ast.ParseBody(result.Package + "." + result.Name)
	if err != nil {
		return why
	}
	if body, err = r.compiler.QueryCompiler().Compile(body); err != nil {
		return why
	}
	cancel := topdown.NewCancel()
	defer deadline.Watch("test "+result.Package+"."+result.Name, r.params.timeout(), cancel)()
	defer context.AfterFunc(r.ctx, cancel.Cancel)()
	tracer := trace.New(r.compiler, r.document, trace.DefaultLimits)
	query := topdown.NewQuery(body).WithCompiler(r.compiler).WithStore(r.store).WithTransaction(r.txn).WithCancel(cancel).
		WithBuiltinErrorList(&why.errors)
	// What it comes to is known, and that it may end early, too.
	_, _ = tracer.Watch(query).Run(r.ctx)
	why.failures = tracer.Failures()
	return why
}

func (r *run) document(ref ast.Ref) ast.Value { return rego.DocumentIn(r.ctx, r.store, r.txn, ref) }

// summary says in one line where and why a test failed.
func summary(failure *trace.Node) string {
	switch {
	case failure == nil:
		return "the test is undefined or false"
	case failure.Reason != "":
		return fmt.Sprintf("`%s` fails: %s", failure.Text, failure.Reason)
	}
	return fmt.Sprintf("`%s` fails", failure.Text)
}

func (r *run) message(err error) string {
	if topdown.IsCancel(err) {
		return fmt.Sprintf("the test took longer than %s and was stopped", r.params.timeout())
	}
	var failed *topdown.Error
	if errors.As(err, &failed) && builtins.Hint(failed.Code) != "" { // no verdict of the test
		return model.OneLine(failed.Message) + "; mock the function: `with http.send as …`"
	}
	return model.OneLine(err.Error())
}

func lines(text string) []string {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
