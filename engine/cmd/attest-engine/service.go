package main

import (
	"context"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/constraint/admission"
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

// service holds what outlives a request: the loaded policy sets, and held inventories.
type service struct {
	stderr      io.Writer
	mu          sync.RWMutex
	sets        map[string]*policyset.Set
	library     library
	inventories map[string]*admission.Held
	last        int
	once        sync.Once
}

func newService(stderr io.Writer) *service {
	return &service{stderr: stderr, sets: map[string]*policyset.Set{}, inventories: map[string]*admission.Held{}}
}

func (s *service) methods() map[string]rpc.Method {
	return map[string]rpc.Method{
		"initialize":           s.initialize,
		"shutdown":             s.shutdown,
		"policies/load":        s.load,
		"policies/unload":      s.unload,
		"policies/reach":       s.reach,
		"inventory/open":       s.openInventory,
		"inventory/apply":      s.applyInventory,
		"inventory/close":      s.closeInventory,
		"status":               s.status,
		"check":                s.check,
		"review":               s.review,
		"data/query":           s.query,
		"folders":              s.folders,
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
	Lasting  bool   `json:"lasting"`
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
	if params.Lasting {
		lasting.keep()
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
	Keep             bool   `json:"keep"`
	Again            string `json:"kept"`
}

type loadResult struct {
	Set      string          `json:"set"`
	Policies []model.Policy  `json:"policies,omitempty"`
	Problems []model.Problem `json:"problems,omitempty"`
	Read     []load.Digest   `json:"read,omitempty"`
	Synced   []model.Kind    `json:"synced,omitempty"`
	Kept     string          `json:"kept,omitempty"`
}

func (s *service) load(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[loadParams](r)
	if err != nil {
		return nil, err
	}
	sources, kept := params.Params, params.Again
	if sources.Kept = kept; params.Keep && kept == "" {
		sources, kept = policyset.Keep(sources) // first, so that the set is made of what is kept
	}
	loaded := s.library.load(ctx, sources)
	if paced.Load() == lasting {
		go debug.FreeOSMemory() // compiling takes more than what it makes, and an engine that stands by does nothing else
	}
	result := loadResult{Policies: loaded.Policies, Problems: loaded.Problems, Read: loaded.Read}
	if model.HasErrors(loaded.Problems) {
		return result, nil // no set: a broken one must not judge
	}
	if params.Keep {
		result.Kept = kept
	}
	result.Synced = loaded.Gatekeeper.Synced()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	result.Set = strconv.Itoa(s.last)
	s.sets[result.Set] = loaded.Set
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
		s.library.giveBack(set)
	}
	return nil, nil
}

type statusResult struct {
	Sets        int    `json:"sets"`
	Inventories int    `json:"inventories"`
	Goroutines  int    `json:"goroutines"`
	Memory      uint64 `json:"memory"` // bytes that the heap holds after a collection
}

// status says what the process holds.
func (s *service) status(context.Context, *rpc.Request) (any, error) {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return statusResult{
		Sets: len(s.sets), Inventories: len(s.inventories), Goroutines: runtime.NumGoroutine(), Memory: memory.HeapAlloc,
	}, nil
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

// judging finds what the parameters of a check name.
func (s *service) judging(params *check.Params) (*policyset.Set, error) {
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	params.State, err = s.snapshot(params.Held)
	return set, err
}

func (s *service) check(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[check.Params](r)
	if err != nil {
		return nil, err
	}
	set, err := s.judging(&params)
	if err != nil {
		return nil, err
	}
	return check.Run(ctx, set, params, func(batch check.Batch) error {
		batch.Request = r.ID
		return r.Notify("check/batch", batch)
	})
}

// reviewParams are those of a check, and what problems call the review.
type reviewParams struct {
	check.Params
	Review string `json:"review"`
}

// review judges the AdmissionReview that is attached; all that it came to is the answer.
func (s *service) review(ctx context.Context, r *rpc.Request) (any, error) {
	asked, review, err := rpc.Attached[reviewParams](r)
	if err != nil {
		return nil, err
	}
	if len(review) == 0 {
		return nil, rpc.Fail(rpc.CodeInvalidInput, "parameters: no review is attached")
	}
	params := asked.Params
	params.Review = &load.Source{Path: asked.Review, Text: review}
	set, err := s.judging(&params)
	if err != nil {
		return nil, err
	}
	var whole check.Batch // a single text makes a single one
	_, err = check.Run(ctx, set, params, func(batch check.Batch) error {
		whole = batch
		return nil
	})
	return whole, err
}

func (s *service) reach(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[check.ReachParams](r)
	if err != nil {
		return nil, err
	}
	set, err := s.set(params.Set)
	if err != nil {
		return nil, err
	}
	return check.Reach(ctx, set, params)
}

func (s *service) validate(ctx context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[validate.Params](r)
	if err != nil {
		return nil, err
	}
	return validate.Run(ctx, params), nil
}
