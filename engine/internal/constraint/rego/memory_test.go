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
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/recall"
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

// requestOf is a request about a Pod.
func requestOf(t *testing.T, name, spec string) *admission.Request {
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
	return request
}

// known says whether a driver remembers what it said of such a Pod.
func known(t *testing.T, d *Driver, spec string) bool {
	t.Helper()
	request := requestOf(t, "any", spec)
	review, err := request.ReviewTerm()
	if err != nil {
		t.Fatal(err)
	}
	question, ok := d.view(request, review).Question(gatekeeper.PolicyName(hostsConstraint()), d.templates["Hosts"].reads)
	_, told := d.memory.Recall(question)
	return ok && told
}

// ask asks about a Pod, and counts what is said.
func ask(t *testing.T, d *Driver, name, spec string) int {
	t.Helper()
	request := requestOf(t, name, spec)
	response, err := d.Query(t.Context(), "", []*unstructured.Unstructured{hostsConstraint()}, request)
	if err != nil {
		t.Fatal(err)
	}
	proofs := make([]*Evidence, len(response.Results))
	for i, result := range response.Results {
		proofs[i], _ = request.Proof(result).(*Evidence)
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
	if !known(t, d, `{"hostNetwork": true}`) || !known(t, d, `{}`) {
		t.Error("it is not remembered")
	}
	d.Close()
	if known(t, d, `{"hostNetwork": true}`) || known(t, d, `{}`) {
		t.Error("a closed driver remembers")
	}
	if ask(t, d, "later", `{"hostNetwork": true}`) != 1 {
		t.Error("a closed driver says nothing")
	}
}

func TestWhatIsHeavyIsNotRemembered(t *testing.T) {
	d := driverOf(t, strings.Replace(hosts, "spec.hostNetwork", `spec.hostNetwork[_] != ""`, 1))
	heavy := `{"hostNetwork": ["` + strings.Repeat("x", recall.Heaviest) + `"]}`
	for range 2 {
		if ask(t, d, "a", heavy) != 1 {
			t.Error("it says something else")
		}
	}
	if known(t, d, heavy) {
		t.Error("it is remembered")
	}
}
