package constraint

import (
	"time"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

// request travels through the framework's client as the review: from Set.Review to the matchers and
// drivers and back. It belongs to one goroutine.
type request struct {
	object, oldObject *ast.Term
	operation         string
	envelope          *admissionv1.AdmissionRequest // nil for a bare resource
	namespace         *corev1.Namespace
	namespaceTerm     *ast.Term
	source            types.SourceType
	inventory         *Inventory
	selected          map[string]bool // nil: every policy
	timeout           time.Duration
	watch             Watch

	matchable []*unstructured.Unstructured // what matchers look at, once made
	req       *admissionv1.AdmissionRequest
	judgedBy  []string
	problems  []model.Problem
}

// judged is the object that the request is about.
func (r *request) judged() *ast.Term {
	if r.object != nil {
		return r.object
	}
	return r.oldObject
}

// objects are the object and the old object with the fields that a match block can name.
func (r *request) objects() []*unstructured.Unstructured {
	if r.matchable == nil {
		for _, t := range []*ast.Term{r.object, r.oldObject} {
			if t != nil {
				r.matchable = append(r.matchable, header(t))
			}
		}
	}
	return r.matchable
}

func header(t *ast.Term) *unstructured.Unstructured {
	out := map[string]any{}
	for _, key := range []string{"apiVersion", "kind", "metadata"} {
		if m := member(t, key); m != nil {
			if value, err := ast.JSON(m.Value); err == nil {
				out[key] = value
			}
		}
	}
	return &unstructured.Unstructured{Object: out}
}

// GetAdmissionRequest is how the client and the CEL driver ask for the request. The CEL driver
// changes what it gets, so it gets a copy of its own.
func (r *request) GetAdmissionRequest() *admissionv1.AdmissionRequest {
	if r.req == nil {
		req, err := r.admission()
		if err != nil { // terms that came from JSON go back to JSON
			req = &admissionv1.AdmissionRequest{}
		}
		r.req = req
	}
	out := *r.req
	return &out
}

// IsAdmissionRequest says whether the request came from an API server.
func (r *request) IsAdmissionRequest() bool { return r.envelope != nil }
