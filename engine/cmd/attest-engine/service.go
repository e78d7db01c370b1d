package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rpc"
	"attest.continuu.ms/engine/internal/validate"
	"attest.continuu.ms/engine/internal/version"
)

const (
	opaModule        = "github.com/open-policy-agent/opa"
	gatekeeperModule = "github.com/open-policy-agent/gatekeeper/v3"
)

// service holds what outlives a request: the loaded policy sets.
type service struct {
	stderr io.Writer
	mu     sync.RWMutex
	sets   map[string]*policyset.Set
	last   int
	once   sync.Once
}

func newService(stderr io.Writer) *service {
	return &service{stderr: stderr, sets: map[string]*policyset.Set{}}
}

func (s *service) methods() map[string]rpc.Method {
	return map[string]rpc.Method{
		"initialize":           s.initialize,
		"shutdown":             s.shutdown,
		"policies/load":        s.load,
		"policies/unload":      s.unload,
		"status":               s.status,
		"check":                s.check,
		"data/query":           s.query,
		"validate":             s.validate,
		"bundle/inspect":       s.inspectBundle,
		"bundle/build":         s.buildBundle,
		"bundle/sign":          s.signBundle,
		"gatekeeper/templates": s.gatekeeperTemplates,
		"trace":                s.trace,
		"profile":              s.profile,
		"test":                 s.test,
		"playground/evaluate":  s.playground,
		"playground/test":      s.playgroundTest,
		"tests/generate":       s.generateTests,
		"conflicts":            s.conflicts,
		"optimize":             s.optimize,
		"samples":              s.samples,
		"results":              s.results,
	}
}

type initializeParams struct {
	Protocol int    `json:"protocol"`
	Client   string `json:"client"`
	Memory   int64  `json:"memory"`
	Jobs     int    `json:"jobs"`
}

type initializeResult struct {
	Protocol   int    `json:"protocol"`
	Engine     string `json:"engine"`
	OPA        string `json:"opa"`
	Gatekeeper string `json:"gatekeeper"`
	Go         string `json:"go"`
}

func (s *service) initialize(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[initializeParams](r)
	if err != nil {
		return nil, err
	}
	if params.Protocol != version.Protocol {
		return nil, rpc.Fail(rpc.CodeProtocol, "this engine speaks protocol %d, the client asked for %d: install both from one release", version.Protocol, params.Protocol)
	}
	if params.Jobs > 0 {
		runtime.GOMAXPROCS(params.Jobs)
	}
	s.once.Do(func() { rpc.Ceiling(params.Memory, s.stderr) })
	return initializeResult{
		Protocol: version.Protocol, Engine: version.Version, OPA: version.Of(opaModule),
		Gatekeeper: version.Of(gatekeeperModule), Go: runtime.Version(),
	}, nil
}

// shutdown ends the process once the answer has left.
func (s *service) shutdown(context.Context, *rpc.Request) (any, error) {
	time.AfterFunc(10*time.Millisecond, func() { os.Exit(0) })
	return nil, nil
}

type loadParams struct {
	policyset.Params `json:"sources"`
}

type loadResult struct {
	Set      string          `json:"set"`
	Policies []model.Policy  `json:"policies,omitempty"`
	Problems []model.Problem `json:"problems,omitempty"`
	Read     []load.Digest   `json:"read,omitempty"`
}

func (s *service) load(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[loadParams](r)
	if err != nil {
		return nil, err
	}
	set, policies, problems := policyset.Load(ctx, params.Params)
	result := loadResult{Policies: policies, Problems: problems, Read: set.Read}
	if model.HasErrors(problems) {
		return result, nil // no set: a broken one must not judge
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	result.Set = strconv.Itoa(s.last)
	s.sets[result.Set] = set
	return result, nil
}

type setParams struct {
	Set string `json:"set"`
}

func (s *service) unload(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[setParams](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	set := s.sets[params.Set]
	delete(s.sets, params.Set)
	s.mu.Unlock()
	if set != nil {
		set.Close()
	}
	return nil, nil
}

type statusResult struct {
	Sets       int    `json:"sets"`
	Goroutines int    `json:"goroutines"`
	Memory     uint64 `json:"memory"` // bytes that the heap holds after a collection
}

// status says what the process holds.
func (s *service) status(context.Context, *rpc.Request) (any, error) {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return statusResult{Sets: len(s.sets), Goroutines: runtime.NumGoroutine(), Memory: memory.HeapAlloc}, nil
}

func (s *service) set(name string) (*policyset.Set, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	set, ok := s.sets[name]
	if !ok {
		return nil, rpc.Fail(rpc.CodeUnknownSet, "policy set `%s` is not loaded", name)
	}
	return set, nil
}

func (s *service) check(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[check.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	return check.Run(ctx, set, params, func(batch check.Batch) error {
		batch.Request = r.ID
		return r.Notify(ctx, "check/batch", batch)
	})
}

func (s *service) validate(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[validate.Params](r)
	if err != nil {
		return nil, err
	}
	return validate.Run(ctx, params), nil
}
