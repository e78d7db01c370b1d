package check

import (
	"crypto/rand"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Decision is one evaluation, as the debug log records it. Nanoseconds is 0 for a constraint: all
// constraints of a resource are evaluated in one go.
type Decision struct {
	ID          string    `json:"decisionId"`
	Time        time.Time `json:"time"`
	Policy      string    `json:"policy"`
	Engine      string    `json:"engine"`
	Rule        string    `json:"rule"`
	Resource    string    `json:"resource"`
	File        string    `json:"file"`
	Line        int       `json:"line"`
	Nanoseconds int64     `json:"nanoseconds"`
	Violations  []string  `json:"violations,omitempty"`
	Problems    []string  `json:"problems,omitempty"`
}

// Watcher observes what one worker judges, resource by resource. What explains or measures a verdict is
// a watcher, so that it sees the evaluations that gave the verdict and no others.
type Watcher interface {
	rego.Observer
	// Document says which resource the next evaluations are about.
	Document(*load.Document)
	// Constraint sees the evaluation of a constraint in Rego; see admission.Watch.
	Constraint(policy string, compiler *ast.Compiler, query *topdown.Query) (*topdown.Query, func())
	// Judged is what the resource came to.
	Judged(Judged)
}

// Judged is what one resource came to.
type Judged struct {
	Document    *load.Document
	Findings    []model.Finding
	Problems    []model.Problem
	Constraints []string // those that looked at it
}

// recorder is the watcher that makes the debug log.
type recorder struct {
	document  *load.Document
	began     time.Time
	decisions []Decision
}

// Document implements Watcher.
func (r *recorder) Document(document *load.Document) { r.document = document }

// Begin implements rego.Observer.
func (r *recorder) Begin(_ rego.Evaluation, query *topdown.Query) *topdown.Query {
	r.began = time.Now()
	return query
}

// Constraint implements Watcher.
func (r *recorder) Constraint(_ string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	return query, func() {}
}

// End implements rego.Observer.
func (r *recorder) End(which rego.Evaluation, violations []rego.Violation, problems []model.Problem) {
	took := time.Since(r.began)
	decision := r.decision(which.Policy.Name, "opa", which.Rule, took)
	for _, v := range violations {
		decision.Violations = append(decision.Violations, v.Message)
	}
	for _, p := range problems {
		decision.Problems = append(decision.Problems, p.Message)
	}
	r.decisions = append(r.decisions, decision)
}

func (r *recorder) decision(policy, engine, rule string, took time.Duration) Decision {
	return Decision{
		ID: rand.Text(), Time: time.Now().UTC(), Policy: policy, Engine: engine, Rule: rule, Nanoseconds: took.Nanoseconds(),
		Resource: rego.Name(r.document.Resource), File: r.document.File, Line: r.document.Line,
	}
}

// Judged implements Watcher: constraints are evaluated in one go, so they are recorded afterwards.
func (r *recorder) Judged(judged Judged) {
	for _, name := range judged.Constraints {
		decision := r.decision(name, gatekeeper.Engine, "violation", 0)
		for _, f := range judged.Findings {
			if f.Policy == name {
				decision.Violations = append(decision.Violations, f.Message)
			}
		}
		r.decisions = append(r.decisions, decision)
	}
}

// take hands over what was recorded since the last call.
func (r *recorder) take() []Decision {
	taken := r.decisions
	r.decisions = nil
	return taken
}
