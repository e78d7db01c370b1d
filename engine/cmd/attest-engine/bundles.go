package main

import (
	"context"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rpc"
)

// bundleParams are those of the method `bundle/inspect`.
type bundleParams struct {
	Path         string               `json:"path"`
	Verification *bundle.Verification `json:"verification"`
	Libraries    []string             `json:"libraries"`
	Compile      bool                 `json:"compile"`
}

// bundleResult is what bundle methods answer; without a bundle it was refused.
type bundleResult struct {
	Bundle   *bundle.Description `json:"bundle,omitempty"`
	Policies []model.Policy      `json:"policies,omitempty"`
	Problems []model.Problem     `json:"problems,omitempty"`
}

// inspectBundle reads a bundle, verifies it where a key is given, and compiles it where that is asked.
func (s *service) inspectBundle(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[bundleParams](r)
	if err != nil {
		return nil, err
	}
	opened, err := bundle.Open(params.Path, params.Verification, nil)
	if err != nil {
		return bundleResult{Problems: []model.Problem{bundle.Problem(err)}}, nil
	}
	description := opened.Describe()
	result := bundleResult{Bundle: &description, Problems: opened.Warnings}
	if params.Compile {
		_, result.Policies, result.Problems = policyset.Load(ctx, policyset.Params{
			Paths: []string{params.Path}, Libraries: params.Libraries, OPA: true, Gatekeeper: true,
			Verification: params.Verification, Signed: signedFolder(params), External: true,
		})
	}
	return result, nil
}

func signedFolder(params bundleParams) []string {
	if params.Verification == nil {
		return nil
	}
	return []string{params.Path}
}

func (s *service) buildBundle(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[bundle.BuildParams](r)
	if err != nil {
		return nil, err
	}
	built, problems := bundle.Build(params)
	return described(built, problems), nil
}

func (s *service) signBundle(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[bundle.SignParams](r)
	if err != nil {
		return nil, err
	}
	signed, err := bundle.Sign(params)
	if err != nil {
		return bundleResult{Problems: []model.Problem{bundle.Problem(err)}}, nil
	}
	return described(signed, nil), nil
}

func described(made *bundle.Bundle, problems []model.Problem) bundleResult {
	result := bundleResult{Problems: problems}
	if made != nil {
		description := made.Describe()
		result.Bundle = &description
	}
	return result
}
