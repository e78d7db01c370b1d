package constraint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	corev1 "k8s.io/api/core/v1"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
)

// benchRules are rules of the kind that libraries of templates hold.
var benchRules = []string{
	`violation[{"msg": msg}] { c := all[_]; c.securityContext.privileged; msg := sprintf("privileged container %v", [c.name]) }`,
	`violation[{"msg": msg}] { c := all[_]; not c.resources.limits.memory; msg := sprintf("container %v has no memory limit", [c.name]) }`,
	`violation[{"msg": msg}] { c := all[_]; ok := [good | repo := input.parameters.repos[_]; good := startswith(c.image, repo)]; not any(ok); msg := sprintf("container %v has image %v", [c.name, c.image]) }`,
	`violation[{"msg": msg, "details": {"missing": missing}}] { given := {l | input.review.object.metadata.labels[l]}; missing := {l | l := input.parameters.labels[_]} - given; count(missing) > 0; msg := sprintf("labels %v are missing", [missing]) }`,
	`violation[{"msg": msg}] { c := all[_]; endswith(c.image, ":latest"); msg := sprintf("container %v uses latest", [c.name]) }`,
}

const benchHelpers = `
all[c] { c := input.review.object.spec.containers[_] }
all[c] { c := input.review.object.spec.initContainers[_] }
`

const benchPod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web, tier: front}, annotations: {a: b}}
spec:
  serviceAccountName: web
  containers:
    - {name: app, image: "docker.io/app:latest", ports: [{containerPort: 80}], env: [{name: A, value: b}, {name: C, value: d}], securityContext: {privileged: true}}
    - {name: side, image: "gcr.io/side:1", resources: {limits: {memory: 1Gi, cpu: "1"}}, volumeMounts: [{name: v, mountPath: /v}]}
  initContainers: [{name: init, image: "docker.io/init"}]
  volumes: [{name: v, emptyDir: {}}]
`

// benchPolicies are n templates with a constraint each; those beyond the first few match kind only.
func benchPolicies(tb testing.TB, n int, few int, kind string) []gatekeeper.Object {
	var b strings.Builder
	for i := range n {
		name, matched := fmt.Sprintf("Bench%d", i), "Pod"
		if i >= few {
			matched = kind
		}
		b.WriteString(templateOf(name, "package bench\n"+benchRules[i%len(benchRules)]+benchHelpers, ""))
		fmt.Fprintf(&b, "\n---\n{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: %s, metadata: {name: c}, spec: {match: {kinds: [{apiGroups: [''], kinds: [%s]}]}, parameters: {repos: [gcr.io/, quay.io/], labels: [owner, team]}}}\n---\n", name, matched)
	}
	return objects(tb, "p.yaml", b.String())
}

func BenchmarkReview(b *testing.B) {
	for _, c := range []struct {
		name   string
		n, few int
	}{{"20 of 20", 20, 20}, {"20 of 100", 100, 20}, {"2 of 100", 100, 2}} {
		policies := benchPolicies(b, c.n, c.few, "Thing")
		b.Run(c.name+"/ours", func(b *testing.B) {
			set := load2(b, policies)
			resource, inv := term(b, benchPod), inventory(b)
			b.ReportAllocs()
			for b.Loop() {
				review(b, set, admission.Review{Object: resource, Inventory: inv, EnforcementPoint: enforcement.Gator})
			}
		})
		b.Run(c.name+"/upstream", func(b *testing.B) {
			oracle := upstream(b, false, policies)
			u := fromTerm(b, term(b, benchPod))
			b.ReportAllocs()
			for b.Loop() {
				au := target.AugmentedUnstructured{Object: *u, Namespace: &corev1.Namespace{}, Source: types.SourceTypeOriginal}
				if _, err := oracle.Review(b.Context(), au, reviews.EnforcementPoint(enforcement.Gator)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func load2(tb testing.TB, policies []gatekeeper.Object) *Set {
	tb.Helper()
	set, _, problems := Load(tb.Context(), policies, Options{})
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	return set
}

func BenchmarkLoad(b *testing.B) {
	policies := benchPolicies(b, 50, 50, "")
	for b.Loop() {
		load2(b, policies)
	}
}

// celPolicies are n CEL templates with a constraint each.
func celPolicies(tb testing.TB, n int) []gatekeeper.Object {
	var b strings.Builder
	for i := range n {
		name := fmt.Sprintf("Cel%d", i)
		template := templateInCEL("object.spec.containers.all(c, !has(c.securityContext) || !has(c.securityContext.privileged) || !c.securityContext.privileged)", "no", "")
		b.WriteString(strings.NewReplacer("name: cel", "name: "+strings.ToLower(name), "kind: Cel", "kind: "+name).Replace(template))
		fmt.Fprintf(&b, "\n---\n{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: %s, metadata: {name: c}, spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}}\n---\n", name)
	}
	return objects(tb, "p.yaml", b.String())
}

func BenchmarkCEL(b *testing.B) {
	policies := celPolicies(b, 20)
	b.Run("ours", func(b *testing.B) {
		set, _, _ := Load(b.Context(), policies, Options{CEL: true})
		resource, inv := term(b, benchPod), inventory(b)
		for b.Loop() {
			review(b, set, admission.Review{Object: resource, Inventory: inv, EnforcementPoint: enforcement.Gator})
		}
	})
	b.Run("upstream", func(b *testing.B) {
		oracle := upstream(b, true, policies)
		u := fromTerm(b, term(b, benchPod))
		for b.Loop() {
			au := target.AugmentedUnstructured{Object: *u, Namespace: &corev1.Namespace{}, Source: types.SourceTypeOriginal}
			if _, err := oracle.Review(b.Context(), au, reviews.EnforcementPoint(enforcement.Gator)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			Load(b.Context(), policies, Options{CEL: true})
		}
	})
}
