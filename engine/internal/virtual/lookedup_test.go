package virtual

import (
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

func TestReferencesSayWhatIsLookedUp(t *testing.T) {
	for body, want := range map[string][]model.Kind{
		`data.inventory.namespace[_]["apps/v1"].Deployment[_].spec`: {{APIVersion: "apps/v1", Kind: "Deployment"}},
		`data.inventory.namespace[input.ns][version]["Ingress"]`:    {{Kind: "Ingress"}},
		`data.inventory.cluster["v1"].Node`:                         {{APIVersion: "v1", Kind: "Node"}},
		`data.inventory.cluster.v1[kind]`:                           {model.AnyKind},
		`data.inventory.namespace`:                                  {model.AnyKind},
		`data.inventory`:                                            {model.AnyKind},
		`data[x]`:                                                   {model.AnyKind},
		`data`:                                                      {model.AnyKind},
		`data.inventory[scope].v1.Node`:                             {model.AnyKind},
		`data.other.inventory`:                                      nil,
		`input.inventory`:                                           nil,
		`data.inventory.cluster.v1.Node; data.inventory.namespace.a["v1"].Service.b`: {{APIVersion: "v1", Kind: "Node"}, {APIVersion: "v1", Kind: "Service"}},
	} {
		if got := model.Kinds(LookedUp(ast.MustParseBody(body))); !slices.Equal(got, model.Kinds(want)) {
			t.Errorf("%s looks up %v, want %v", body, got, want)
		}
	}
}
