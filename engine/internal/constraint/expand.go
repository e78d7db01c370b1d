package constraint

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/expansion"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/opa/v1/ast"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// expander makes the resources that a workload's controller would create.
type expander struct {
	system  *expansion.System
	sources map[string]string // by name of the ExpansionTemplate: where its parents hold the template
}

// generated is a resource that stems from a workload.
type generated struct {
	term     *ast.Term
	template string // name of the ExpansionTemplate
	action   string // enforcement action that it imposes, if any
	prefix   []any  // path of the resource's template within the workload's manifest
}

// expand makes every resource that follows from a parent, over several steps if need be (a CronJob's
// Job's Pod).
func (e *expander) expand(parent *ast.Term, namespace *corev1.Namespace) ([]generated, error) {
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
	out := make([]generated, 0, len(resultants))
	for _, r := range resultants {
		value, err := ast.InterfaceToValue(r.Obj.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, generated{ast.NewTerm(value), r.TemplateName, r.EnforcementAction, e.prefix(r, resultants)})
	}
	return out, nil
}

// prefix follows owners up to the workload.
func (e *expander) prefix(r *expansion.Resultant, all []*expansion.Resultant) []any {
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
