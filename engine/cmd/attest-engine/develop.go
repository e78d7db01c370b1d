package main

import (
	"context"

	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/rpc"
)

// trace answers the method `trace`.
func (s *service) trace(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[trace.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	return trace.Run(ctx, set, params)
}
