package check

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/rego"
)

// seen shows what a policy is given.
const seen = `package seen
violation contains {"msg": "seen", "path": "/spec/host", "details": {"input": object.remove(input, ["parameters"])}}
`

// a review of a Pod, with members of the request as JSON.
func reviewOf(members string) *load.Source {
	return reviewText(`{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {` + members + `}}`)
}

const (
	pod    = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": true}}`
	common = `"uid": "7", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "name": "web", "namespace": "shop",
		"userInfo": {"username": "ann"}, "dryRun": false, `
)

func reviewText(text string) *load.Source { return &load.Source{Path: "request", Text: []byte(text)} }

// judgeReview runs a review by the policies of a test and returns the batch.
func judgeReview(t *testing.T, review *load.Source, policies ...string) (Batch, error) {
	t.Helper()
	set := loadSet(t, policies...)
	var batch Batch
	_, err := Run(context.Background(), set, Params{Policies: []rego.Selection{{Name: "seen"}}, Review: review}, func(b Batch) error {
		batch = b
		return nil
	})
	return batch, err
}

func TestAReviewReachesPoliciesAsItCame(t *testing.T) {
	for name, c := range map[string]struct{ members, resource, object, old string }{
		"CREATE":  {`"operation": "CREATE", "object": ` + pod, pod, pod, "null"},
		"UPDATE":  {`"operation": "UPDATE", "object": ` + pod + `, "oldObject": {"kind": "Old"}`, pod, pod, `{"kind": "Old"}`},
		"DELETE":  {`"operation": "DELETE", "object": null, "oldObject": ` + pod, pod, pod, pod},
		"CONNECT": {`"operation": "CONNECT", "subResource": "exec", "object": ` + pod + `, "oldObject": null`, pod, pod, "null"},
	} {
		t.Run(name, func(t *testing.T) {
			batch, err := judgeReview(t, reviewOf(common+c.members), seen)
			if err != nil || len(batch.Findings) != 1 || batch.Judged != 1 || len(batch.Problems) > 0 {
				t.Fatal(batch, err)
			}
			input := batch.Findings[0].Details["input"].(map[string]any)
			review := input["review"].(map[string]any)
			for at, pair := range map[string][2]any{
				"resource":         {input["resource"], c.resource},
				"user":             {input["user"], `{"username": "ann"}`},
				"operation":        {input["operation"], `"` + name + `"`},
				"review.object":    {review["object"], c.object},
				"review.oldObject": {review["oldObject"], c.old},
				"review.userInfo":  {review["userInfo"], `{"username": "ann"}`},
				"review.uid":       {review["uid"], `"7"`},
				"review.dryRun":    {review["dryRun"], `false`},
			} {
				if !sameJSON(t, pair[0], pair[1].(string)) {
					t.Errorf("%s is %v, want %v", at, pair[0], pair[1])
				}
			}
			if batch.Findings[0].Location.Path != "/spec/host" || batch.Resources[0].Namespace != "shop" {
				t.Error(batch.Findings[0].Location, batch.Resources[0])
			}
		})
	}
}

func sameJSON(t *testing.T, got any, want string) bool {
	t.Helper()
	encoded, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if json.Unmarshal(encoded, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatal(want)
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}

func TestAReviewThatIsNoneIsRefusedAsAWhole(t *testing.T) {
	for name, c := range map[string]struct{ text, words string }{
		"no JSON":                {"apiVersion: v1", "can't be read"},
		"cut off":                {`{"apiVersion": "admission.k8s.io/v1", "kind": "Adm`, "can't be read"},
		"no UTF-8":               {string(reviewOf(`"operation": "CREATE", "object": {"kind": "` + "\xff" + `"}`).Text), "no UTF-8"},
		"a list":                 {`[]`, "must be an object, not a list"},
		"something behind it":    {string(reviewOf(`"operation": "CREATE", "object": `+pod).Text) + "{}", "follows"},
		"a key twice":            {string(reviewOf(`"operation": "CREATE", "object": {"kind": "A", "kind": "B"}`).Text), "given twice"},
		"another version":        {`{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}`, "v1beta1"},
		"another kind":           {pod, "not `Pod`"},
		"no request":             {`{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": []}`, "no `request`"},
		"no operation":           {string(reviewOf(`"object": ` + pod).Text), "operation"},
		"another operation":      {string(reviewOf(`"operation": "PATCH", "object": ` + pod).Text), "not `PATCH`"},
		"no object":              {string(reviewOf(`"operation": "CREATE"`).Text), "`request.object` is absent"},
		"nothing to delete":      {string(reviewOf(`"operation": "DELETE", "object": ` + pod).Text), "`request.oldObject` is absent"},
		"an object that is none": {string(reviewOf(`"operation": "CREATE", "object": "Pod"`).Text), "must be an object, not a string"},
		"an object of no kind":   {string(reviewOf(`"operation": "CREATE", "object": {"apiVersion": "v1"}`).Text), "`kind`"},
		"a name that is none":    {string(reviewOf(`"name": 7, "operation": "CREATE", "object": ` + pod).Text), "must be a string"},
		"too deep":               {string(reviewOf(`"operation": "CREATE", "object": ` + strings.Repeat("[", 600) + strings.Repeat("]", 600)).Text), "can't be read"},
	} {
		t.Run(name, func(t *testing.T) {
			batch, err := judgeReview(t, reviewText(c.text), seen)
			if err == nil || !strings.Contains(err.Error(), c.words) || batch.Judged > 0 {
				t.Errorf("%v: %v", err, batch)
			}
		})
	}
}

func TestAnObjectIsJudgedWhateverItLooksLike(t *testing.T) {
	for name, object := range map[string]string{
		"with items of its own":      `{"apiVersion": "a/v1", "kind": "Basket", "metadata": {"name": "b"}, "items": []}`,
		"as a tool's file":           `{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "metadata": {"name": "k"}}`,
		"without metadata":           `{"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"]}`,
		"of a kind that is a review": `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}`,
	} {
		t.Run(name, func(t *testing.T) {
			batch, err := judgeReview(t, reviewOf(common+`"operation": "CREATE", "object": `+object), seen)
			if err != nil || len(batch.Findings) != 1 || len(batch.Skipped) > 0 {
				t.Error(batch, err)
			}
		})
	}
}

// A rule may say on which line of a text a finding stands. A request has no lines that anybody could look at.
func TestTheLinesOfARequestAreNobodys(t *testing.T) {
	const policy = `package seen
violation contains {"msg": "x", "path": "/spec/host", "details": {"line": 1, "more": "y"}}
`
	batch, err := judgeReview(t, reviewOf(common+`"operation": "CREATE", "object": `+pod), policy)
	if err != nil || len(batch.Findings) != 1 {
		t.Fatal(batch, err)
	}
	found := batch.Findings[0]
	if at := found.Location; at.Path != "/spec/host" || at.Line != 1 || at.Column != 1 || at.EndLine != 1 || at.EndColumn != 1 {
		t.Errorf("it stands at %+v", at)
	}
	if fmt.Sprint(found.Details) != "map[more:y]" {
		t.Errorf("its details are %v", found.Details)
	}
}

func TestAPlaceIsThatOfTheDeepestFieldThereIs(t *testing.T) {
	for stated, want := range map[string]string{
		"/spec/host": "/spec/host", "/spec/none/deep": "/spec", "/none": "", "/metadata/name/x": "/metadata/name",
	} {
		policy := fmt.Sprintf("package seen\nviolation contains {\"msg\": \"x\", \"path\": %q}\n", stated)
		batch, err := judgeReview(t, reviewOf(common+`"operation": "CREATE", "object": `+pod), policy)
		if err != nil || len(batch.Findings) != 1 || batch.Findings[0].Location.Path != want {
			t.Errorf("%s: %v, %v", stated, batch.Findings, err)
		}
	}
}

const scoped = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: asked}
spec:
  crd: {spec: {names: {kind: Asked}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package asked
      violation[{"msg": msg}] {
        old := object.get(input.review, "oldObject", {"kind": "none"})
        msg := sprintf("%v %v %v", [input.review.userInfo.username, input.review.operation, old.kind])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Asked
metadata: {name: all}
spec:
  enforcementAction: scoped
  scopedEnforcementActions:
  - {action: deny, enforcementPoints: [{name: validation.gatekeeper.sh}]}
  - {action: warn, enforcementPoints: [{name: audit.gatekeeper.sh}]}
`

// A constraint sees the request as it came, and does what it says for requests unless somebody else asks.
func TestAReviewReachesConstraintsAsItCame(t *testing.T) {
	review := reviewOf(common + `"operation": "UPDATE", "object": ` + pod + `, "oldObject": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "old"}}`)
	for point, enforcement := range map[string]string{"": "strict", "validation.gatekeeper.sh": "strict", "audit.gatekeeper.sh": "warn"} {
		params := Params{Policies: []rego.Selection{{Name: "Asked/all"}}, Review: review, Point: point}
		all, _ := collect(t, loadMixed(t, scoped), params)
		if len(all.Findings) != 1 || all.Findings[0].Enforcement != enforcement || all.Findings[0].Message != "ann UPDATE Pod" {
			t.Errorf("%q: %+v %+v", point, all.Findings, all.Problems)
		}
	}
}
