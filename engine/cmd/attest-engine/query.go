package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/rpc"
)

type queryParams struct {
	Set     string   `json:"set"`
	Package string   `json:"package"`
	Path    []string `json:"path"`
	Input   string   `json:"input"`
	Timeout int64    `json:"timeout"`
}

type queryResult struct {
	Result   json.RawMessage `json:"result,omitempty"`
	Problems []model.Problem `json:"problems,omitempty"`
}

// query answers for OPA's Data API.
func (s *service) query(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[queryParams](r)
	if err != nil {
		return nil, err
	}
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	asked := rego.Query{Package: params.Package, Path: params.Path, Timeout: policyset.DefaultTimeout}
	if params.Timeout > 0 {
		asked.Timeout = time.Duration(params.Timeout) * time.Millisecond
	}
	if params.Input != "" {
		if asked.Input, err = load.Decode([]byte(params.Input), load.DefaultLimits); err != nil {
			return nil, rpc.Fail(rpc.CodeInvalidInput, "the input can't be read: %v", err)
		}
	}
	value, problems, err := set.Rego.Query(ctx, asked)
	if err != nil {
		return nil, rpc.Fail(rpc.CodeInvalidInput, "%v", err)
	}
	result := queryResult{Problems: problems}
	if value != nil && !model.HasErrors(problems) {
		result.Result, err = jsonOf(value)
	}
	return result, err
}

func jsonOf(term *ast.Term) ([]byte, error) {
	value, err := ast.JSON(term.Value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
