package trace

import (
	"context"

	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
)

// Params are those of the method `trace` (engine/README.md): those of a check, and what to show of it.
type Params struct {
	check.Params `json:"check"`
	View         `json:"view"`
	Also         topdown.QueryTracer `json:"-"` // sees what is traced; nil for nobody
}

// Result is the answer: one trace for each policy and input.
type Result struct {
	Traces   []*Trace        `json:"traces,omitempty"`
	Skipped  []model.Skipped `json:"skipped,omitempty"`
	Problems []model.Problem `json:"problems,omitempty"`
}

// Trace is what one policy said of one input, and how it came to that.
type Trace struct {
	ID          string          `json:"decisionId"`
	Policy      string          `json:"policy"`
	Engine      string          `json:"engine"`
	Resource    model.Resource  `json:"resource"`
	File        string          `json:"file"`
	Line        int             `json:"line"`
	Nanoseconds int64           `json:"nanoseconds"` // tracing included
	Findings    []model.Finding `json:"findings,omitempty"`
	Problems    []model.Problem `json:"problems,omitempty"`
	Rules       []*Node         `json:"rules,omitempty"`
	Printed     []Printed       `json:"printed,omitempty"`
	Truncated   bool            `json:"truncated,omitempty"`
}

// Run traces the selected policies on every input: a check that is watched.
func Run(ctx context.Context, set *policyset.Set, params Params) (Result, error) {
	w := newWatcher(ctx, set, params)
	var result Result
	files, paths := wholeInputs(params.Paths)
	whole, inputs := Wholes(params.Inputs)
	if err := w.wholes(ctx, append(files, whole...)); err != nil {
		return result, err
	}
	params.Paths, params.Inputs, params.Jobs = paths, inputs, 1
	params.Watch = func() check.Watcher { return w }
	_, err := check.Run(ctx, set, params.Params, func(batch check.Batch) error {
		result.Problems = append(result.Problems, w.foreign(batch.Problems)...)
		result.Skipped = append(result.Skipped, batch.Skipped...)
		return nil
	})
	result.Traces = w.done
	return result, err
}
