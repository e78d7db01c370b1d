package constraint

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/constraints"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/match"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

// handler is Gatekeeper's validation target, but for its matchers: Gatekeeper's decode the resource
// once for every constraint, ours see what was decoded once.
type handler struct {
	target.K8sValidationTarget
	origin func(constraint *unstructured.Unstructured) *Object
}

// HandleReview accepts our requests only.
func (h *handler) HandleReview(review any) (bool, any, error) {
	_, ours := review.(*request)
	return ours, review, nil
}

// ToMatcher reads `spec.match`.
func (h *handler) ToMatcher(u *unstructured.Unstructured) (constraints.Matcher, error) {
	m := &matcher{policy: policyName(u), origin: h.origin(u)}
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
	origin *Object
	match  *match.Match // nil matches everything
}

// Match says whether the constraint applies to a request. Where that can't be told, the framework
// would report a violation; we report a problem, for it is not the resource's fault.
func (m *matcher) Match(review any) (bool, error) {
	r := review.(*request) // HandleReview lets nothing else through
	if r.selected != nil && !r.selected[m.policy] {
		return false, nil
	}
	matched, err := m.matches(r)
	if err != nil {
		r.problems = append(r.problems, m.failure(err))
		return false, nil
	}
	if matched {
		r.judgedBy = append(r.judgedBy, m.policy)
	}
	return matched, nil
}

func (m *matcher) matches(r *request) (bool, error) {
	if m.match == nil {
		return true, nil
	}
	objects := r.objects()
	if len(objects) == 0 {
		return false, fmt.Errorf("%w: neither object nor old object are defined", target.ErrRequestObject)
	}
	for _, obj := range objects {
		matched, err := match.Matches(m.match, &match.Matchable{Object: obj, Namespace: r.namespace, Source: r.source})
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
		l := m.origin.at(path...)
		p.File, p.Line, p.Column = m.origin.File, l.Line, l.Column
	}
	return p
}

func policyName(constraint *unstructured.Unstructured) string {
	return constraint.GetKind() + "/" + constraint.GetName()
}
