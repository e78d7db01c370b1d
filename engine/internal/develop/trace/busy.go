package trace

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Busy knows which rule an evaluation is in, and at which place: where one that is stopped spent its time.
type Busy struct {
	Rule string // without `data.`; empty before the first rule
	At   *ast.Location

	rules map[uint64]string // by query
}

// Enabled implements topdown.QueryTracer.
func (b *Busy) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (b *Busy) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer. Only steps forward count: whoever is stopped goes back through all.
func (b *Busy) TraceEvent(evt topdown.Event) {
	if evt.Op == topdown.EnterOp {
		b.enter(&evt)
	}
	if evt.Op != topdown.EnterOp && evt.Op != topdown.EvalOp {
		return
	}
	if rule := b.rules[evt.QueryID]; rule != "" && evt.Location.HasFile() {
		b.Rule, b.At = rule, evt.Location
	}
}

// enter notes the rule of a query: a comprehension is part of the rule that it stands in.
func (b *Busy) enter(evt *topdown.Event) {
	if b.rules == nil {
		b.rules = map[uint64]string{}
	}
	b.rules[evt.QueryID] = b.rules[evt.ParentID]
	if rule, isRule := evt.Node.(*ast.Rule); isRule {
		b.rules[evt.QueryID] = strings.TrimPrefix(rule.Ref().GroundPrefix().String(), "data.")
	}
}
