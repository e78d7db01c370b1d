package admission

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func object(kind, namespace, name, value string) Object {
	text := fmt.Sprintf(`{"apiVersion": "v1", "kind": %q, "metadata": {"name": %q, "namespace": %q}, "data": {"n": %q}}`, kind, name, namespace, value)
	if namespace == "" {
		text = fmt.Sprintf(`{"apiVersion": "v1", "kind": %q, "metadata": {"name": %q}, "data": {"n": %q}}`, kind, name, value)
	}
	return Object{ast.MustParseTerm(text), int64(len(text))}
}

// has says what stands at `namespace.NAMESPACE.v1.KIND.NAME.data.n`, or without a namespace below `cluster`.
func has(t *testing.T, state *Snapshot, kind, namespace, name string) string {
	t.Helper()
	inventory, err := state.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := ast.Ref{}
	for _, step := range append((Named{"v1", kind, namespace, name}).path(), "data", "n") {
		path = append(path, ast.StringTerm(step))
	}
	found, err := inventory.Whole().Value.Find(path)
	stored, other := inventory.Stored.Find(append(ast.Ref{ast.StringTerm("inventory")}, path...))
	if (err == nil) != (other == nil) || err == nil && found.Compare(stored) != 0 {
		t.Errorf("plain policies see %v, constraints %v", found, stored)
	}
	if err != nil {
		return ""
	}
	return string(found.(ast.String))
}

func TestAStateStaysAsItWas(t *testing.T) {
	held := NewHeld(1 << 20)
	first, err := held.Apply([]Object{object("ConfigMap", "shop", "a", "1"), object("ConfigMap", "shop", "b", "1"), object("Node", "", "n", "1")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if has(t, first, "ConfigMap", "shop", "a") != "1" {
		t.Fatal("the object is not there")
	}
	second, err := held.Apply([]Object{object("ConfigMap", "shop", "a", "2")}, []Named{{"v1", "ConfigMap", "shop", "b"}, {"v1", "ConfigMap", "none", "b"}, {"v1", "Node", "", "n"}})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[[3]string][2]string{
		{"ConfigMap", "shop", "a"}: {"1", "2"}, {"ConfigMap", "shop", "b"}: {"1", ""}, {"Node", "", "n"}: {"1", ""},
	} {
		for i, state := range []*Snapshot{first, second} {
			if got := has(t, state, at[0], at[1], at[2]); got != want[i] {
				t.Errorf("state %d has %q at %v, want %q", i+1, got, at, want[i])
			}
		}
	}
	if held.Now() != second || first.Objects != 3 || second.Objects != 1 {
		t.Error(first.Objects, second.Objects)
	}
	if want := object("ConfigMap", "shop", "a", "2").Bytes; second.Bytes != want {
		t.Errorf("%d bytes, want %d", second.Bytes, want)
	}
	last, err := held.Apply(nil, []Named{{"v1", "ConfigMap", "shop", "a"}})
	if err != nil || last.Bytes != 0 || last.Objects != 0 || last.root != nil {
		t.Error(last, err)
	}
}

func TestWhatCanNotBeHeldChangesNothing(t *testing.T) {
	small := object("ConfigMap", "shop", "a", "1")
	for name, c := range map[string]struct {
		object Object
		said   string
	}{
		"too large":     {object("ConfigMap", "shop", "b", strings.Repeat("x", 200)), "and may hold 200"},
		"no name":       {Object{ast.MustParseTerm(`{"apiVersion": "v1", "kind": "ConfigMap"}`), 1}, "without apiVersion, kind or metadata.name"},
		"no object":     {Object{ast.MustParseTerm(`[]`), 1}, "without apiVersion, kind or metadata.name"},
		"bad namespace": {Object{ast.MustParseTerm(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n", "labels": 7}}`), 1}, "namespace `n`"},
	} {
		t.Run(name, func(t *testing.T) {
			held := NewHeld(200)
			before, err := held.Apply([]Object{small}, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = held.Apply([]Object{object("ConfigMap", "shop", "a", "2"), c.object}, []Named{{"v1", "ConfigMap", "shop", "a"}})
			if err == nil || !strings.Contains(err.Error(), c.said) {
				t.Errorf("%v, want %q", err, c.said)
			}
			if held.Now() != before || has(t, before, "ConfigMap", "shop", "a") != "1" {
				t.Error("the state has changed")
			}
		})
	}
}

func TestResourcesTakeThePlaceOfHeldOnes(t *testing.T) {
	held := NewHeld(1 << 20)
	state, err := held.Apply([]Object{object("ConfigMap", "shop", "a", "1"), object("ConfigMap", "shop", "b", "1")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inventory, err := state.With(t.Context(), []*ast.Term{object("ConfigMap", "shop", "a", "2").Term})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{`["v1"].ConfigMap.a.data.n`: "2", `["v1"].ConfigMap.b.data.n`: "1", `["v1 (2)"].ConfigMap.a.data.n`: ""} {
		found, err := inventory.Whole().Value.Find(ast.MustParseRef(`x.namespace.shop` + path)[1:])
		if (err == nil) != (want != "") || err == nil && found.Compare(ast.String(want)) != 0 {
			t.Errorf("%s is %v (%v), want %q", path, found, err, want)
		}
	}
	if has(t, state, "ConfigMap", "shop", "a") != "1" {
		t.Error("the state has changed")
	}
}

func TestNamespacesAreThoseOfTheState(t *testing.T) {
	held := NewHeld(1 << 20)
	first, err := held.Apply([]Object{object("Namespace", "", "shop", "1")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := held.Apply(nil, []Named{{"v1", "Namespace", "", "shop"}})
	if err != nil || first.Namespace("shop") == nil || second.Namespace("shop") != nil {
		t.Error(first.Namespace("shop"), second.Namespace("shop"), err)
	}
}
