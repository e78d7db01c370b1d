package admission

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	admissionv1 "k8s.io/api/admission/v1"

	"attest.continuu.ms/engine/internal/constraint/terms"
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
	// EnforcementPoint is one of the constants of package enforcement; "" is enforcement.CLI.
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

// NewRequest checks the question and gathers what it leaves to the inventory.
func NewRequest(in Review) (*Request, error) {
	r := &Request{
		object: in.Object, oldObject: in.OldObject, operation: in.Operation, Inventory: in.Inventory,
		Selected: in.Selected, Timeout: in.Timeout, Source: types.SourceTypeOriginal, Watch: in.Watch,
	}
	if in.Operation == string(admissionv1.Delete) {
		if in.OldObject == nil {
			return nil, target.ErrOldObjectIsNil
		}
		r.object = in.OldObject
	}
	if r.Judged() == nil {
		return nil, target.ErrRequestObject
	}
	if in.Request != nil {
		raw, err := terms.JSON(in.Request)
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
