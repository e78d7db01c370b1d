package constraint

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	frameworktypes "github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/controller/config/process"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	admissionv1 "k8s.io/api/admission/v1"

	"attest.continuu.ms/engine/internal/model"
)

// Review is a question to a set: what do the constraints say of this resource?
type Review struct {
	// Object is the resource; OldObject what it was before. A deletion has an OldObject only, which is
	// then judged as the object, as Gatekeeper does.
	Object, OldObject *ast.Term
	// Operation is CREATE, UPDATE, DELETE, CONNECT, or "" outside an admission request.
	Operation string
	// Request is the AdmissionRequest where there is one: its members other than `object` and
	// `oldObject` reach policies as they are. Its operation must be that of the Review.
	Request *ast.Term
	// Namespace is the Namespace object of the resource; nil looks it up in the inventory.
	Namespace *ast.Term
	// Inventory must be given; see NewInventory and NewNamespaces.
	Inventory *Inventory
	// AsSuite hands no Namespace to match blocks unless the inventory holds it, as gator does in Suites:
	// a resource that names no namespace is then taken for cluster-scoped.
	AsSuite bool
	// EnforcementPoint is one of the constants of this package; "" is CLI.
	EnforcementPoint string
	// Selected limits the constraints, by policy name; nil means all.
	Selected map[string]bool
	// Timeout is that of one evaluation in Rego; 0 means none.
	Timeout time.Duration
	// Watch may change the query of a constraint in Rego before it runs, and is told when it has run.
	Watch Watch
}

// Watch sees the evaluation of a constraint in Rego. It may change the query: give it a tracer, say. What it
// returns beside that is called when the query has run.
type Watch func(policy string, compiler *ast.Compiler, query *topdown.Query) (*topdown.Query, func())

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

	evidence *evidence // nil for constraints written in CEL
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
func (s *Set) Review(ctx context.Context, in Review) (*Outcome, error) {
	if in.EnforcementPoint == "" {
		in.EnforcementPoint = CLI
	}
	r, err := s.request(in)
	if err != nil {
		return nil, err
	}
	if excluded, err := s.excluded(r, in.EnforcementPoint); excluded || err != nil {
		return &Outcome{Excluded: true}, err
	}
	out := &Outcome{}
	if err := s.judge(ctx, r, in.EnforcementPoint, out, generated{}); err != nil {
		return nil, err
	}
	if err := s.judgeGenerated(ctx, r, in.EnforcementPoint, out); err != nil {
		return nil, err
	}
	out.arrange(r)
	return out, nil
}

func (s *Set) judgeGenerated(ctx context.Context, parent *request, point string, out *Outcome) error {
	children, err := s.expander.expand(parent.judged(), parent.namespace)
	if err != nil {
		out.Problems = append(out.Problems, model.Problem{Severity: model.Error, Code: "expansion", Message: model.OneLine(err.Error())})
		return nil
	}
	for _, child := range children {
		r := *parent
		r.object, r.oldObject, r.envelope = child.term, nil, nil
		r.source, r.matchable, r.req, r.judgedBy, r.problems = types.SourceTypeGenerated, nil, nil, nil, nil
		if err := s.judge(ctx, &r, point, out, child); err != nil {
			return err
		}
	}
	return nil
}

// request checks the question and gathers what it leaves to the inventory.
func (s *Set) request(in Review) (*request, error) {
	r := &request{
		object: in.Object, oldObject: in.OldObject, operation: in.Operation, inventory: in.Inventory,
		selected: in.Selected, timeout: in.Timeout, source: types.SourceTypeOriginal, watch: in.Watch,
	}
	if in.Operation == string(admissionv1.Delete) {
		if in.OldObject == nil {
			return nil, target.ErrOldObjectIsNil
		}
		r.object = in.OldObject
	}
	if r.judged() == nil {
		return nil, target.ErrRequestObject
	}
	if in.Request != nil {
		raw, err := jsonOf(in.Request)
		if err != nil {
			return nil, err
		}
		r.envelope = &admissionv1.AdmissionRequest{}
		if err := json.Unmarshal(raw, r.envelope); err != nil {
			return nil, fmt.Errorf("%w: %w", target.ErrReviewFormat, err)
		}
	}
	return r, r.findNamespace(in)
}

// judge asks the framework's client about one resource and adds what it says to the outcome.
func (s *Set) judge(ctx context.Context, r *request, point string, out *Outcome, from generated) error {
	responses, err := s.client.Review(ctx, r, reviews.EnforcementPoint(point))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.problems = append(r.problems, model.Problem{Severity: model.Error, Code: "gatekeeper", Message: model.OneLine(err.Error())})
	}
	for _, result := range responses.Results() {
		out.take(result, from)
	}
	out.Problems = append(out.Problems, r.problems...)
	out.Judged = append(out.Judged, r.judgedBy...)
	return nil
}

func (o *Outcome) take(result *frameworktypes.Result, from generated) {
	if from.action != "" {
		result.EnforcementAction = from.action
	}
	message := result.Msg
	if from.template != "" {
		message = fmt.Sprintf("[Implied by %s] %s", from.template, message)
	}
	proof, _ := result.Metadata[evidenceKey].(*evidence)
	o.Results = append(o.Results, Result{
		Policy: policyName(result.Constraint), Message: message, Details: result.Metadata["details"], Enforcement: enforcement(result),
		Expanded: from.template, Path: from.prefix, evidence: proof,
	})
}

// arrange gives the outcome an order that does not depend on maps, and names the resource in problems.
func (o *Outcome) arrange(r *request) {
	sort.SliceStable(o.Results, func(i, j int) bool {
		a, b := o.Results[i], o.Results[j]
		if a.Policy != b.Policy {
			return a.Policy < b.Policy
		}
		return a.Message < b.Message
	})
	sort.Strings(o.Judged)
	o.Judged = compact(o.Judged)
	name := resourceName(r.judged())
	for i := range o.Problems {
		o.Problems[i].Resource = name
	}
	sort.SliceStable(o.Problems, func(i, j int) bool { return o.Problems[i].Policy < o.Problems[j].Policy })
}

func compact(sorted []string) []string {
	out := sorted[:0]
	for i, s := range sorted {
		if i == 0 || s != sorted[i-1] {
			out = append(out, s)
		}
	}
	return out
}

// resourceName is `Kind/namespace/name`, or `Kind/name` without a namespace.
func resourceName(t *ast.Term) string {
	name := text(t, "metadata", "name")
	if ns := text(t, "metadata", "namespace"); ns != "" {
		name = ns + "/" + name
	}
	return text(t, "kind") + "/" + name
}

// processes of Gatekeeper's Config whose exclusions count at an enforcement point. What a cluster
// would not judge at admission, the command line does not judge either; gator ignores the Config.
var processes = map[string]process.Process{Webhook: process.Webhook, Audit: process.Audit, CLI: process.Webhook}

func (s *Set) excluded(r *request, point string) (bool, error) {
	p, any := processes[point]
	if !any {
		return false, nil
	}
	return s.excluder.IsNamespaceExcluded(p, header(r.judged()))
}
