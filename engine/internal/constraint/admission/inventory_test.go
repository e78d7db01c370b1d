package admission

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestEarlierDefinitionsStandAsideForPlainPolicies(t *testing.T) {
	var resources []*ast.Term
	for _, text := range []string{
		`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"n": "1"}}`,
		`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"n": "2"}}`,
		`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "shop"}, "data": {"n": "3"}}`,
		`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}`,
	} {
		resources = append(resources, ast.MustParseTerm(text))
	}
	inventory, err := NewInventory(t.Context(), resources)
	if err != nil {
		t.Fatal(err)
	}
	for version, expected := range map[string]string{"v1": "3", "v1 (2)": "1", "v1 (3)": "2"} {
		path := ast.MustParseRef(`x.namespace.shop["` + version + `"].ConfigMap.c.data.n`)[1:]
		if found, err := inventory.Whole().Value.Find(path); err != nil || found.Compare(ast.String(expected)) != 0 {
			t.Errorf("%s has %v (%v), expected %s", version, found, err, expected)
		}
	}
	aside := ast.MustParseRef(`x.inventory.namespace.shop["v1 (2)"]`)[1:]
	if found, err := inventory.Stored.Find(aside); err == nil {
		t.Errorf("Gatekeeper sees %v, which it would not in a cluster", found)
	}
}
