// Package check judges manifests by a policy set: files in, findings out, in the order of the files.
package check

import (
	"context"
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/kustomize"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/results"
	"attest.continuu.ms/engine/internal/schema"
)

// Params are those of the method `check` (engine/README.md).
type Params struct {
	Set       string              `json:"set"`
	Paths     []string            `json:"paths"`
	Inputs    []Text              `json:"inputs"`
	Policies  rego.Selections     `json:"policies"`
	Namespace string              `json:"namespace"`
	Operation string              `json:"operation"`
	User      map[string]any      `json:"user"`
	Timeout   int64               `json:"timeout"`
	Limits    Limits              `json:"limits"`
	Jobs      int                 `json:"jobs"`
	Checked   bool                `json:"checked"`
	FailFast  bool                `json:"failFast"`
	Debug     bool                `json:"debug"`           // record every evaluation
	Watch     func() Watcher      `json:"-"`               // makes what observes a worker; nil for none
	Inventory []string            `json:"inventory"`       // resources that policies may look up, beside the inputs
	Known     []Text              `json:"inventoryInputs"` // the same, where they come with the request
	Held      string              `json:"held"`            // the held inventory whose objects policies may look up, too
	State     *admission.Snapshot `json:"-"`               // what Held names, as it is for the whole run; nil for none
	Point     string              `json:"enforcementPoint"`
	LeaveOut  load.LeaveOut       `json:"leaveOut"`  // what of folders is not looked at
	Fragments bool                `json:"fragments"` // tell the patches of kustomizations from resources
	Timed     bool                `json:"timed"`     // measure how long evaluation takes
	Review    *load.Source        `json:"-"`         // an AdmissionReview, which is judged in place of everything else
	Results   results.Place       `json:"results"`   // where what earlier runs came to is kept
	Within    map[string]string   `json:"within"`    // the renderings that inputs come from, by file: two define no duplicates
	Rendered  []load.Left         `json:"rendered"`  // files whose patches of kustomizations are judged in what these render to
}

// Text is a manifest that comes with the request instead of a file.
type Text struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// Limits bound what one input may cost; zero means the default.
type Limits struct {
	DocumentBytes int64 `json:"documentBytes"`
}

// Batch is a part of the result: that of some files, complete.
type Batch struct {
	Request   uint64                    `json:"request,omitempty"` // of which it is a part; 0 where it is the answer
	Files     int                       `json:"files"`
	Total     int                       `json:"total"` // files of the whole run
	Resources []model.Resource          `json:"resources,omitempty"`
	Findings  []model.Finding           `json:"findings,omitempty"`
	Problems  []model.Problem           `json:"problems,omitempty"`
	Skipped   []model.Skipped           `json:"skipped,omitempty"`
	Checked   []Checked                 `json:"checked,omitempty"`
	Decisions []Decision                `json:"decisions,omitempty"`
	Judged    int                       `json:"judged"`
	Unspoken  map[string]int            `json:"unspoken,omitempty"` // of those judged, what no selected policy looks at: kind to number
	Asked     map[string]map[string]int `json:"asked,omitempty"`    // how many of those judged each policy looked at, by its name and their kind
	Spent     map[string]int64          `json:"spent,omitempty"`    // nanoseconds of evaluation by engine, where that is measured
}

// Checked is a resource with the policies that looked at it.
type Checked struct {
	Resource model.Resource `json:"resource"`
	File     string         `json:"file"`
	Line     int            `json:"line"`
	Policies []string       `json:"policies,omitempty"`
}

// Result counts what was done.
type Result struct {
	Files     int `json:"files"`
	Resources int `json:"resources"`
	Unspoken  int `json:"unspoken"` // of the resources, those that no selected policy looks at
	Skipped   int `json:"skipped"`
}

// Run judges the inputs and streams the result to emit, in order. An error means that the run itself
// failed; whatever is wrong with an input or a policy is a problem in a batch.
func Run(ctx context.Context, set *policyset.Set, params Params, emit func(Batch) error) (Result, error) {
	run := &run{ctx: ctx, set: set, rego: set.Rego, params: params, emit: emit, seen: map[object]definition{}, once: load.Once{Room: roomForRead}}
	defer run.close()
	leaving, err := params.LeaveOut.Ready()
	if err != nil {
		return Result{}, err
	}
	found := load.WalkLeaving(params.Paths, leaving)
	run.sources, run.limits = append(found.Sources, texts(params.Inputs)...), load.DefaultLimits
	if params.Limits.DocumentBytes > 0 {
		run.limits.DocumentBytes = params.Limits.DocumentBytes
	}
	if params.Fragments {
		run.findPatches(found)
	}
	if err := run.takeReview(); err != nil {
		return Result{}, err
	}
	if err := run.begin(); err != nil {
		return Result{}, err
	}
	run.pending.Problems = append(run.pending.Problems, found.Problems...)
	run.pending.Skipped = append(run.pending.Skipped, found.Skipped...)
	inOrder(ctx, len(run.sources), params.Jobs, run.worker, run.deliver)
	if run.failed == nil {
		run.failed = ctx.Err()
	}
	if run.failed == nil {
		run.failed = run.flush()
	}
	return run.result, run.failed
}

// findPatches learns from the kustomizations of a walk what is a patch, and from all inputs of what.
func (r *run) findPatches(found load.Found) {
	defer func() {
		if recover() != nil { // a bug of ours: whatever it is in is told when it is judged, and nothing is a patch
			r.patches = nil
		}
	}()
	patches := kustomize.Listed(found, r.limits)
	if patches == nil {
		return
	}
	reader := func() func(int) load.File {
		return func(i int) (file load.File) {
			defer func() {
				if recover() != nil { // a bug of ours, which is told when the file is judged
					file = load.File{}
				}
			}()
			return patches.Read(r.sources[i])
		}
	}
	inOrder(r.ctx, len(r.sources), r.params.Jobs, reader, func(file load.File) bool {
		patches.Take(file)
		return true
	})
	patches.Settle()
	r.patches = patches
}

func texts(inputs []Text) []load.Source {
	sources := make([]load.Source, len(inputs))
	for i, input := range inputs {
		sources[i] = load.Source{Path: input.File, Text: []byte(input.Text)}
	}
	return sources
}

type run struct {
	ctx        context.Context
	set        *policyset.Set
	reads      rego.Reading
	catalog    *schema.Catalog // nil where no policy asks how resources fit their types
	rego       *rego.Set       // the set's plain policies, with the inventory of this run
	params     Params
	sources    []load.Source
	patches    *kustomize.Patches // nil where no kustomization lists any, or nobody asks
	limits     load.Limits
	once       load.Once // files that were read when policies looked around
	user       *ast.Term
	review     *load.Review // nil where manifests are judged
	namespaces map[string]*ast.Term
	inventory  *admission.Inventory
	chosen     *rego.Evaluator // tells what is selected
	spare      *rego.Evaluator // for the first worker; nil where it would not know what is at hand
	emit       func(Batch) error
	mu         sync.Mutex
	evaluators []*rego.Evaluator // to be closed at the end
	known      *known            // what earlier runs came to; nil where it does not count

	// Below: used by the delivering goroutine alone.
	seen      map[object]definition
	pending   Batch
	lastFlush time.Time
	result    Result
	failed    error
}

// begin prepares what all files share.
func (r *run) begin() error {
	r.lastFlush = time.Now()
	r.reads = r.rego.Reads(r.params.Policies)
	if r.params.Timeout <= 0 {
		r.params.Timeout = policyset.DefaultTimeout.Milliseconds()
	}
	if len(r.params.User) > 0 {
		value, err := ast.InterfaceToValue(r.params.User)
		if err != nil {
			return err
		}
		r.user = ast.NewTerm(value)
	}
	// Every worker has an evaluator of its own; a wrong selection should fail once and early.
	before := r.rego
	var err error
	if r.chosen, err = r.evaluator(); err != nil {
		return err
	}
	if err := r.lookAround(); err != nil {
		return err
	}
	if r.rego == before {
		r.spare = r.chosen
	}
	return nil
}

func (r *run) evaluator() (*rego.Evaluator, error) {
	if spare := r.takeSpare(); spare != nil {
		return spare, nil
	}
	made, err := r.rego.NewEvaluator(r.ctx, r.params.Policies, r.timeout())
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.evaluators = append(r.evaluators, made)
	}
	return made, err
}

func (r *run) takeSpare() (spare *rego.Evaluator) {
	r.mu.Lock()
	defer r.mu.Unlock()
	spare, r.spare = r.spare, nil
	return spare
}

// close ends what the evaluators hold of the set, and keeps what is new; all workers have ended.
func (r *run) close() {
	r.known.close()
	for _, evaluator := range r.evaluators {
		evaluator.Close(context.WithoutCancel(r.ctx))
	}
}

func (r *run) timeout() time.Duration { return time.Duration(r.params.Timeout) * time.Millisecond }
