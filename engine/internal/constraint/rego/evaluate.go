package rego

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/locate"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// evaluation asks the template of one constraint about one request.
type evaluation struct {
	driver   *Driver
	template *Template
	policy   string
	review   *ast.Term
	input    *ast.Term // where the answer is not remembered
	request  *admission.Request
	derived  []compiled.Derivation // of the entries, where the compiled evaluator made them

	question  recall.Question // under which what is said is remembered
	remembers bool
	said      []found
}

type found struct {
	message  string
	evidence *Evidence
}

func (e *evaluation) run(ctx context.Context) []found {
	if said, known := e.recall(); known {
		return said
	}
	e.input = ast.ObjectTerm(terms.Pair("review", e.review), terms.Pair("parameters", e.driver.parameters[e.policy]))
	var entries []*ast.Term
	var builtinErrors []topdown.Error
	cancel := topdown.NewCancel()
	if e.request.Timeout > 0 {
		defer deadline.Watch("policy "+e.policy, e.request.Timeout, cancel)()
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	answers, answered := e.compiled(ctx, cancel)
	if answered && e.driver.runner.Mode == compiled.Compiled {
		return e.readToRemember(answers)
	}
	e.remembers = false // what OPA meets with, an error of a builtin say, is told each time
	e.derived = nil     // the entries are OPA's
	query := e.query(cancel, &builtinErrors)
	done := func() {}
	var kept *virtual.Kept
	keeper := e.driver.keepers[e.policy]
	if e.request.Watch != nil { // who watches wants to see everything evaluated
		query, done = e.request.Watch(e.policy, e.driver.compiler, query)
	} else {
		kept = keeper.take(e.driver.lasting)
		query = query.WithVirtualCache(kept.Cache())
	}
	err := query.Iter(ctx, func(r topdown.QueryResult) error {
		entries = append(entries, r[e.template.query.out])
		return nil
	})
	done()
	e.builtinErrors(builtinErrors)
	if err == nil && len(builtinErrors) == 0 {
		keeper.giveBack(kept)
	}
	if err != nil {
		if ctx.Err() == nil { // else the whole request ended, which is not the policy's fault
			e.fail(err)
		}
		return nil
	}
	if answered {
		e.compare(entries, answers)
	}
	return e.read(entries)
}

func (e *evaluation) recall() (said []found, known bool) {
	if !e.remembers {
		return nil, false
	}
	return e.driver.memory.Recall(e.question)
}

// readToRemember reads entries that are remembered once it is known where they stand. A problem is told each time, and an
// entry that names a field itself may name one that another resource has not.
func (e *evaluation) readToRemember(entries []*ast.Term) []found {
	problems := len(e.request.Problems)
	e.said = e.read(entries)
	e.remembers = e.remembers && len(e.request.Problems) == problems && !slices.ContainsFunc(entries, locate.NamesField)
	if len(e.said) == 0 {
		e.remember()
	}
	return e.said
}

// compiled asks the compiled evaluator; who watches an evaluation watches OPA's.
func (e *evaluation) compiled(ctx context.Context, cancel topdown.Cancel) (entries []*ast.Term, answered bool) {
	if e.request.Watch != nil {
		return nil, false
	}
	d := e.driver
	return d.runner.Run(ctx, e.template.query.asked, e.input, compiled.Environment{
		Data: e.request.Inventory.Stored, Cancel: cancel, Caches: d.caches, Values: d.values, Derived: &e.derived,
	})
}

// compare makes a problem of a difference between the two evaluators. OPA's answer counts.
func (e *evaluation) compare(opa, ours []*ast.Term) {
	if said := compiled.Difference(ast.ArrayTerm(opa...), ast.ArrayTerm(ours...), e.input); said != "" {
		e.problem(model.Warning, compiled.DifferenceCode, said, compiled.DifferenceHint, nil)
	}
}

func (e *evaluation) query(cancel topdown.Cancel, builtinErrors *[]topdown.Error) *topdown.Query {
	q, inventory := e.template.query, e.request.Inventory
	return e.driver.equip(topdown.NewQuery(q.body)).WithQueryCompiler(q.qc).WithCompiler(e.driver.compiler).
		WithStore(inventory.Store).WithTransaction(inventory.Txn).WithInput(e.input).WithCancel(cancel).
		WithBuiltinErrorList(builtinErrors)
}

// read takes violations from entries as Gatekeeper does: `msg` must be text; entries that agree in
// `msg` and `details` are one violation.
func (e *evaluation) read(entries []*ast.Term) []found {
	var out []found
	seen := ast.NewSet()
	for _, entry := range entries {
		message := terms.Member(entry, "msg")
		if message == nil {
			e.problem(model.Warning, "violation_without_msg", "an entry of `violation` has no `msg`: Gatekeeper drops it without a word",
				"write `violation[{\"msg\": msg}]`", nil)
			continue
		}
		text, ok := message.Value.(ast.String)
		if !ok {
			e.problem(model.Error, "violation_msg", fmt.Sprintf("`msg` of a violation must be text, not `%s`", message), "use sprintf", nil)
			continue
		}
		details := terms.Member(entry, "details")
		if details == nil {
			details = ast.InternedEmptyObject
		}
		if len(entries) > 1 {
			same := ast.ArrayTerm(message, details)
			if seen.Contains(same) {
				continue
			}
			seen.Add(same)
		}
		value, err := ast.JSON(details.Value)
		if err != nil {
			e.problem(model.Error, "violation_details", model.OneLine(err.Error()), "", nil)
			continue
		}
		out = append(out, found{string(text), &Evidence{evaluation: e, Details: value, entry: entry}})
	}
	return out
}

// builtinErrors left an expression undefined: the verdict is Gatekeeper's, but it is not kept silent.
func (e *evaluation) builtinErrors(errs []topdown.Error) {
	for i := range errs {
		p := model.Problem{Code: "builtin_error", Message: model.OneLine(errs[i].Message)}
		builtins.Word(&p, builtins.RuleAt(e.driver.compiler, errs[i].Location), e.driver.strict)
		e.problem(p.Severity, p.Code, p.Message, p.Hint, errs[i].Location)
	}
}

func (e *evaluation) fail(err error) {
	var known *topdown.Error
	switch {
	case topdown.IsCancel(err):
		e.problem(model.Error, "eval_timeout", fmt.Sprintf("evaluation took longer than %s and was stopped", e.request.Timeout),
			"make the rule cheaper, or raise `policy.timeout`", nil)
	case errors.As(err, &known):
		e.problem(model.Error, known.Code, model.OneLine(known.Message), builtins.Hint(known.Code), known.Location)
	default:
		e.problem(model.Error, topdown.InternalErr, model.OneLine(err.Error()), "", nil)
	}
}

// problem records what went wrong, at its place in the template, else at its violation rule.
func (e *evaluation) problem(severity, code, message, hint string, at *ast.Location) {
	p := model.Problem{Severity: severity, Code: code, Message: e.driver.Readable(message), Hint: hint, Policy: e.policy}
	if at == nil || at.File == "" {
		at = e.template.ViolationRule()
	}
	if at != nil {
		p.File, p.Line, p.Column = e.driver.locate(at)
	}
	e.request.Problems = append(e.request.Problems, p)
}
