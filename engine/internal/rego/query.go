package rego

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/model"
)

// Query is what a client of OPA's Data API asks: rules of one package.
type Query struct {
	Package string   // dotted
	Path    []string // a rule, and keys of its value; empty for all rules
	Input   *ast.Term
	Timeout time.Duration
}

// Query evaluates rules of a package. Documents below `data`, of the package or not, are no rules and are not answered;
// neither are packages below it. The result is nil where it is undefined, and where a problem is an error.
func (s *Set) Query(ctx context.Context, q Query) (*ast.Term, []model.Problem, error) {
	names, path := s.rulesOf(q.Package)
	if path == nil {
		return nil, nil, fmt.Errorf("there is no package `%s`", q.Package)
	}
	if len(q.Path) > 0 {
		if !slices.Contains(names, q.Path[0]) {
			return nil, nil, nil
		}
		value, problems := s.valueOf(ctx, path.Append(ast.StringTerm(q.Path[0])), q)
		return below(value, q.Path[1:]), problems, nil
	}
	all, problems := ast.NewObject(), []model.Problem(nil)
	for _, name := range names {
		value, more := s.valueOf(ctx, path.Append(ast.StringTerm(name)), q)
		if value != nil {
			all.Insert(ast.StringTerm(name), value)
		}
		problems = append(problems, more...)
	}
	return ast.NewTerm(all), problems, nil
}

// rulesOf are the names of the rules of a package that are no functions, sorted, and where it is; nil for no package.
func (s *Set) rulesOf(name string) (names []string, path ast.Ref) {
	for _, module := range s.Compiler.Modules {
		if packageName(module.Package) != name {
			continue
		}
		path = module.Package.Path
		for _, rule := range module.Rules {
			if len(rule.Head.Args) > 0 {
				continue
			}
			if head := rule.Head.Ref(); len(head) > 0 {
				names = append(names, headName(head))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), path
}

func headName(head ast.Ref) string {
	if name, ok := head[0].Value.(ast.Var); ok {
		return string(name)
	}
	name, _ := head[0].Value.(ast.String)
	return string(name)
}

// valueOf evaluates one rule.
func (s *Set) valueOf(ctx context.Context, ref ast.Ref, asked Query) (*ast.Term, []model.Problem) {
	policy := &Policy{Policy: model.Policy{Name: asked.Package}}
	body, qc, out, err := s.asking(ref)
	if err != nil {
		return nil, []model.Problem{{Severity: model.Error, Code: "rego_compile_error", Message: model.OneLine(err.Error()), Policy: asked.Package}}
	}
	txn, err := s.Store.NewTransaction(ctx)
	if err != nil {
		return nil, []model.Problem{{Severity: model.Error, Code: topdown.InternalErr, Message: err.Error(), Policy: asked.Package}}
	}
	defer s.Store.Abort(context.WithoutCancel(ctx), txn)
	cancel := topdown.NewCancel()
	defer deadline.Watch("package "+asked.Package, asked.Timeout, cancel)()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	var result *ast.Term
	var failed []topdown.Error
	asking := s.NewQuery(body, txn).WithQueryCompiler(qc).WithInput(asked.Input).WithCancel(cancel).WithBuiltinErrorList(&failed)
	err = asking.Iter(ctx, func(r topdown.QueryResult) error {
		result = r[out]
		return nil
	})
	e := &Evaluator{set: s, timeout: asked.Timeout}
	problems := e.builtinProblems(policy, failed)
	if err != nil {
		return nil, append(problems, e.failure(ctx, policy, &query{ref: ref}, err))
	}
	return result, problems
}

// below follows keys into a value, as a path of the Data API does; nil where it ends early.
func below(value *ast.Term, path []string) *ast.Term {
	for _, key := range path {
		if value == nil {
			return nil
		}
		switch container := value.Value.(type) {
		case ast.Object:
			value = container.Get(ast.StringTerm(key))
		case *ast.Array:
			index, err := strconv.Atoi(key)
			if err != nil || index < 0 || index >= container.Len() {
				return nil
			}
			value = container.Elem(index)
		case ast.Set:
			if value = ast.StringTerm(key); !container.Contains(value) {
				return nil
			}
		default:
			return nil
		}
	}
	return value
}
