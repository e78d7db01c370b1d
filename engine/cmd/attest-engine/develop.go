package main

import (
	"context"
	"regexp"

	"attest.continuu.ms/engine/internal/develop/profile"
	"attest.continuu.ms/engine/internal/develop/regotest"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/rpc"
)

// trace answers the method `trace`.
func (s *service) trace(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[trace.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.judging(&params.Params)
	if err != nil {
		return nil, err
	}
	return trace.Run(ctx, set, params)
}

// test answers the method `test`.
func (s *service) test(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[regotest.Params](r)
	if err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(params.Run); err != nil {
		return nil, rpc.Fail(rpc.CodeInvalidInput, "`%s` is no regular expression: %v", params.Run, err)
	}
	return regotest.Run(ctx, params, func(cases []regotest.Case) error {
		return r.Notify("test/cases", regotest.Batch{Request: r.ID, Cases: cases})
	})
}

// profile answers the method `profile`.
func (s *service) profile(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[profile.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.judging(&params.Params)
	if err != nil {
		return nil, err
	}
	return profile.Run(ctx, set, params, func(progress profile.Progress) error {
		progress.Request = r.ID
		return r.Notify("profile/progress", progress)
	})
}
