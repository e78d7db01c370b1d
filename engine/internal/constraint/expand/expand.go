// Package expand makes the resources that a workload's controller would create.
package expand

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/gatekeeper/v3/apis/expansion/unversioned"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/expansion"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/opa/v1/ast"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

// Expander makes the resources that a workload's controller would create.
type Expander struct {
	system  *expansion.System
	sources map[string]string // by name of the ExpansionTemplate: where its parents hold the template
	Parents []model.GroupKind // what others follow from
}

// New knows no ExpansionTemplate yet.
func New() *Expander {
	return &Expander{system: expansion.NewSystem(nil), sources: map[string]string{}}
}

// Empty says whether nothing is made of anything.
func (e *Expander) Empty() bool { return len(e.sources) == 0 }

// Knows says whether there is an ExpansionTemplate of a name.
func (e *Expander) Knows(name string) bool {
	_, known := e.sources[name]
	return known
}

// Add adds an ExpansionTemplate.
func (e *Expander) Add(template *unversioned.ExpansionTemplate) error {
	if err := e.system.UpsertTemplate(template); err != nil {
		return err
	}
	e.sources[template.Name] = template.Spec.TemplateSource
	for _, one := range template.Spec.ApplyTo {
		e.Parents = append(e.Parents, model.GroupKinds(one.Groups, one.Kinds)...)
	}
	return nil
}

// Generated is a resource that stems from a workload.
type Generated struct {
	Term     *ast.Term
	Template string // name of the ExpansionTemplate
	Action   string // enforcement action that it imposes, if any
	Prefix   []any  // path of the resource's template within the workload's manifest
}

// Expand makes every resource that follows from a parent, over several steps if need be (a CronJob's
// Job's Pod).
func (e *Expander) Expand(parent *ast.Term, namespace *corev1.Namespace) ([]Generated, error) {
	if len(e.sources) == 0 {
		return nil, nil
	}
	value, err := ast.JSON(parent.Value)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, nil
	}
	base := &unstructured.Unstructured{Object: object}
	resultants, err := e.system.Expand(&types.Mutable{Object: base, Namespace: namespace, Source: types.SourceTypeOriginal})
	if err != nil {
		return nil, fmt.Errorf("expanding %s `%s`: %w", base.GetKind(), base.GetName(), err)
	}
	out := make([]Generated, 0, len(resultants))
	for _, r := range resultants {
		value, err := ast.InterfaceToValue(r.Obj.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, Generated{ast.NewTerm(value), r.TemplateName, r.EnforcementAction, e.prefix(r, resultants)})
	}
	return out, nil
}

// prefix follows owners up to the workload.
func (e *Expander) prefix(r *expansion.Resultant, all []*expansion.Resultant) []any {
	var out []any
	for range all { // no chain is longer
		var steps []any
		for _, step := range strings.Split(e.sources[r.TemplateName], ".") {
			steps = append(steps, step)
		}
		out = append(steps, out...)
		if r = ownerAmong(r.Obj, all); r == nil {
			break
		}
	}
	return out
}

func ownerAmong(obj *unstructured.Unstructured, all []*expansion.Resultant) *expansion.Resultant {
	for _, owner := range obj.GetOwnerReferences() {
		for _, r := range all {
			if r.Obj.GetKind() == owner.Kind && r.Obj.GetAPIVersion() == owner.APIVersion && r.Obj.GetName() == owner.Name {
				return r
			}
		}
	}
	return nil
}
