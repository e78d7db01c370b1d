package rego

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/locate"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// Input is what a policy sees of one resource, in OPA terms (design.md §4).
type Input struct {
	Resource  *ast.Term
	Identity  model.Resource
	Namespace *ast.Term // the Namespace object, nil where unknown
	Operation string
	User      *ast.Term // nil where unknown
	Schema    *ast.Term // what of the resource does not fit its type, for policies that ask; nil where none does
	// Request is the AdmissionRequest that the resource came with, without its objects; OldObject what it was before. Both
	// are nil where there is none.
	Request, OldObject *ast.Term
}

// Violation is an entry of a policy's set, with what the entry says of itself.
type Violation struct {
	Policy   *Policy
	Rule     string
	Ref      ast.Ref
	Entry    *ast.Term
	Input    *ast.Term
	Message  string
	Severity string
	Fix      string
	Details  map[string]any
	plans    *locate.Plans
	derived  []compiled.Derivation // of all entries of the rule, where the compiled evaluator made them
}

// Evaluator evaluates the policies of a set, one resource at a time. It belongs to one goroutine.
type Evaluator struct {
	*asked
	set     *Set
	txn     storage.Transaction
	timeout time.Duration
	watcher Observer
	// shared holds what is the same for every policy of the resource at hand, in the form of the input at hand.
	shared *virtual.Kept
}

type choice struct {
	policy     *Policy
	parameters *ast.Term
	level      string
	severity   string
}

// NewEvaluator prepares the evaluation of the selected policies; timeout is that of one evaluation.
func (s *Set) NewEvaluator(ctx context.Context, selections Selections, timeout time.Duration) (*Evaluator, error) {
	asked, err := s.prepared.of(s.Policies, selections)
	if err != nil {
		return nil, err
	}
	txn, err := s.Store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	return &Evaluator{asked: asked, set: s, txn: txn, timeout: timeout}, nil
}

// defaultSeverity is that of a finding when neither its entry, its policy nor the configuration says.
const defaultSeverity = "medium"

// Close ends the evaluator's read of the store.
func (e *Evaluator) Close(ctx context.Context) { e.set.Store.Abort(ctx, e.txn) }

// Policies lists the names of the policies that look at a resource; nobody may change the list.
func (e *Evaluator) Policies(id model.Resource) []string {
	if Namespaced(id) {
		return e.names
	}
	return e.namesForClusters
}

// looks says whether the policy is asked about a resource.
func (c *choice) looks(id model.Resource) bool { return c.level != "Namespace" || Namespaced(id) }

// Evaluate asks every selected policy about one resource. What could not be evaluated is a problem,
// never an absent violation.
func (e *Evaluator) Evaluate(ctx context.Context, in Input) ([]Violation, []model.Problem) {
	var violations []Violation
	var problems []model.Problem
	inputs, form := documents{in: in}, Form("")
	for _, c := range e.choices {
		if !c.looks(in.Identity) {
			continue
		}
		if c.policy.Form != form { // what rules came to with an input of one form says nothing of another's
			e.shared, form = virtual.NewKept(e.set.same), c.policy.Form
		}
		found, errs := e.askAll(ctx, c, inputs.of(c))
		violations = append(violations, found...)
		problems = append(problems, located(errs, in.Identity)...)
	}
	return violations, problems
}

// askAll evaluates the rules of one policy.
func (e *Evaluator) askAll(ctx context.Context, c choice, input *ast.Term) ([]Violation, []model.Problem) {
	var violations []Violation
	var problems []model.Problem
	for i := range c.policy.queries {
		found, errs := e.ask(ctx, c, &c.policy.queries[i], input)
		violations = append(violations, found...)
		problems = append(problems, errs...)
	}
	return violations, problems
}

func located(problems []model.Problem, id model.Resource) []model.Problem {
	for i := range problems {
		problems[i].Resource = Name(id)
	}
	return problems
}

// ask evaluates one rule of one policy: compiled where that has an answer, else with OPA.
func (e *Evaluator) ask(ctx context.Context, c choice, q *query, input *ast.Term) ([]Violation, []model.Problem) {
	cancel := topdown.NewCancel()
	defer deadline.Watch("policy "+c.policy.Name, e.timeout, cancel)()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()
	if e.watcher != nil { // who watches an evaluation watches OPA's
		_, violations, problems := e.askOPA(ctx, c, q, input, cancel)
		return violations, problems
	}
	var derived []compiled.Derivation
	env := e.set.environment(cancel)
	env.Derived = &derived
	values, answered := e.set.runner.Run(ctx, q.asked, input, env)
	if answered && e.set.runner.Mode == compiled.Compiled {
		violations, problems := read(c, q, one(values), input)
		for i := range violations {
			violations[i].derived = derived
		}
		return violations, problems
	}
	result, violations, problems := e.askOPA(ctx, c, q, input, cancel)
	if answered {
		problems = append(problems, e.difference(c.policy, result, one(values), input)...)
	}
	return violations, problems
}

func one(values []*ast.Term) *ast.Term {
	if len(values) == 0 {
		return nil
	}
	return values[0]
}

func (s *Set) environment(cancel topdown.Cancel) compiled.Environment {
	return compiled.Environment{Data: s.stored, Cancel: cancel, Caches: s.caches, Values: s.values}
}

// difference is a problem where the two evaluators disagree. OPA's answer counts.
func (e *Evaluator) difference(policy *Policy, opa, ours, input *ast.Term) []model.Problem {
	said := compiled.Difference(opa, ours, input)
	if said == "" {
		return nil
	}
	return []model.Problem{{
		Severity: model.Warning, Code: compiled.DifferenceCode, Policy: policy.Name, File: policy.File, Line: policy.Line,
		Message: said, Hint: compiled.DifferenceHint,
	}}
}

// askOPA evaluates one rule of one policy with OPA's evaluator; the result is nil where it is undefined.
func (e *Evaluator) askOPA(
	ctx context.Context, c choice, q *query, input *ast.Term, cancel topdown.Cancel,
) (*ast.Term, []Violation, []model.Problem) {
	var result *ast.Term
	var builtinErrors []topdown.Error
	query := e.set.NewQuery(q.body, e.txn).WithQueryCompiler(q.qc).WithInput(input).WithCancel(cancel).
		WithBuiltinErrorList(&builtinErrors)
	if e.watcher == nil {
		query = query.WithVirtualCache(e.shared.Cache())
	}
	query, end := e.observed(Evaluation{Policy: c.policy, Rule: q.rule, Ref: q.ref, Input: input}, query)
	err := query.Iter(ctx, func(r topdown.QueryResult) error {
		result = r[q.out]
		return nil
	})
	problems := e.builtinProblems(c.policy, builtinErrors)
	if err != nil || len(builtinErrors) > 0 {
		e.shared = virtual.NewKept(e.set.same)
	}
	if err != nil {
		problems = append(problems, e.failure(ctx, c.policy, q, err))
		end(nil, problems)
		return nil, nil, problems
	}
	violations, malformed := read(c, q, result, input)
	problems = append(problems, malformed...)
	end(violations, problems)
	return result, violations, problems
}

// builtinProblems are errors of builtins that left an expression undefined: shown, never swallowed
// (design.md §2).
func (e *Evaluator) builtinProblems(policy *Policy, errs []topdown.Error) []model.Problem {
	var problems []model.Problem
	for i := range errs {
		p := problemOf(policy, &errs[i])
		builtins.Word(&p, builtins.RuleAt(e.set.Compiler, errs[i].Location), e.set.options.StrictErrors)
		problems = append(problems, p)
	}
	return problems
}

func (e *Evaluator) failure(ctx context.Context, policy *Policy, q *query, err error) model.Problem {
	if topdown.IsCancel(err) && ctx.Err() == nil {
		return model.Problem{
			Severity: model.Error, Code: "eval_timeout", Policy: policy.Name, File: policy.File, Line: q.line(e.set), Column: 1,
			Message: fmt.Sprintf("evaluation took longer than %s and was stopped", e.timeout),
			Hint:    "make the rule cheaper, or raise `policy.timeout`",
		}
	}
	var evalErr *topdown.Error
	if errors.As(err, &evalErr) {
		return problemOf(policy, evalErr)
	}
	return model.Problem{Severity: model.Error, Code: topdown.InternalErr, Message: err.Error(), Policy: policy.Name, File: policy.File}
}

func (q *query) line(s *Set) int {
	if rules := s.Compiler.GetRulesExact(q.ref); len(rules) > 0 && rules[0].Location != nil {
		return rules[0].Location.Row
	}
	return 1
}

func problemOf(policy *Policy, e *topdown.Error) model.Problem {
	p := model.Problem{Severity: model.Error, Code: e.Code, Message: model.OneLine(e.Message), Policy: policy.Name, File: policy.File, Line: policy.Line}
	if e.Location != nil {
		p.File, p.Line, p.Column = e.Location.File, e.Location.Row, e.Location.Col
	}
	p.Hint = builtins.Hint(e.Code)
	if e.Code == topdown.ConflictErr {
		p.Hint = "two rules give different values for the same input: make their conditions exclude each other"
	}
	return p
}

// Merged are the parameters that a policy gets: its defaults, and those that configuration gives.
func Merged(defaults, own map[string]any) map[string]any {
	out := make(map[string]any, len(defaults)+len(own))
	for k, v := range defaults {
		out[k] = v
	}
	for k, v := range own {
		out[k] = v
	}
	return out
}
