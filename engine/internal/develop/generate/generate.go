// Package generate writes Rego tests for a policy file: for each rule an input that violates it and
// the closest one that does not, and whatever else it takes to run every line and to notice faults.
package generate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
)

// Params are those of the method `tests/generate` (engine/README.md).
type Params struct {
	File      string         `json:"file"`
	Libraries []string       `json:"libraries"`
	Examples  []string       `json:"examples"` // where example resources lie; those beside the policy are found
	Data      map[string]any `json:"data"`
	Budget    int            `json:"budget"` // how many inputs are tried; 0 for the default
}

// Result is a test file and what it is worth.
type Result struct {
	Text      string          `json:"text"`
	Package   string          `json:"package"`
	Dialect   string          `json:"dialect"`
	Tests     []Test          `json:"tests,omitempty"`
	Unreached []Unreached     `json:"unreached,omitempty"`
	Coverage  Coverage        `json:"coverage"`
	Faults    Faults          `json:"faults"`
	Inputs    int             `json:"inputs"` // how many were tried
	Problems  []model.Problem `json:"problems,omitempty"`
}

// Test describes one test of the file. Kind is violates, passes, covers or detects.
type Test struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Rule string `json:"rule"`
	Line int    `json:"line"` // of the rule, in the policy
	Note string `json:"note"`
}

// Unreached is a rule that no input was found for.
type Unreached struct {
	Rule   string `json:"rule"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
	Proven bool   `json:"proven"` // no input can reach it

	number int
}

// Coverage counts the lines of the policy file that the tests run.
type Coverage struct {
	Covered    int   `json:"covered"`
	Lines      int   `json:"lines"`
	NotCovered []int `json:"notCovered,omitempty"`
}

// Faults counts the small faults that were planted in the policy, and those that some test noticed.
type Faults struct {
	Planted int `json:"planted"`
	Noticed int `json:"noticed"`
}

// defaultBudget is how many inputs a search tries: enough for every shipped policy, in a few seconds.
const defaultBudget = 8000

// Run generates tests. What is wrong with the policy is a problem of the result; an error means that
// the time was up.
func Run(ctx context.Context, params Params, meter *Meter) (Result, error) {
	subject, problems := explore.Open(ctx, explore.Options{File: params.File, Libraries: params.Libraries, Data: params.Data})
	if subject == nil {
		return Result{Problems: problems}, nil
	}
	if len(subject.Entries) == 0 {
		return Result{Problems: []model.Problem{{
			Severity: model.Error, Code: "no_rules", File: params.File, Line: 1, Message: "the file has no rule that could be tested",
			Hint: "write a `violation`, `deny` or `warn` rule",
		}}}, nil
	}
	if params.Budget <= 0 {
		params.Budget = defaultBudget
	}
	named, problems := explore.NamedExamples(params.Examples)
	if model.HasErrors(problems) {
		return Result{Problems: problems}, nil
	}
	beside, _ := explore.ReadExamples(explore.Beside(params.File, subject.Policy.Name))
	examples := append(beside, named...)
	g := newGenerator(ctx, subject)
	g.pool = explore.Search(ctx, subject, subject.Seeds(examples), params.Budget)
	if problem := g.broken(); problem != nil {
		return Result{Problems: []model.Problem{*problem}}, nil
	}
	g.pairs()
	g.cover()
	faults := g.detect(meter)
	g.settle()
	result := g.write()
	result.Faults, result.Inputs = faults, subject.Evals
	return result, ctx.Err()
}

// generator carries the tests from step to step.
type generator struct {
	ctx       context.Context
	subject   *explore.Subject
	pool      *explore.Pool
	cases     []*testCase
	unreached []Unreached
	names     map[string]bool
	hosts     []explore.Found // worlds that violate nothing; made by overlay
	around    map[string][]explore.Found
	suspects  []explore.Found // worlds that take different ways through the policy
	probes    int
	answers   map[string]string // the names of functions that stand for `http.send`, by what they answer
}

func newGenerator(ctx context.Context, subject *explore.Subject) *generator {
	return &generator{
		ctx: ctx, subject: subject, names: map[string]bool{}, around: map[string][]explore.Found{}, answers: map[string]string{},
	}
}

// testCase is a world with the results that a policy must give in it.
type testCase struct {
	Test
	world   explore.World
	outcome *explore.Outcome
	number  int    // of the rule it is about
	table   *table // where it is a row of one
}

// broken says why nothing could be evaluated at all, where that is so.
func (g *generator) broken() *model.Problem {
	if len(g.pool.Tried) > 0 || g.pool.Failure == nil {
		return nil
	}
	problem := &model.Problem{
		Severity: model.Error, Code: "eval_error", File: g.subject.File, Line: g.subject.Rules[0].Line, Column: 1,
		Message: "every evaluation fails, so there is nothing to test: " + firstLine(g.pool.Failure.Error()),
		Hint:    "look at it with `attest policy trace`",
	}
	if topdown.IsCancel(g.pool.Failure) {
		problem.Code = "eval_timeout"
		problem.Message = "every evaluation takes more than " + explore.Bound + ", so there is nothing to test"
	}
	return problem
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, ":")
}

func (g *generator) add(kind string, number int, w explore.World, outcome *explore.Outcome, name, note string) {
	rule := g.subject.Rules[number]
	g.append(Test{Name: g.unique(name), Kind: kind, Rule: rule.Name, Line: rule.Line, Note: note}, number, w, outcome)
}

// append adds a test; what the policy asks of others becomes a part of it.
func (g *generator) append(test Test, number int, w explore.World, outcome *explore.Outcome) {
	if strict, ok := g.subject.Strict(g.ctx, w); ok && g.subject.Run(g.ctx, strict).Same(outcome) {
		w = strict
	}
	g.cases = append(g.cases, &testCase{Test: test, world: w, outcome: outcome, number: number})
}

func (g *generator) unique(name string) string {
	for i, wanted := 2, name; g.names[name]; i++ {
		name = fmt.Sprintf("%s_%d", wanted, i)
	}
	g.names[name] = true
	return name
}

// alone says whether a rule's results are all that its name gives in an outcome.
func (g *generator) alone(o *explore.Outcome, number int) bool {
	held := g.subject.HeldEntries(o)
	name := g.subject.Rules[number].Name
	held = slices.DeleteFunc(held, func(i int) bool { return g.subject.Rules[i].Name != name })
	return len(held) == 1 && held[0] == number
}

// results is the value of the entry rule that a case is about; nil where undefined.
func (c *testCase) results() *ast.Term { return c.outcome.Values[c.Rule] }
