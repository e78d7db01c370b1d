package constraint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/terms"
)

// regoTemplates are what a template's Rego can do, one trick each.
var regoTemplates = map[string]string{
	"Echo":        `violation[{"msg": "review", "details": input.review}] { true }`,
	"Parameters":  `violation[{"msg": msg}] { msg := sprintf("%v", [input.parameters]) }`,
	"SameTwice":   `violation[{"msg": "twice", "note": n}] { n := [1, 2][_] }`,
	"DetailsNull": `violation[{"msg": "m", "details": null}] { true }`,
	"DetailsSet":  `violation[{"msg": "m", "details": {"s": {3, 1, 2}}}] { true }`,
	"Containers": `violation[{"msg": msg}] { c := containers[_]; not startswith(c.image, input.parameters.repo); msg := c.name }
containers[c] { c := input.review.object.spec.containers[_] }
containers[c] { c := input.review.object.spec.initContainers[_] }`,
	"Builtin":      `violation[{"msg": "unreachable"}] { to_number("x") > 1 }`,
	"Conflict":     `violation[{"msg": "m"}] { value == 1 } value = 1 { true } value = 2 { true }`,
	"Complete":     `violation = {{"msg": "from a complete rule"}}`,
	"Inventory":    `violation[{"msg": msg}] { other := data.inventory.namespace[ns][_].Pod[name]; name != input.review.object.metadata.name; msg := sprintf("%v/%v %v", [ns, name, other.spec]) }`,
	"Cluster":      `violation[{"msg": msg}] { data.inventory.cluster["v1"].Namespace[name].metadata.labels.tier; msg := name }`,
	"InventorySum": `violation[{"msg": msg}] { msg := sprintf("%v", [count(data.inventory)]) }`,
	"Namespace":    `violation[{"msg": msg}] { msg := sprintf("%v", [input.review.namespaceObject]) }`,
	"With":         `violation[{"msg": "with"}] { probe with input as {"x": 1} } probe { input.x == 1 }`,
	"Future":       "import future.keywords.in\nimport future.keywords.contains\nimport future.keywords.if\nviolation contains {\"msg\": \"in\"} if { 1 in [1, 2] }",
	"Default": `default allowed = false
violation[{"msg": "not allowed"}] { not allowed }
allowed { input.review.operation == "DELETE" }`,
	"Unstable": `violation[{"msg": msg}] { msg := sprintf("%v", [object.get(input.review, "_unstable", "none")]) }`,
	"Numbers":  `violation[{"msg": msg}] { msg := sprintf("%v %v", [input.parameters.n, input.review.object.spec.size]) }`,
}

// regoPolicies are those templates, each with two constraints.
func regoPolicies(t testing.TB, names ...string) []gatekeeper.Object {
	var b strings.Builder
	for name, body := range regoTemplates {
		if len(names) == 0 || slices.Contains(names, name) {
			b.WriteString(templateOf(name, "package "+strings.ToLower(name)+"\n"+body, ""))
			for _, constraint := range []string{"one", "two"} {
				fmt.Fprintf(&b, "\n---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: %s\nmetadata: {name: %s}\nspec: {parameters: {repo: %s.io/, n: 1.50}}\n---\n", name, constraint, constraint)
			}
		}
	}
	return objects(t, "p.yaml", b.String())
}

func templateOf(kind, rego, version string) string {
	code := map[string]any{"engine": "Rego", "source": map[string]any{"rego": rego, "version": version}}
	raw, _ := json.Marshal(map[string]any{
		"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate", "metadata": map[string]any{"name": strings.ToLower(kind)},
		"spec": map[string]any{
			"crd": map[string]any{"spec": map[string]any{
				"names":      map[string]any{"kind": kind},
				"validation": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
			}},
			"targets": []any{map[string]any{"target": target.Name, "code": []any{code}}},
		},
	})
	return string(raw)
}

var inventoryOf = []string{
	"{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {tier: a}}}",
	"{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: prod}, spec: {size: 1.0, list: [1, {a: b}]}}",
	"{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: prod}, spec: {}}",
}

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {a: b}, annotations: {é: "ü"}}
spec:
  size: 2.50
  containers: [{name: a, image: one.io/x}, {name: b, image: two.io/x}]
  initContainers: [{name: i, image: three.io/x, args: ["1", null]}]
`

func TestFusedRegoSaysWhatUpstreamSays(t *testing.T) {
	policies := regoPolicies(t)
	oracle := upstream(t, false, policies)
	var resources []*ast.Term
	for _, source := range inventoryOf {
		resources = append(resources, term(t, source))
		if _, err := oracle.AddData(t.Context(), fromTerm(t, term(t, source))); err != nil {
			t.Fatal(err)
		}
	}
	set, _, problems := Load(t.Context(), policies, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, source := range append(inventoryOf, pod, "{apiVersion: v1, kind: List, metadata: {}}", "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: c}}") {
		resource := term(t, source)
		ns := &corev1.Namespace{}
		if terms.Text(resource, "metadata", "namespace") != "" {
			ns = nil
		}
		// gator never tells policies of the Namespace object; a cluster does.
		var opts []reviews.ReviewOpt
		if n := namespaceFor(t, resource, resources); n != nil {
			opts = append(opts, reviews.Namespace(n))
		}
		want := upstreamVerdict(t, oracle, target.AugmentedUnstructured{Object: *fromTerm(t, resource), Namespace: ns, Source: types.SourceTypeOriginal}, opts...)
		got := ourVerdict(t, review(t, set, admission.Review{Object: resource, EnforcementPoint: enforcement.Gator, Inventory: inventory(t, resources...)}))
		sameLines(t, source, got, want)
	}
}

// namespaceFor is the Namespace of a resource among others, as policies see it, or nil.
func namespaceFor(t *testing.T, resource *ast.Term, all []*ast.Term) map[string]any {
	t.Helper()
	var found map[string]any
	for _, each := range all {
		if terms.Text(each, "kind") != "Namespace" || terms.Text(each, "metadata", "name") != terms.Text(resource, "metadata", "namespace") {
			continue
		}
		var err error
		if found, err = util.NamespaceToMap(namespaceObject(t, each)); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func sameLines(t *testing.T, title string, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: only we say %s", title, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s: only upstream says %s", title, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: we say %d things, upstream %d", title, len(got), len(want))
	}
}

// An admission request reaches policies in the shape that Gatekeeper's webhook gives it.
func TestAdmissionRequestsKeepTheirShape(t *testing.T) {
	policies := regoPolicies(t, "Echo", "Default")
	oracle := upstream(t, false, policies)
	set, _, _ := Load(t.Context(), policies, Options{})
	for name, source := range map[string]string{
		"create": `{uid: u1, operation: CREATE, name: web, namespace: prod, kind: {group: "", version: v1, kind: Pod},
			resource: {group: "", version: v1, resource: pods}, requestKind: {group: "", version: v1, kind: Pod},
			userInfo: {username: eve, groups: [a, b], extra: {k: [v]}}, dryRun: true, options: {kind: CreateOptions, apiVersion: meta.k8s.io/v1},
			object: {apiVersion: v1, kind: Pod, metadata: {name: web}}, strange: 1}`,
		"update": `{uid: u2, operation: UPDATE, name: web, kind: {group: "", version: v1, kind: Pod}, subResource: scale,
			object: {apiVersion: v1, kind: Pod, metadata: {name: web}}, oldObject: {apiVersion: v1, kind: Pod, metadata: {name: old}}}`,
		"delete": `{uid: u3, operation: DELETE, kind: {group: "", version: v1, kind: Pod}, oldObject: {apiVersion: v1, kind: Pod, metadata: {name: web}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			request := term(t, source)
			want := upstreamVerdict(t, oracle, target.AugmentedReview{AdmissionRequest: typedRequest(t, request), Source: types.SourceTypeOriginal, IsAdmission: true},
				reviews.EnforcementPoint(enforcement.Webhook))
			got := ourVerdict(t, review(t, set, admission.Review{
				Object: terms.Member(request, "object"), OldObject: terms.Member(request, "oldObject"), Operation: terms.Text(request, "operation"),
				Request: request, EnforcementPoint: enforcement.Webhook,
			}))
			sameLines(t, name, got, want)
		})
	}
}

func typedRequest(t *testing.T, request *ast.Term) *admissionv1.AdmissionRequest {
	t.Helper()
	raw, err := terms.JSON(request)
	if err != nil {
		t.Fatal(err)
	}
	out := &admissionv1.AdmissionRequest{}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	if string(out.OldObject.Raw) == "null" {
		out.OldObject = runtime.RawExtension{}
	}
	return out
}
