package compiled

import (
	"context"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/pool"
)

// Mode says who evaluates.
type Mode string

// The modes: OPA's evaluator, the compiled one where it has an answer, or both, of which OPA's answer counts.
const (
	OPA      Mode = "opa"
	Compiled Mode = "compiled"
	Both     Mode = "both"
)

// DefaultMode is that of a policy set where nothing is said.
const DefaultMode = OPA

// Runner asks the compiled queries of a policy set. It may be shared by goroutines once all queries are prepared. Its
// machines are kept from one evaluation to the next, until it is closed.
type Runner struct {
	Mode Mode

	program  *Program
	machines pool.Pool[*Machine]
}

// NewRunner is a runner for the rules of a compiler; see New for builtins.
func NewRunner(mode Mode, compiler *ast.Compiler, builtins map[string]*topdown.Builtin) *Runner {
	if mode == "" {
		mode = DefaultMode
	}
	return &Runner{Mode: mode, program: New(compiler, builtins)}
}

// Close lets the machines go, and those at work when they have ended. Whoever still asks gets a new one.
func (r *Runner) Close() { r.machines.Close() }

// Prepare compiles a query of which one variable is asked for. It is nil where OPA evaluates it.
func (r *Runner) Prepare(body ast.Body, compiler ast.QueryCompiler, asked ast.Var) *Asked {
	if r.Mode == OPA {
		return nil
	}
	q, err := r.program.Query(body, compiler)
	if err != nil {
		return nil
	}
	column := slices.Index(q.Vars, asked)
	if column < 0 {
		return nil
	}
	return &Asked{query: q, column: column}
}

// Asked is a prepared query.
type Asked struct {
	query  *Query
	column int
}

// Run returns the values of the variable that is asked for, or false where OPA has to be asked. A nil query has no
// answer. A machine that gave none is not asked again: what it was at is unknown.
func (r *Runner) Run(ctx context.Context, q *Asked, input *ast.Term, env Environment) (values []*ast.Term, answered bool) {
	if q == nil {
		return nil, false
	}
	m, free := r.machines.Take()
	if !free {
		m = NewMachine(r.program)
	}
	defer func() {
		if recover() != nil || !answered {
			values, answered = nil, false
			return
		}
		m.clean()
		r.machines.Give(m)
	}()
	rows, answered := m.Run(ctx, q.query, input, env)
	for _, row := range rows {
		values = append(values, row[q.column])
	}
	return values, answered
}

// How a difference between the evaluators is told.
const (
	DifferenceCode = "evaluators_differ"
	DifferenceHint = "OPA's answer counts; report this with the input, and set `policy.evaluator: opa` until it is mended"
)

// Difference words in what two answers to one input differ, "" where they don't. A nil answer is undefined.
func Difference(opa, compiled, input *ast.Term) string {
	if opa == compiled || opa != nil && compiled != nil && Alike(opa, compiled) {
		return ""
	}
	return fmt.Sprintf("the compiled evaluator says %s where OPA says %s, of the input %s", worded(compiled), worded(opa), input)
}

func worded(v *ast.Term) string {
	if v == nil {
		return "nothing"
	}
	return v.String()
}
