package main

import (
	"context"

	"attest.continuu.ms/engine/internal/kustomize"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rpc"
)

type foldersParams struct {
	Paths    []string      `json:"paths"`
	LeaveOut load.LeaveOut `json:"leaveOut"`
}

type foldersResult struct {
	Folders model.List[kustomize.Folder] `json:"folders"`
}

// folders finds charts and kustomizations. What is wrong with a path is told when it is judged.
func (s *service) folders(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[foldersParams](r)
	if err != nil {
		return nil, err
	}
	leaving, err := params.LeaveOut.Ready()
	if err != nil {
		return nil, rpc.Fail(rpc.CodeInvalidInput, "%s", err.Error())
	}
	return foldersResult{kustomize.Folders(load.WalkLeaving(params.Paths, leaving), load.DefaultLimits)}, nil
}
