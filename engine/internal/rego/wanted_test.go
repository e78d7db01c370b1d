package rego

import (
	"reflect"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

const deployment = `{
	"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop", "labels": {"app": "a"}},
	"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "c", "ports": [{"name": "web"}]}, {"name": "d"}]}}}
}`

func TestOnlyFieldsThatPoliciesNameAreHeld(t *testing.T) {
	for name, c := range map[string]struct {
		stated []any
		want   string
	}{
		"nothing of another kind":  {[]any{"Pod"}, ""},
		"all, where none is named": {[]any{"Deployment"}, deployment},
		"its name alone": {
			[]any{map[string]any{"Deployment": []any{}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"}}`,
		},
		"a field, and all below it": {
			[]any{map[string]any{"Deployment": []any{"metadata.labels"}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop", "labels": {"app": "a"}}}`,
		},
		"through lists": {
			[]any{map[string]any{"Deployment": []any{"spec.template.spec.containers.ports"}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"},
			"spec": {"template": {"spec": {"containers": [{"ports": [{"name": "web"}]}, {}]}}}}`,
		},
		"below what is no object": {
			[]any{map[string]any{"Deployment": []any{"spec.replicas.x"}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"replicas": 2}}`,
		},
		"one that is not there": {
			[]any{map[string]any{"Deployment": []any{"status.x"}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"}}`,
		},
		"a field and one below it": {
			[]any{map[string]any{"Deployment": []any{"metadata.labels.other", "metadata.labels"}}},
			`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop", "labels": {"app": "a"}}}`,
		},
		"all, where anybody wants all": {
			[]any{map[string]any{"Deployment": []any{"metadata.labels"}}, "Deployment"}, deployment,
		},
	} {
		t.Run(name, func(t *testing.T) {
			kinds, wrong := declaredKinds(c.stated)
			if wrong != "" {
				t.Fatal(wrong)
			}
			got := Wanted{Kinds: kinds}.Of(model.Resource{Kind: "Deployment"}, ast.MustParseTerm(deployment))
			if c.want == "" {
				if got != nil {
					t.Errorf("%v", got)
				}
				return
			}
			if got == nil || got.Value.Compare(ast.MustParseTerm(c.want).Value) != 0 {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestWhatTwoPoliciesLookAtIsHeldForBoth(t *testing.T) {
	labels, _ := declaredKinds([]any{map[string]any{"Pod": []any{"metadata.labels"}}})
	spec, _ := declaredKinds([]any{map[string]any{"Pod": []any{"spec"}}, "Service"})
	both := Wanted{Kinds: labels}.And(Wanted{Kinds: spec})
	if !reflect.DeepEqual(both, Wanted{Kinds: spec}.And(Wanted{Kinds: labels})) {
		t.Error("the order matters")
	}
	metadata := Fields{"name": nil, "namespace": nil, "labels": nil}
	want := map[string]Fields{"Pod": {"apiVersion": nil, "kind": nil, "metadata": metadata, "spec": nil}, "Service": nil}
	if both.All || !reflect.DeepEqual(both.Kinds, want) {
		t.Errorf("%v", both)
	}
	if _, grown := labels["Pod"]["spec"]; grown || len(naming["metadata"]) != 2 {
		t.Error("what was merged is no longer what it was")
	}
	whole := Wanted{All: true}.And(both)
	if pod := ast.MustParseTerm(`{"status": 1}`); whole.Of(model.Resource{Kind: "Node"}, pod) != pod {
		t.Error("who looks at everything is given less")
	}
}

func TestWhatIsWrongWithTheKindsThatAPolicyLooksUpIsSaid(t *testing.T) {
	for name, stated := range map[string]any{
		"no list": "Pod", "a number": []any{1.0}, "fields that are no list": []any{map[string]any{"Pod": "spec"}},
		"a field that is no text": []any{map[string]any{"Pod": []any{1.0}}}, "an empty field": []any{map[string]any{"Pod": []any{""}}},
		"no fields": []any{map[string]any{"Pod": nil}},
	} {
		if kinds, wrong := declaredKinds(stated); wrong == "" || kinds != nil {
			t.Errorf("%s: %v", name, kinds)
		}
	}
}
