package main

import (
	"context"

	"attest.continuu.ms/engine/internal/develop/play"
	"attest.continuu.ms/engine/internal/rpc"
)

// playground answers the method `playground/evaluate`.
func (s *service) playground(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[play.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.judging(&params.Params.Params)
	if err != nil {
		return nil, err
	}
	return play.Run(ctx, set, params)
}

// playgroundTest answers the method `playground/test`.
func (s *service) playgroundTest(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[play.TestParams](r)
	if err != nil {
		return nil, err
	}
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	return play.RunTests(ctx, set.Rego, params)
}
