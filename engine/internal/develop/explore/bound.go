package explore

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/deadline"
)

// Evaluations are bounded by what they do and not by the time that they take: what is found must not depend on how
// busy the machine is.
const (
	// mostSteps bounds one evaluation of a world. Those of real policies take a thousandth of it.
	mostSteps = 1_000_000
	// mostPartialSteps bounds a partial evaluation, each step of which costs fifty times one of a plain one, and
	// whose result can be of any size.
	mostPartialSteps = 20_000
)

// longest ends what takes its time in few steps: a regular expression over a text of megabytes.
const longest = 10 * time.Second

// Bound words what an evaluation of a world may take.
const Bound = "1,000,000 steps or ten seconds"

// bounded is a query that ends with the context, after so many steps, or after the subject's limit, whichever is
// first. The evaluation's end must call stop.
func (s *Subject) bounded(ctx context.Context, q *topdown.Query, most int) (bounded *topdown.Query, stop func()) {
	cancel := topdown.NewCancel()
	ended := context.AfterFunc(ctx, cancel.Cancel)
	over := deadline.Watch("policy "+s.Policy.Name, s.limit, cancel)
	return q.WithCancel(cancel).WithQueryTracer(&steps{most: most, cancel: cancel}), func() { over(); ended() }
}

// steps cancels an evaluation that does too much.
type steps struct {
	most   int
	cancel topdown.Cancel
}

// Enabled implements topdown.QueryTracer.
func (s *steps) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (s *steps) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (s *steps) TraceEvent(topdown.Event) {
	if s.most--; s.most == 0 {
		s.cancel.Cancel()
	}
}
