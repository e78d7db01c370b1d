package main

import (
	"context"
	"time"

	"attest.continuu.ms/engine/internal/develop/conflict"
	"attest.continuu.ms/engine/internal/develop/generate"
	"attest.continuu.ms/engine/internal/develop/optimize"
	"attest.continuu.ms/engine/internal/rpc"
)

// progress is a notification that says how far the work is.
type progress struct {
	Request uint64 `json:"request"`
	Text    string `json:"text"`
}

// generateTests writes tests for one policy file, and says once a second how far it is.
func (s *service) generateTests(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[generate.Params](r)
	if err != nil {
		return nil, err
	}
	meter := &generate.Meter{}
	finished, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				_ = r.Notify("tests/progress", progress{r.ID, meter.String()}) // one that is lost is no matter
			case <-finished:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	result, err := generate.Run(ctx, params, meter)
	close(finished)
	<-told
	return result, err
}

// conflicts looks for policies that contradict, repeat or weaken each other.
func (s *service) conflicts(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[conflict.Params](r)
	if err != nil {
		return nil, err
	}
	return conflict.Run(ctx, params, func(text string) error {
		return r.Notify("conflicts/progress", progress{r.ID, text})
	})
}

// samples makes resources to measure a policy with.
func (s *service) samples(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[optimize.Params](r)
	if err != nil {
		return nil, err
	}
	return optimize.Make(ctx, params, func(text string) error {
		return r.Notify("samples/progress", progress{r.ID, text})
	})
}

// optimize says how a policy file could be cheaper.
func (s *service) optimize(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[optimize.Params](r)
	if err != nil {
		return nil, err
	}
	return optimize.Run(ctx, params, func(text string) error {
		return r.Notify("optimize/progress", progress{r.ID, text})
	})
}
