package constraint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

const expandWorkloads = `
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: jobs}
spec:
  applyTo: [{groups: [batch], versions: [v1], kinds: [CronJob]}]
  templateSource: spec.jobTemplate
  generatedGVK: {group: batch, version: v1, kind: Job}
---
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: pods}
spec:
  applyTo: [{groups: [apps, batch], versions: [v1], kinds: [Deployment, Job]}]
  templateSource: spec.template
  generatedGVK: {group: "", version: v1, kind: Pod}
  enforcementAction: warn
`

const noPrivileged = `package sample
violation[{"msg": msg}] { c := input.review.object.spec.containers[_]; c.securityContext.privileged; msg := c.name }`

const podsOnly = "spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}}"

func TestGeneratedPodsAreJudgedAndFoundInTheirParent(t *testing.T) {
	set := loaded(t, Options{}, expandWorkloads, sampleTemplate(noPrivileged), constraintOf(podsOnly))
	containers := "spec: {containers: [{name: good}, {name: bad, securityContext: {privileged: true}}]}"
	for kind, c := range map[string]struct{ manifest, path string }{
		"Deployment": {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: prod}, spec: {template: {" + containers + "}}}",
			"spec.template.spec.containers[1].securityContext.privileged"},
		"CronJob": {"{apiVersion: batch/v1, kind: CronJob, metadata: {name: d, namespace: prod}, spec: {jobTemplate: {spec: {template: {" + containers + "}}}}}",
			"spec.jobTemplate.spec.template.spec.containers[1].securityContext.privileged"},
		"Pod": {"{apiVersion: v1, kind: Pod, metadata: {name: d}, " + containers + "}", "spec.containers[1].securityContext.privileged"},
	} {
		out := review(t, set, admission.Review{Object: term(t, c.manifest)})
		if len(out.Results) != 1 {
			t.Fatalf("%s: %d results, problems %v", kind, len(out.Results), out.Problems)
		}
		out.Locate(t.Context())
		r := out.Results[0]
		if got := gatekeeper.Dotted(r.Path); got != c.path {
			t.Errorf("%s: the field to blame is %s, want %s", kind, got, c.path)
		}
		expanded, enforced, message := "pods", enforcement.Warn, "[Implied by pods] bad"
		if kind == "Pod" {
			expanded, enforced, message = "", enforcement.Strict, "bad"
		}
		if r.Expanded != expanded || r.Enforcement != enforced || r.Message != message {
			t.Errorf("%s: unexpected result %+v", kind, r)
		}
	}
}

func TestConfigExemptsNamespacesByProcess(t *testing.T) {
	config := `
apiVersion: config.gatekeeper.sh/v1alpha1
kind: Config
metadata: {name: config, namespace: gatekeeper-system}
spec: {match: [{excludedNamespaces: [kube-*], processes: [webhook]}, {excludedNamespaces: [audited], processes: [audit]}, {excludedNamespaces: [any], processes: ["*"]}]}
`
	set := loaded(t, Options{}, config, always, "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Always\nmetadata: {name: c}")
	for _, c := range []struct {
		namespace, point string
		excluded         bool
	}{
		{"kube-system", enforcement.CLI, true}, {"kube-system", enforcement.Webhook, true}, {"kube-system", enforcement.Audit, false}, {"kube-system", enforcement.Gator, false},
		{"audited", enforcement.Audit, true}, {"audited", enforcement.CLI, false}, {"any", enforcement.Audit, true}, {"prod", enforcement.CLI, false},
	} {
		pod := term(t, fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: %s}}", c.namespace))
		out := review(t, set, admission.Review{Object: pod, EnforcementPoint: c.point})
		if out.Excluded != c.excluded || (len(out.Results) == 0) != c.excluded {
			t.Errorf("%s at %s: excluded %v, %d results", c.namespace, c.point, out.Excluded, len(out.Results))
		}
	}
}

func TestEnforcementIsThatOfTheEnforcementPoint(t *testing.T) {
	scoped := `
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Always
metadata: {name: c}
spec:
  enforcementAction: scoped
  scopedEnforcementActions:
    - {action: deny, enforcementPoints: [{name: validation.gatekeeper.sh}]}
    - {action: warn, enforcementPoints: [{name: validation.gatekeeper.sh}, {name: gator.gatekeeper.sh}]}
`
	set := loaded(t, Options{}, always, scoped)
	pod := term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}")
	for point, want := range map[string]string{enforcement.Webhook: enforcement.Strict, enforcement.Gator: enforcement.Warn, enforcement.CLI: enforcement.Warn, enforcement.Audit: ""} {
		out := review(t, set, admission.Review{Object: pod, EnforcementPoint: point})
		got := ""
		if len(out.Results) > 0 {
			got = out.Results[0].Enforcement
		}
		if got != want {
			t.Errorf("at %s: got %q, want %q", point, got, want)
		}
	}
}

// What can't be evaluated is a problem with policy, resource and place, and never a verdict.
func TestEvaluationErrorsAreProblems(t *testing.T) {
	for name, c := range map[string]struct {
		rego string
		opts Options
		want string
	}{
		"a conflict": {"package sample\nviolation[{\"msg\": \"m\"}] { v == 1 }\nv = 1 { input }\nv = 2 { input }", Options{},
			"error eval_conflict_error 15: rule v produced conflicting values: 1 at policies.yaml:14 2 at policies.yaml:15|"},
		"a builtin error": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  to_number(input.review.object.metadata.name) > 1\n}", Options{},
			"warning builtin_error 14: invalid syntax|policy.strict_errors"},
		"a strict builtin error": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  to_number(input.review.object.metadata.name) > 1\n}", Options{StrictErrors: true},
			"error builtin_error 14: invalid syntax|"},
		"a refused host": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  http.send({\"method\": \"get\", \"url\": \"https://evil.example/\"})\n}", Options{},
			"error network_refused 14: `evil.example`|policy.allow_net"},
		"a refused host whose error is not raised": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  http.send({\"method\": \"get\", \"url\": \"https://evil.example/\", \"raise_error\": false}).status_code == 0\n}", Options{},
			"error network_refused 14: `evil.example`|policy.allow_net"},
		"a message that is no text": {"package sample\nviolation[{\"msg\": msg}] { msg := input.review.object.metadata }", Options{},
			"error violation_msg 13: must be text|sprintf"},
		"an endless evaluation": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  n := numbers.range(1, 3000)\n  n[a] + n[b] + n[c] == 0\n}", Options{},
			"error eval_timeout 13: longer than 20ms|policy.timeout"},
		"a provider that is not there": {"package sample\nviolation[{\"msg\": \"m\"}] {\n  external_data({\"provider\": \"scanner\", \"keys\": [\"a\"]})\n}", Options{AllowExternal: true},
			"error external_data_refused 14: no Provider named `scanner`|"},
	} {
		t.Run(name, func(t *testing.T) {
			set := loaded(t, c.opts, sampleTemplate(c.rego), constraintOf("spec: {}"))
			out := review(t, set, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: prod}}"), Timeout: 20 * time.Millisecond})
			if len(out.Results) != 0 || len(out.Problems) != 1 {
				t.Fatalf("%d results, problems %v", len(out.Results), out.Problems)
			}
			p := out.Problems[0]
			if !agrees(p, c.want) || p.Policy != "Sample/c" || p.Resource != "Pod/prod/p" || p.File != "policies.yaml" {
				t.Errorf("unexpected problem %+v", p)
			}
		})
	}
}

func TestASelectorWithoutItsNamespaceIsAProblem(t *testing.T) {
	set := loaded(t, Options{}, always, "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Always\nmetadata: {name: c}\nspec: {match: {namespaceSelector: {matchLabels: {a: b}}}}")
	pod := term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: prod}}")
	out := review(t, set, admission.Review{Object: pod})
	if len(out.Results) != 0 || len(out.Problems) != 1 || !agrees(out.Problems[0], "error match_error 17: missing Namespace|inventory") {
		t.Fatalf("unexpected outcome %+v", out)
	}
	ns := term(t, "{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {a: b}}}")
	if out := review(t, set, admission.Review{Object: pod, Inventory: inventory(t, ns)}); len(out.Results) != 1 {
		t.Fatalf("the Namespace among the inputs is not seen: %+v", out)
	}
	if out := review(t, set, admission.Review{Object: pod, Namespace: ns}); len(out.Results) != 1 {
		t.Fatalf("the Namespace of the request is not seen: %+v", out)
	}
}

// gator takes resources without a namespace for namespaced; a cluster knows better.
func TestClusterScopedKindsAreMatchedAsAClusterDoes(t *testing.T) {
	set := loaded(t, Options{}, always, "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Always\nmetadata: {name: c}\nspec: {match: {scope: Cluster}}")
	for kind, want := range map[string]map[string]int{
		"rbac.authorization.k8s.io/v1 ClusterRole": {enforcement.CLI: 1, enforcement.Webhook: 1, enforcement.Gator: 0},
		"v1 Namespace": {enforcement.CLI: 1, enforcement.Gator: 1},
		"v1 Pod":       {enforcement.CLI: 0, enforcement.Gator: 0},
	} {
		apiVersion, name, _ := strings.Cut(kind, " ")
		for point, results := range want {
			resource := term(t, fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: x}}", apiVersion, name))
			if out := review(t, set, admission.Review{Object: resource, EnforcementPoint: point}); len(out.Results) != results {
				t.Errorf("%s at %s: %d results, want %d", kind, point, len(out.Results), results)
			}
		}
	}
}

func TestDeletionsJudgeTheOldObject(t *testing.T) {
	set := loaded(t, Options{}, always, "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Always\nmetadata: {name: c}")
	pod := term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}")
	if out := review(t, set, admission.Review{OldObject: pod, Operation: "DELETE"}); !slices.Equal(messages(out), []string{"Always/c: p is here"}) {
		t.Errorf("unexpected outcome %+v", out)
	}
	if _, err := set.Review(t.Context(), admission.Review{Object: pod, Operation: "DELETE", Inventory: inventory(t)}); err == nil {
		t.Error("a deletion without the old object is accepted")
	}
}

func TestOnlySelectedConstraintsJudge(t *testing.T) {
	two := strings.Replace("apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Always\nmetadata: {name: X}\n---\n", "X", "a", 1)
	set := loaded(t, Options{}, always, two+strings.Replace(two, "name: a", "name: b", 1))
	out := review(t, set, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}"), Selected: map[string]bool{"Always/b": true}})
	if !slices.Equal(out.Judged, []string{"Always/b"}) || len(out.Results) != 1 {
		t.Errorf("unexpected outcome %+v", out)
	}
}

func TestNeedsInventory(t *testing.T) {
	plain := loaded(t, Options{}, sampleTemplate(goodRego))
	referential := loaded(t, Options{}, sampleTemplate("package sample\nviolation[{\"msg\": \"m\"}] { data.inventory.cluster }"))
	if plain.NeedsInventory() || !referential.NeedsInventory() {
		t.Errorf("plain %v, referential %v", plain.NeedsInventory(), referential.NeedsInventory())
	}
}

func TestReviewsRunConcurrently(t *testing.T) {
	set := loaded(t, Options{CEL: true}, requiredLabels, needsOwner, expandWorkloads, templateInCEL("false", "", ""), "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Cel\nmetadata: {name: c}")
	inv := inventory(t)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 20 {
				out, err := set.Review(context.Background(), admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}"), Inventory: inv})
				if err != nil || len(out.Results) != 2 {
					t.Errorf("%v %+v", err, out)
				}
			}
		}()
	}
	group.Wait()
}

func TestACancelledReviewSaysSo(t *testing.T) {
	set := loaded(t, Options{}, requiredLabels, needsOwner)
	ctx, cancel := context.WithCancel(t.Context())
	inv := inventory(t)
	cancel()
	if _, err := set.Review(ctx, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}"), Inventory: inv}); err == nil {
		t.Error("a cancelled review gives a verdict")
	}
}

func templateInCEL(expression, message, messageExpression string) string {
	return fmt.Sprintf(`
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: cel}
spec:
  crd: {spec: {names: {kind: Cel}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: K8sNativeValidation
          source:
            validations:
              - expression: %q
                message: %q
                messageExpression: %q
`, expression, message, messageExpression)
}

func TestCELFailuresAreProblems(t *testing.T) {
	constraint := "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Cel\nmetadata: {name: c}"
	forged := "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {say: \"expression 'false' resulted in error: no\"}}}"
	for name, c := range map[string]struct {
		template, resource string
		results, problems  int
	}{
		"a violation":      {templateInCEL("object.kind != 'Pod'", "no Pods", ""), "{apiVersion: v1, kind: Pod, metadata: {name: p}}", 1, 0},
		"no violation":     {templateInCEL("object.kind != 'Pod'", "no Pods", ""), "{apiVersion: v1, kind: Service, metadata: {name: p}}", 0, 0},
		"a runtime error":  {templateInCEL("object.spec.replicas > 1", "", ""), "{apiVersion: v1, kind: Pod, metadata: {name: p}}", 0, 1},
		"a forged message": {templateInCEL("false", "", "string(object.metadata.labels.say)"), forged, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			set := loaded(t, Options{CEL: true}, c.template, constraint)
			out := review(t, set, admission.Review{Object: term(t, c.resource)})
			if len(out.Results) != c.results || len(out.Problems) != c.problems {
				t.Errorf("results %v, problems %v", messages(out), out.Problems)
			}
			for _, p := range out.Problems {
				if p.Severity != model.Error || p.Line != 13 || p.Policy != "Cel/c" {
					t.Errorf("unexpected problem %+v", p)
				}
			}
		})
	}
}
