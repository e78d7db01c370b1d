package main

import (
	"context"

	"attest.continuu.ms/engine/internal/develop/conflict"
	"attest.continuu.ms/engine/internal/develop/generate"
	"attest.continuu.ms/engine/internal/develop/optimize"
	"attest.continuu.ms/engine/internal/rpc"
)

// generateTests writes tests for one policy file.
func (s *service) generateTests(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[generate.Params](r)
	if err != nil {
		return nil, err
	}
	return generate.Run(ctx, params)
}

// conflicts looks for policies that contradict, repeat or weaken each other.
func (s *service) conflicts(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[conflict.Params](r)
	if err != nil {
		return nil, err
	}
	return conflict.Run(ctx, params, func(progress conflict.Progress) error {
		progress.Request = r.ID
		return r.Notify(ctx, "conflicts/progress", progress)
	})
}

// optimizeProgress is a notification `optimize/progress`.
type optimizeProgress struct {
	Request uint64 `json:"request"`
	Text    string `json:"text"`
}

// optimize says how a policy file could be cheaper.
func (s *service) optimize(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[optimize.Params](r)
	if err != nil {
		return nil, err
	}
	return optimize.Run(ctx, params, func(text string) error {
		return r.Notify(ctx, "optimize/progress", optimizeProgress{Request: r.ID, Text: text})
	})
}
