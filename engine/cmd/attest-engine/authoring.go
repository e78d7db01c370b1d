package main

import (
	"context"

	"attest.continuu.ms/engine/internal/develop/conflict"
	"attest.continuu.ms/engine/internal/develop/generate"
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
