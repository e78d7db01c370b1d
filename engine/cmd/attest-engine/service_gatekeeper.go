package main

import (
	"context"

	"attest.continuu.ms/engine/internal/develop/gkgen"
	"attest.continuu.ms/engine/internal/rpc"
)

func (s *service) gatekeeperTemplates(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[gkgen.Params](r)
	if err != nil {
		return nil, err
	}
	return gkgen.Run(params), nil
}
