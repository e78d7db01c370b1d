// Package match decides which constraints apply to a request.
package match

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/constraints"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/match"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// Handler is Gatekeeper's validation target, but for its matchers: Gatekeeper's decode the resource
// once for every constraint, ours see what was decoded once.
type Handler struct {
	target.K8sValidationTarget
	origin func(constraint *unstructured.Unstructured) *gatekeeper.Object
}

// New is the target; origin finds the document of a constraint.
func New(origin func(constraint *unstructured.Unstructured) *gatekeeper.Object) *Handler {
	return &Handler{origin: origin}
}

// HandleReview accepts our requests only.
func (h *Handler) HandleReview(review any) (bool, any, error) {
	_, ours := review.(*admission.Request)
	return ours, review, nil
}

// ToMatcher reads `spec.match`.
func (h *Handler) ToMatcher(u *unstructured.Unstructured) (constraints.Matcher, error) {
	m := &matcher{policy: gatekeeper.PolicyName(u), origin: h.origin(u)}
	block, found, err := unstructured.NestedMap(u.Object, "spec", "match")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", target.ErrCreatingMatcher, err)
	}
	if !found || block == nil {
		return m, nil
	}
	raw, err := json.Marshal(block)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", target.ErrCreatingMatcher, err)
	}
	m.match = &match.Match{}
	if err := json.Unmarshal(raw, m.match); err != nil {
		return nil, fmt.Errorf("%w: %w", target.ErrCreatingMatcher, err)
	}
	return m, nil
}

// matcher is the match block of one constraint.
type matcher struct {
	policy string
	origin *gatekeeper.Object
	match  *match.Match // nil matches everything
}

// Match says whether the constraint applies to a request. Where that can't be told, the framework
// would report a violation; we report a problem, for it is not the resource's fault.
func (m *matcher) Match(review any) (bool, error) {
	r := review.(*admission.Request) // HandleReview lets nothing else through
	if r.Selected != nil && !r.Selected[m.policy] {
		return false, nil
	}
	matched, err := m.matches(r)
	if err != nil {
		r.Problems = append(r.Problems, m.failure(err))
		return false, nil
	}
	if matched {
		r.JudgedBy = append(r.JudgedBy, m.policy)
	}
	return matched, nil
}

func (m *matcher) matches(r *admission.Request) (bool, error) {
	if m.match == nil {
		return true, nil
	}
	objects := r.Objects()
	if len(objects) == 0 {
		return false, fmt.Errorf("%w: neither object nor old object are defined", target.ErrRequestObject)
	}
	for _, obj := range objects {
		matched, err := match.Matches(m.match, &match.Matchable{Object: obj, Namespace: r.Namespace, Source: r.Source})
		if err != nil {
			return false, fmt.Errorf("%w: %v :%w", target.ErrMatching, obj.GetName(), err)
		}
		if matched {
			return true, nil
		}
	}
	return false, nil
}

func (m *matcher) failure(err error) model.Problem {
	p := model.Problem{Severity: model.Error, Code: "match_error", Policy: m.policy, Message: model.OneLine(err.Error())}
	path := []any{"spec", "match"}
	if m.match != nil && m.match.NamespaceSelector != nil {
		path = append(path, "namespaceSelector")
		p.Hint = "add the manifest of the resource's Namespace to the inputs or to the inventory: the selector reads its labels"
	}
	if m.origin != nil {
		l := m.origin.At(path...)
		p.File, p.Line, p.Column = m.origin.File, l.Line, l.Column
	}
	return p
}

// Reaches says whether a constraint may apply to objects of a kind, whatever else they are. What can't be read as a
// match block is no reason to leave them out.
func Reaches(constraint *gatekeeper.Object, kind schema.GroupVersionKind) bool {
	raw, err := json.Marshal(gatekeeper.Lookup(constraint.Value, "spec", "match", "kinds"))
	if err != nil {
		return true
	}
	kinds := match.Match{}
	if err := json.Unmarshal(raw, &kinds.Kinds); err != nil {
		return true
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	matched, err := match.Matches(&kinds, &match.Matchable{Object: object, Source: types.SourceTypeOriginal})
	return matched || err != nil
}
