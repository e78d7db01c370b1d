package play

import (
	"context"
	"encoding/json"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Output is what the rules of a policy's package were for one input.
type Output struct {
	Policy   string          `json:"policy"`
	Resource string          `json:"resource"`
	Value    json.RawMessage `json:"value,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// Bounds of what is computed and sent to be shown.
const (
	maxOutputBytes = 1 << 20
	outputTimeout  = 2 * time.Second
)

// meter observes evaluations with OPA's own profiler.
type meter struct {
	ctx      context.Context
	set      *policyset.Set
	profiler *profiler.Profiler
	resource string
	asked    map[*rego.Policy]bool // of the input under evaluation
	outputs  []Output
}

func newMeter(ctx context.Context, set *policyset.Set) *meter {
	return &meter{ctx: ctx, set: set, profiler: profiler.New(), asked: map[*rego.Policy]bool{}}
}

func (m *meter) run(ctx context.Context, params check.Params) error {
	documents, inputs := trace.Wholes(params.Inputs)
	begin := func() { m.begin("") }
	end := func(trace.Whole, []rego.Violation, []model.Problem) {}
	if err := trace.EachWhole(ctx, m.set, params, documents, m, begin, end); err != nil {
		return err
	}
	params.Inputs, params.Jobs = inputs, 1
	params.Watch = func() check.Watcher { return m }
	_, err := check.Run(ctx, m.set, params, func(check.Batch) error { return nil })
	return err
}

func (m *meter) begin(resource string) {
	m.resource = resource
	clear(m.asked)
}

// Document implements check.Watcher.
func (m *meter) Document(document *load.Document) { m.begin(rego.Name(document.Resource)) }

// Begin implements rego.Observer.
func (m *meter) Begin(_ rego.Evaluation, query *topdown.Query) *topdown.Query {
	return query.WithQueryTracer(m.profiler)
}

// End implements rego.Observer.
func (m *meter) End(which rego.Evaluation, _ []rego.Violation, _ []model.Problem) {
	if !m.asked[which.Policy] {
		m.asked[which.Policy] = true
		m.outputs = append(m.outputs, m.output(which))
	}
}

// Constraint implements check.Watcher.
func (m *meter) Constraint(_ string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	return query, func() {}
}

// Judged implements check.Watcher.
func (m *meter) Judged(check.Judged) {}

// output evaluates the policy's whole package.
func (m *meter) output(which rego.Evaluation) Output {
	out := Output{Policy: which.Policy.Name, Resource: m.resource}
	ctx, stop := context.WithTimeout(m.ctx, outputTimeout)
	defer stop()
	value, err := evaluate(ctx, m.set.Rego, which.Ref[:len(which.Ref)-1], which.Input, nil)
	if err == nil && value != nil {
		out.Value, err = shown(value)
	}
	if err != nil {
		out.Error = err.Error()
	}
	return out
}
