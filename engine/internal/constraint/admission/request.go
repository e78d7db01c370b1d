// Package admission holds what is judged: a request as an API server, or a file, makes it, with the Namespaces and the
// inventory that policies may look up.
package admission

import (
	"time"

	frameworktypes "github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/model"
)

// Request travels through the framework's client as the review: from a set's Review to the matchers and
// drivers and back. It belongs to one goroutine.
type Request struct {
	object, oldObject *ast.Term
	operation         string
	envelope          *admissionv1.AdmissionRequest // nil for a bare resource
	matchable         []*unstructured.Unstructured  // what matchers look at, once made
	plain             *admissionv1.AdmissionRequest // the same of a bare resource, once made

	// Namespace is what match blocks see, NamespaceTerm what policies do; either may be nil.
	Namespace     *corev1.Namespace
	NamespaceTerm *ast.Term
	// Source tells resources that were written from those that were generated.
	Source types.SourceType
	// Inventory, Selected, Timeout and Watch are those of the Review.
	Inventory *Inventory
	Selected  map[string]bool
	Timeout   time.Duration
	Watch     Watch

	proofs map[*frameworktypes.Result]any

	// JudgedBy are the policies that apply, Problems what went wrong; matchers and drivers add to them.
	JudgedBy []string
	Problems []model.Problem
}

// Judged is the object that the request is about.
func (r *Request) Judged() *ast.Term {
	if r.object != nil {
		return r.object
	}
	return r.oldObject
}

// Old is the object as it was before; nil where there is none.
func (r *Request) Old() *ast.Term { return r.oldObject }

// New is the object as it is to be; nil where there is none.
func (r *Request) New() *ast.Term { return r.object }

// Operation is what is asked to be done; "" outside an admission request.
func (r *Request) Operation() string { return r.operation }

// Objects are the object and the old object with the fields that a match block can name.
func (r *Request) Objects() []*unstructured.Unstructured {
	if r.matchable == nil {
		for _, t := range []*ast.Term{r.object, r.oldObject} {
			if t != nil {
				r.matchable = append(r.matchable, terms.Header(t))
			}
		}
	}
	return r.matchable
}

// GetAdmissionRequest is how the client asks for the request, of which it wants the operation, once for each template. The
// objects are not in it.
func (r *Request) GetAdmissionRequest() *admissionv1.AdmissionRequest {
	if r.envelope != nil {
		return r.envelope
	}
	if r.plain == nil {
		r.plain = r.plainRequest()
	}
	return r.plain
}

// IsAdmissionRequest says whether the request came from an API server.
func (r *Request) IsAdmissionRequest() bool { return r.envelope != nil }

// Generated is the same question about a resource that this one makes.
func (r *Request) Generated(object *ast.Term) *Request {
	out := *r
	out.object, out.oldObject, out.envelope = object, nil, nil
	out.Source, out.matchable, out.plain, out.JudgedBy, out.Problems = types.SourceTypeGenerated, nil, nil, nil, nil
	return &out
}

// Prove notes what a driver knows of a result that it returns. The client has a place for it in the result, a map, which is the
// larger part of what a violation costs.
func (r *Request) Prove(result *frameworktypes.Result, proof any) {
	if r.proofs == nil {
		r.proofs = map[*frameworktypes.Result]any{}
	}
	r.proofs[result] = proof
}

// Proof is what was noted of a result; nil where nothing was.
func (r *Request) Proof(result *frameworktypes.Result) any { return r.proofs[result] }
