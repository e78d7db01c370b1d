package main

import (
	"context"

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
