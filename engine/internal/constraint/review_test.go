package constraint

import (
	"slices"
	"testing"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
)

const requiredLabels = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: k8srequiredlabels
spec:
  crd:
    spec:
      names: {kind: K8sRequiredLabels}
      validation:
        openAPIV3Schema:
          type: object
          properties:
            labels: {type: array, items: {type: string}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package k8srequiredlabels
        import data.lib.text
        violation[{"msg": msg, "details": {"missing": missing}}] {
          given := {l | input.review.object.metadata.labels[l]}
          missing := {l | l := input.parameters.labels[_]} - given
          count(missing) > 0
          msg := text.say(missing)
        }
      libs:
        - |
          package lib.text
          say(x) = sprintf("you must provide labels: %v", [x])
`

const needsOwner = `
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sRequiredLabels
metadata: {name: owner}
spec:
  match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}
  parameters: {labels: [owner]}
`

func TestReviewFindsViolations(t *testing.T) {
	set := loaded(t, Options{}, needsOwner, requiredLabels)
	pod := term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: default}}")
	out := review(t, set, admission.Review{Object: pod})
	if got, want := messages(out), []string{`K8sRequiredLabels/owner: you must provide labels: {"owner"}`}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v; problems %v", got, want, out.Problems)
	}
	if r := out.Results[0]; r.Enforcement != enforcement.Strict || r.evidence == nil {
		t.Fatalf("unexpected result %+v", r)
	}
	owned := term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {owner: me}}}")
	if out := review(t, set, admission.Review{Object: owned}); len(out.Results) != 0 || len(out.Judged) != 1 {
		t.Fatalf("unexpected outcome %+v", out)
	}
	service := term(t, "{apiVersion: v1, kind: Service, metadata: {name: s}}")
	if out := review(t, set, admission.Review{Object: service}); len(out.Judged) != 0 {
		t.Fatalf("a Service is judged by %v", out.Judged)
	}
}
