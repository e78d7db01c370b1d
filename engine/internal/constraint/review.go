package constraint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	frameworktypes "github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/controller/config/process"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/cel"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/expand"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/rego"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/model"
)

// Result is a violation of a constraint.
type Result struct {
	Policy      string
	Message     string
	Details     any
	Enforcement string
	// Expanded is the ExpansionTemplate by which the violating resource was generated, or "".
	Expanded string
	// Path leads to the field to blame, within the resource under review; see Outcome.Locate. Until
	// then it leads to the template of the generated resource, if there is one.
	Path []any

	evidence  *rego.Evidence // of a constraint in Rego
	violation *cel.Violation // of a constraint in CEL
}

// Outcome of a review. Judged are the constraints that apply to the resource (or to one generated from
// it), sorted by name; a problem that is an error means that a verdict is missing.
type Outcome struct {
	Results  []Result
	Problems []model.Problem
	Judged   []string
	// Excluded is true when Gatekeeper's Config exempts the namespace: nothing was judged.
	Excluded bool
}

// Review judges one resource. Its error is that of the context, or says that the request itself is
// malformed; whatever concerns one policy is a Problem.
func (s *Set) Review(ctx context.Context, in admission.Review) (*Outcome, error) {
	if in.EnforcementPoint == "" {
		in.EnforcementPoint = enforcement.CLI
	}
	r, err := admission.NewRequest(in)
	if err != nil {
		return nil, err
	}
	if excluded, err := s.excluded(r, in.EnforcementPoint); excluded || err != nil {
		return &Outcome{Excluded: true}, err
	}
	out := &Outcome{}
	if err := s.judge(ctx, r, in.EnforcementPoint, out, expand.Generated{}); err != nil {
		return nil, err
	}
	if err := s.judgeGenerated(ctx, r, in.EnforcementPoint, out); err != nil {
		return nil, err
	}
	out.arrange(r)
	return out, nil
}

func (s *Set) judgeGenerated(ctx context.Context, parent *admission.Request, point string, out *Outcome) error {
	children, err := s.loaded.Expander.Expand(parent.Judged(), parent.Namespace)
	if err != nil {
		out.Problems = append(out.Problems, model.Problem{Severity: model.Error, Code: "expansion", Message: model.OneLine(err.Error())})
		return nil
	}
	for _, child := range children {
		if err := s.judge(ctx, parent.Generated(child.Term), point, out, child); err != nil {
			return err
		}
	}
	return nil
}

// judge asks the framework's client about one resource and adds what it says to the outcome.
func (s *Set) judge(ctx context.Context, r *admission.Request, point string, out *Outcome, from expand.Generated) error {
	responses, err := s.loaded.Client.Review(ctx, r, reviews.EnforcementPoint(point))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.Problems = append(r.Problems, model.Problem{Severity: model.Error, Code: "gatekeeper", Message: model.OneLine(err.Error())})
	}
	results := responses.Results()
	out.Results = slices.Grow(out.Results, len(results))
	for _, result := range results {
		out.take(r, result, from)
	}
	out.Problems = append(out.Problems, r.Problems...)
	out.Judged = append(out.Judged, r.JudgedBy...)
	return nil
}

func (o *Outcome) take(r *admission.Request, result *frameworktypes.Result, from expand.Generated) {
	if from.Action != "" {
		result.EnforcementAction = from.Action
	}
	message := result.Msg
	if from.Template != "" {
		message = fmt.Sprintf("[Implied by %s] %s", from.Template, message)
	}
	taken := Result{
		Policy: gatekeeper.PolicyName(result.Constraint), Message: message, Enforcement: enforcement.Of(result),
		Expanded: from.Template, Path: from.Prefix,
	}
	switch proof := r.Proof(result).(type) {
	case *rego.Evidence:
		taken.evidence, taken.Details = proof, proof.Details
	case *cel.Violation:
		taken.violation = proof
	}
	o.Results = append(o.Results, taken)
}

// Locate completes the paths of the results: which field of the resource each of them is about. A path
// that can't be told stays as it is. It costs a slow evaluation for each constraint that was violated.
func (o *Outcome) Locate(ctx context.Context) {
	proofs := make([]*rego.Evidence, len(o.Results))
	for i, r := range o.Results {
		proofs[i] = r.evidence
	}
	for i, path := range rego.Locate(ctx, proofs) {
		if v := o.Results[i].violation; v != nil {
			path = v.Path()
		}
		prefix := o.Results[i].Path
		o.Results[i].Path = append(prefix[:len(prefix):len(prefix)], path...)
	}
}

// arrange gives the outcome an order that does not depend on maps, and names the resource in problems.
func (o *Outcome) arrange(r *admission.Request) {
	slices.SortStableFunc(o.Results, func(a, b Result) int {
		return cmp.Or(strings.Compare(a.Policy, b.Policy), strings.Compare(a.Message, b.Message))
	})
	slices.Sort(o.Judged)
	o.Judged = slices.Compact(o.Judged)
	name := terms.ResourceName(r.Judged())
	for i := range o.Problems {
		o.Problems[i].Resource = name
	}
	slices.SortStableFunc(o.Problems, func(a, b model.Problem) int { return strings.Compare(a.Policy, b.Policy) })
}

// processes of Gatekeeper's Config whose exclusions count at an enforcement point. What a cluster
// would not judge at admission, the command line does not judge either; gator ignores the Config.
var processes = map[string]process.Process{enforcement.Webhook: process.Webhook, enforcement.Audit: process.Audit, enforcement.CLI: process.Webhook}

func (s *Set) excluded(r *admission.Request, point string) (bool, error) {
	p, any := processes[point]
	if !any {
		return false, nil
	}
	return s.loaded.Excluder.IsNamespaceExcluded(p, terms.Header(r.Judged()))
}
