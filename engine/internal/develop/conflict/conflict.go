// Package conflict looks for policies that contradict, repeat or weaken each other, over everything
// that is in force: plain policies, Gatekeeper constraints, and what configuration makes of them.
package conflict

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Params are those of the method `conflicts` (engine/README.md).
type Params struct {
	policyset.Params `json:"sources"`
	Policies         []rego.Selection  `json:"policies"`    // those in force; none means all
	Enforcement      map[string]string `json:"enforcement"` // by policy: strict, warn or dryrun
	Examples         []string          `json:"examples"`
	Budget           int               `json:"budget"` // how many inputs are tried for each policy; 0 for the default
}

// Kinds of conflicts.
const (
	Contradiction = "contradiction"
	Duplicate     = "duplicate"
	Shadowed      = "shadowed"
	Overlap       = "overlap"
	Enforcement   = "enforcement"
	DefinedTwice  = "defined_twice"
	NeverFires    = "never_fires"
)

// Certainties: what is certain follows from the policies' text, what is suspected from trying.
const (
	Certain   = "certain"
	Suspected = "suspected"
)

// Conflict is what two places say that don't go together, or one that says nothing.
type Conflict struct {
	Kind      string           `json:"kind"`
	Certainty string           `json:"certainty"`
	Message   string           `json:"message"`
	Hint      string           `json:"hint"`
	Sides     model.List[Side] `json:"sides"`
	// Resource violates the first side, Flipped the second, where they were found.
	Resource any `json:"resource,omitempty"`
	Flipped  any `json:"flipped,omitempty"`
}

// Side is one of the places.
type Side struct {
	Policy    string `json:"policy"`
	Rule      string `json:"rule"`
	File      string `json:"file"`
	Line      int    `json:"line"`
	Condition string `json:"condition"`
}

// Result lists the conflicts, certain ones first.
type Result struct {
	Conflicts []Conflict      `json:"conflicts,omitempty"`
	Policies  int             `json:"policies"`
	Rules     int             `json:"rules"`
	Inputs    int             `json:"inputs"`
	Problems  []model.Problem `json:"problems,omitempty"`
}

// Run looks for conflicts, and tells how far it is. What is wrong with the policies is a problem of the
// result; an error means that the time was up, or that nobody listens.
func Run(ctx context.Context, params Params, tell func(string) error) (Result, error) {
	sources, problems := policyset.Read(params.Params)
	if model.HasErrors(problems) {
		return Result{Problems: problems}, nil
	}
	f := &finder{ctx: ctx, params: params, sources: sources}
	f.tell = tell
	if problems = f.packages(); model.HasErrors(problems) {
		return Result{Problems: problems}, nil
	}
	if problems = f.open(); model.HasErrors(problems) {
		return Result{Problems: problems}, nil
	}
	f.constraints()
	f.names()
	f.helpers()
	if broken, err := f.explore(); err != nil || len(broken) > 0 {
		return Result{Problems: broken}, err
	}
	if err := f.never(); err != nil {
		return Result{}, err
	}
	for _, step := range []struct {
		text string
		look func()
	}{
		{"looking for what is the same", f.structure},
		{"looking for contradictions", f.contradictions}, {"looking for what repeats", f.shadows}, {"comparing fields", f.fieldConflicts},
	} {
		if err := f.tell(step.text); err != nil {
			return Result{}, err
		}
		step.look()
	}
	f.sort()
	return Result{Conflicts: f.found, Policies: f.policies(), Rules: len(f.units), Inputs: f.inputs(), Problems: problems}, ctx.Err()
}

func (f *finder) sort() {
	slices.SortStableFunc(f.found, func(a, b Conflict) int {
		return cmp.Or(
			strings.Compare(a.Certainty, b.Certainty), // certain, suspected
			strings.Compare(a.Sides[0].File, b.Sides[0].File), a.Sides[0].Line-b.Sides[0].Line,
			strings.Compare(a.Kind, b.Kind), strings.Compare(a.Message, b.Message),
		)
	})
}
