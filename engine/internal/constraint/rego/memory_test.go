package rego

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
)

const hosts = `package hosts
violation[{"msg": msg}] { has(input.review.object.spec); msg := "host" }
has(spec) { spec.hostNetwork }`

// driverOf is a driver with one template and one constraint.
func driverOf(t *testing.T, rego string) *Driver {
	t.Helper()
	d := New(t.Context(), Options{Evaluator: compiled.Compiled}, func(*ast.Location) (string, int, int) { return "", 0, 0 })
	template := &templates.ConstraintTemplate{}
	template.Name, template.Spec.CRD.Spec.Names.Kind = "hosts", "Hosts"
	source := &templates.Anything{Value: map[string]any{"rego": rego}}
	template.Spec.Targets = []templates.Target{{Target: "admission.k8s.gatekeeper.sh", Code: []templates.Code{{Engine: schema.Name, Source: source}}}}
	if err := d.AddTemplate(t.Context(), template); err != nil {
		t.Fatal(err)
	}
	if err := d.AddConstraint(t.Context(), hostsConstraint()); err != nil {
		t.Fatal(err)
	}
	if bad := d.Link(); len(bad) > 0 {
		t.Fatal(bad)
	}
	return d
}

func hostsConstraint() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"kind": "Hosts", "metadata": map[string]any{"name": "all"}}}
}

// ask asks about a Pod, and counts what is said.
func ask(t *testing.T, d *Driver, name, spec string) int {
	t.Helper()
	pod := ast.MustParseTerm(fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q, "namespace": "default"}, "spec": %s}`, name, spec))
	inventory, err := admission.NewNamespaces(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request, err := admission.NewRequest(admission.Review{Object: pod, Inventory: inventory})
	if err != nil {
		t.Fatal(err)
	}
	response, err := d.Query(t.Context(), "", []*unstructured.Unstructured{hostsConstraint()}, request)
	if err != nil {
		t.Fatal(err)
	}
	proofs := make([]*Evidence, len(response.Results))
	for i, result := range response.Results {
		proofs[i] = EvidenceOf(result)
	}
	for _, path := range Locate(t.Context(), proofs) {
		if !strings.HasPrefix(fmt.Sprint(path), "[spec hostNetwork") {
			t.Errorf("it stands at %v", path)
		}
	}
	return len(response.Results)
}

func TestOneAnswerServesResourcesThatLookTheSame(t *testing.T) {
	d := driverOf(t, hosts)
	for i := range 10 {
		if ask(t, d, fmt.Sprint("on", i), `{"hostNetwork": true}`) != 1 || ask(t, d, fmt.Sprint("off", i), `{}`) != 0 {
			t.Error("it says something else")
		}
	}
	if n := len(d.memory.answers); n != 2 {
		t.Errorf("%d answers are remembered", n)
	}
	d.Close()
	if len(d.memory.answers)+len(d.memory.parts) > 0 {
		t.Error("a closed driver remembers")
	}
	if ask(t, d, "later", `{"hostNetwork": true}`) != 1 {
		t.Error("a closed driver says nothing")
	}
}

func TestWhatIsHeavyIsNotRemembered(t *testing.T) {
	d := driverOf(t, strings.Replace(hosts, "spec.hostNetwork", `spec.hostNetwork[_] != ""`, 1))
	heavy := `{"hostNetwork": ["` + strings.Repeat("x", heaviest) + `"]}`
	for range 2 {
		if ask(t, d, "a", heavy) != 1 {
			t.Error("it says something else")
		}
	}
	if len(d.memory.answers)+len(d.memory.parts) > 0 {
		t.Error("it is remembered")
	}
}

func TestAMemoryForgetsAndGoesOn(t *testing.T) {
	d := driverOf(t, strings.Replace(hosts, "spec.hostNetwork", `spec.hostNetwork[_] != ""`, 1))
	text := strings.Repeat("x", heaviest/2)
	for i := range 3 * mostMemory / len(text) {
		if ask(t, d, "a", fmt.Sprintf(`{"hostNetwork": ["%s%d"]}`, text, i)) != 1 {
			t.Error("it says something else")
		}
		weight := 0
		for _, one := range d.memory.parts {
			weight += one.weight
		}
		for _, one := range d.memory.answers {
			weight += one.weight
		}
		if weight > mostMemory || weight != d.memory.weight {
			t.Fatalf("%d bytes are remembered, and %d counted", weight, d.memory.weight)
		}
	}
	if len(d.memory.parts) < mostMemory/len(text)/4 {
		t.Errorf("only %d values are remembered", len(d.memory.parts))
	}
}

func TestValuesThatAreWrittenOtherwiseAreTold(t *testing.T) {
	var m memory
	seen := map[uint64]string{}
	for _, text := range []string{`[1]`, `[1.0]`, `[1e0]`, `1`, `1.0`, `{"a": 1}`, `{"a": 1.0}`, `["1"]`, `[true]`, `[null]`, `[]`, `{}`, `""`} {
		number, _ := m.number(ast.MustParseTerm(text))
		if before := seen[number]; before != "" {
			t.Errorf("%s is taken for %s", text, before)
		}
		seen[number] = text
	}
}

// TestValuesOfOneHashAreTold has two values of one hash: each is known as itself.
func TestValuesOfOneHashAreTold(t *testing.T) {
	var m memory
	a, b := ast.MustParseTerm(`["x"]`), ast.MustParseTerm(`["y"]`)
	first, _ := m.number(a)
	m.parts[b.Hash()] = m.parts[a.Hash()] // as if they shared it
	second, _ := m.number(b)
	again, _ := m.number(ast.MustParseTerm(`["y"]`))
	if first == second || second != again {
		t.Errorf("the numbers are %d, %d and %d", first, second, again)
	}
}
