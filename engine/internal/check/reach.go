package check

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// ReachParams are those of the method `policies/reach` (engine/README.md).
type ReachParams struct {
	Set      string          `json:"set"`
	Policies rego.Selections `json:"policies"`
	Kinds    []Kind          `json:"kinds"`
}

// Kind is a kind as a cluster serves it.
type Kind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced"`
}

// Reached is what there is to bring before the selected policies, and what to have at hand beside `data.inventory`, of
// which each policy says itself what it looks up.
type Reached struct {
	Judged      model.List[int] `json:"judged"`      // indices of the kinds at which some policy may look
	Namespaces  bool            `json:"namespaces"`  // whether the Namespace of a resource may count
	Definitions bool            `json:"definitions"` // whether resources are held to the definitions of their types
}

// Reach says at which kinds the selected policies of a set may look, and what has to be at hand.
func Reach(ctx context.Context, set *policyset.Set, params ReachParams) (Reached, error) {
	evaluator, err := set.Rego.NewEvaluator(ctx, params.Policies, time.Second)
	if err != nil {
		return Reached{}, err
	}
	defer evaluator.Close(context.WithoutCancel(ctx))
	reads := set.Rego.Reads(params.Policies)
	_, namespaces := looksUp(set, reads)
	out := Reached{Namespaces: namespaces, Definitions: reads.Schema}
	for i, kind := range params.Kinds {
		if len(evaluator.Policies(kind.resource())) > 0 || set.Gatekeeper.Reaches(evaluator.Selected(), kind.groupVersionKind()) {
			out.Judged = append(out.Judged, i)
		}
	}
	return out, nil
}

func (k Kind) groupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(k.APIVersion, k.Kind)
}

// resource is some object of the kind.
func (k Kind) resource() model.Resource {
	id := model.Resource{APIVersion: k.APIVersion, Kind: k.Kind, Name: "some"}
	if k.Namespaced {
		id.Namespace = "some"
	}
	return id
}
