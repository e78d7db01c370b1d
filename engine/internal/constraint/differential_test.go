package constraint

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/expand"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"

	"attest.continuu.ms/engine/internal/trial"
)

const always = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: always}
spec:
  crd: {spec: {names: {kind: Always}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package always
        violation[{"msg": msg}] { msg := sprintf("%v is here", [input.review.object.metadata.name]) }
`

// dice makes random match blocks and resources over a vocabulary so small that they often meet.
type dice struct{ *rand.Rand }

func (d dice) of(values ...string) string { return values[d.Intn(len(values))] }

func (d dice) some(most int, values ...string) []any {
	out := []any{}
	for range d.Intn(most + 1) {
		out = append(out, d.of(values...))
	}
	return out
}

var (
	namespaceNames = []string{"prod", "prod-eu", "kube-system", "default", "elsewhere", "team-prod"}
	patterns       = []string{"prod", "prod*", "*prod", "*-system", "*o*", "default", "*", "elsewhere"}
	labelValues    = []string{"a", "b", "c"}
)

func (d dice) match() map[string]any {
	m := map[string]any{}
	maybe := func(key string, value any) {
		if d.Intn(3) == 0 {
			m[key] = value
		}
	}
	maybe("kinds", d.kinds())
	maybe("scope", d.of("*", "Cluster", "Namespaced"))
	maybe("namespaces", d.some(2, patterns...))
	maybe("excludedNamespaces", d.some(2, patterns...))
	maybe("labelSelector", d.selector())
	maybe("namespaceSelector", d.selector())
	maybe("name", d.of("", "web", "w*", "*b", "api-*"))
	maybe("source", d.of("All", "Original", "Generated"))
	return m
}

func (d dice) kinds() []any {
	out := []any{}
	for range d.Intn(3) {
		out = append(out, map[string]any{
			"apiGroups": d.some(2, "", "apps", "rbac.authorization.k8s.io", "*"),
			"kinds":     d.some(2, "Pod", "Deployment", "ClusterRole", "Namespace", "*"),
		})
	}
	return out
}

func (d dice) selector() map[string]any {
	out := map[string]any{}
	if d.Intn(2) == 0 {
		out["matchLabels"] = map[string]any{"tier": d.of(labelValues...)}
	}
	if d.Intn(2) == 0 {
		expression := map[string]any{"key": d.of("tier", "env"), "operator": d.of("In", "NotIn")}
		expression["values"] = append(d.some(1, labelValues...), d.of(labelValues...))
		if d.Intn(2) == 0 {
			expression = map[string]any{"key": d.of("tier", "env"), "operator": d.of("Exists", "DoesNotExist")}
		}
		out["matchExpressions"] = []any{expression}
	}
	return out
}

func (d dice) labels() map[string]any {
	out := map[string]any{}
	for range d.Intn(3) {
		out[d.of("tier", "env")] = d.of(labelValues...)
	}
	return out
}

func (d dice) resource() map[string]any {
	kind := [][2]string{
		{"v1", "Pod"}, {"apps/v1", "Deployment"}, {"rbac.authorization.k8s.io/v1", "ClusterRole"}, {"v1", "Namespace"},
		{"example.com/v1", "Thing"},
	}[d.Intn(5)]
	metadata := map[string]any{"name": d.of("web", "web-1", "api-x", "db")}
	if d.Intn(4) == 0 {
		metadata = map[string]any{"generateName": d.of("web-", "api-"), "name": ""}
	}
	if d.Intn(2) == 0 {
		metadata["labels"] = d.labels()
	}
	if kind[1] != "Namespace" && kind[1] != "ClusterRole" && d.Intn(4) > 0 {
		metadata["namespace"] = d.of(namespaceNames...)
	}
	if kind[1] == "Namespace" {
		metadata["name"] = d.of(namespaceNames...)
	}
	return map[string]any{"apiVersion": kind[0], "kind": kind[1], "metadata": metadata}
}

// The match block of every pair is judged by Gatekeeper's client, target and driver on one side, and
// by a set on the other, with the Namespace objects that gator would hand out.
func TestMatchingIsGatekeepers(t *testing.T) {
	d := dice{rand.New(rand.NewSource(int64(trial.Seed(t))))}
	policies := objects(t, "p.yaml", always)
	for i := range 50 {
		policies = append(policies, gatekeeper.Object{Value: map[string]any{
			"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": "Always", "metadata": map[string]any{"name": fmt.Sprintf("c%d", i)},
			"spec": map[string]any{"match": d.match(), "enforcementAction": d.of("deny", "warn", "dryrun")},
		}})
	}
	oracle := upstream(t, false, policies)
	set, _, problems := Load(t.Context(), policies, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	namespaces := d.namespaces(t)
	expander, inv := gatorNamespaces(t, namespaces)
	pairs, matched := 0, 0
	for range 60 {
		resource := d.resource()
		u := native(t, resource)
		ns, _ := expander.NamespaceForResource(u)
		want := upstreamVerdict(t, oracle, target.AugmentedUnstructured{Object: *u, Namespace: ns, Source: types.SourceTypeOriginal},
			reviews.EnforcementPoint(enforcement.Gator))
		out := review(t, set, admission.Review{Object: termOf(t, resource), Inventory: inv, EnforcementPoint: enforcement.Gator})
		if got := ourVerdict(t, out); !slices.Equal(got, want) {
			t.Fatalf("%v\nwe say    %q\nupstream  %q", resource, got, want)
		}
		pairs, matched = pairs+50, matched+len(want)
	}
	t.Logf("%d pairs, %d of them match", pairs, matched)
	if matched == 0 || matched == pairs {
		t.Fatalf("the pairs say nothing: %d of %d match", matched, pairs)
	}
}

func (d dice) namespaces(t *testing.T) []*ast.Term {
	var out []*ast.Term
	for _, name := range namespaceNames[:3] {
		out = append(out, termOf(t, map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": d.labels()},
		}))
	}
	return out
}

func gatorNamespaces(t *testing.T, namespaces []*ast.Term) (*expand.Expander, *admission.Inventory) {
	t.Helper()
	var natives []*unstructured.Unstructured
	for _, ns := range namespaces {
		natives = append(natives, fromTerm(t, ns))
	}
	expander, err := expand.NewExpander(natives)
	if err != nil {
		t.Fatal(err)
	}
	return expander, inventory(t, namespaces...)
}

func termOf(t testing.TB, value any) *ast.Term {
	t.Helper()
	v, err := ast.InterfaceToValue(value)
	if err != nil {
		t.Fatal(err)
	}
	return ast.NewTerm(v)
}
