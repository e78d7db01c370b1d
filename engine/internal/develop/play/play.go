// Package play answers the playground: one policy and one input as they stand in editors, with everything
// there is to show of an evaluation.
package play

import (
	"context"
	"slices"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/policyset"
)

// Params are those of the method `playground/evaluate` (engine/README.md). Policy is the text whose
// lines coverage and profile are about.
type Params struct {
	trace.Params `json:"trace"`
	Policy       check.Text `json:"policy"`
}

// Result is a trace with what else there is to know of the same evaluation.
type Result struct {
	trace.Result
	Outputs  []Output `json:"outputs,omitempty"`
	Coverage Coverage `json:"coverage"`
	Profile  []Line   `json:"profile,omitempty"`
}

// Run traces the policies on the inputs, then measures them. Coverage is that of the trace. What did not end in time is not measured:
// it would not end again.
func Run(ctx context.Context, set *policyset.Set, params Params) (Result, error) {
	seen := newLines(params.Policy.File)
	params.Also = seen
	traced, err := trace.Run(ctx, set, params.Params)
	result := Result{Result: traced, Coverage: seen.coverage(params.Policy)}
	if err != nil || late(traced) {
		return result, err
	}
	m := newMeter(ctx, set)
	if err := m.run(ctx, params.Params.Params); err != nil {
		return result, err
	}
	result.Outputs = m.outputs
	result.Profile = profile(m.profiler, params.Policy.File)
	return result, nil
}

func late(result trace.Result) bool {
	return slices.ContainsFunc(result.Traces, func(one *trace.Trace) bool { return slices.ContainsFunc(one.Problems, trace.Late) })
}
