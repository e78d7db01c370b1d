package locate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/trial"
)

// Helpers that say the same for two reasons, look at more than they are handed, hand it on, and make texts and objects of it:
// what remembering what an expression said must not be misled by.
const helpers = `
package helpers
violation[{"msg": msg}] {
  c := input_containers[_]
  loose(c)
  msg := sprintf("%v is loose", [c.name])
}
loose(c) { not c.securityContext }
loose(c) { has(c.securityContext, "privileged"); c.securityContext.privileged == true }
loose(c) { c.image == input.review.object.spec.serviceAccountName }
has(object, field) { object[field] }
violation[{"msg": msg}] {
  c := input_containers[_]
  user := of("runAsUser", c)
  user == 0
  msg := sprintf("%v is root", [c.name])
}
of(field, c) = value { value := c.securityContext[field] }
of(field, c) = value { not c.securityContext[field]; value := input.review.object.spec.securityContext[field] }
violation[{"msg": msg}] {
  general[{"msg": msg, "field": "containers"}]
}
general[{"msg": msg, "field": field}] {
  c := input.review.object.spec[field][_]
  missing := {r | r := ["cpu", "memory"][_]; not c.resources.limits[r]}
  count(missing) > 0
  msg := sprintf("%v has no limits of %v", [c.name, missing])
}
general[{"msg": "too many", "field": "containers"}] { count(input.review.object.spec.containers) > 2 }
violation[{"msg": msg}] {
  c := named[name]
  found := profile(c)
  not found.ok
  msg := sprintf("%v: %v", [name, found.why])
}
named[c.name] = c { c := input.review.object.spec.containers[_] }
profile(c) = {"ok": false, "why": "no image"} { not c.image }
profile(c) = {"ok": ok, "why": why} { ok := endswith(c.image, tag); why := sprintf("%v is not %v", [c.name, tag]) }
tag = t { t := object.get(input.review.object.metadata, ["labels", "team"], "latest") }
violation[{"msg": msg}] {
  not quiet(input.review)
  msg := "somebody asks"
}
quiet(review) { review.operation == "DELETE" }
quiet(review) { review.object.metadata.labels.team == "web" }
violation[{"msg": msg}] {
  c := named[name]
  found := noted(c)
  found.value != "strict"
  msg := sprintf("%v is noted as %v", [name, found.value])
}
noted(c) = {"of": c.name, "value": value} {
  not c.securityContext.seccompProfile
  not has_note(note_of(c.name))
  value := input.review.object.metadata.annotations[pod_note]
}
noted(c) = {"of": c.name, "value": value} { has_note(note_of(c.name)); value := input.review.object.metadata.annotations[note_of(c.name)] }
noted(c) = {"of": c.name, "value": "none"} { not has_note(note_of(c.name)); not has_note(pod_note) }
has_note(note) { input.review.object.metadata.annotations[note] }
note_of(name) = note { note := concat("", [note_prefix, name]) }
note_prefix = "notes.example.com/"
pod_note = "notes.example.com"
input_containers[c] { c := input.review.object.spec.containers[_] }
input_containers[c] { c := input.review.object.spec.initContainers[_] }
`

// TestWhatExpressionsSaidIsSaidAgain asks policies about one Pod after another, and compares what is remembered on the way with
// what an evaluation of each says.
func TestWhatExpressionsSaidIsSaidAgain(t *testing.T) {
	const parameters = `{repos: [registry.company.com/, gcr.io/company/], cpu: 500m, memory: 512Mi, probes: [livenessProbe, readinessProbe],
labels: [{key: team, allowedRegex: "^[a-z-]+$"}, {key: owner}], exemptImages: ["registry.company.com/base/*"], allowedCapabilities: [NET_BIND_SERVICE]}`
	policies := append(benched(t), compile(t, helpers), compile(t, sly))
	plans := make([]Plans, len(policies))
	seed := trial.Seed(t)
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // a test wants variety, not secrets
	pods := trial.Pods(seed, 200)
	for range 200 {
		pods = append(pods, randomPod(r))
	}
	remembered, all := 0, 0
	for _, pod := range pods {
		number(pod["spec"].(map[string]any)["containers"]) // their names are keys of an object
		annotate(r, pod)
		resource := ast.NewTerm(ast.MustInterfaceToValue(pod)).String()
		for i, p := range policies {
			q := p.query(t, resource, parameters)
			found := entries(t, q)
			want := pathsOf(t, q, found)
			q.Plans, q.Copy, q.Derived = &plans[i], NewCopy(q.Resource), derivations(t, q)
			before := len(q.Plans.answers.known)
			got, err := Paths(t.Context(), q, found)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%v: %v, evaluated %v (%v)\n%v\n%s", q.Rule, got, want, err, found, resource)
			}
			if all++; len(q.Plans.answers.known) == before {
				remembered++
			}
		}
	}
	if remembered*2 < all {
		t.Errorf("of %d questions, %d needed no new answer: this test compares little", all, remembered)
	}
}

// What one place says is not what another says that has the same values.
func TestWhatIsSaidOfOnePlaceIsNotSaidOfAnother(t *testing.T) {
	p := compile(t, `package p
violation contains m if {
	input.resource.data == "z"
	some m in ["metadata", "spec"]
	bad(input.resource[m])
}
bad(part) if part.name == "x"`)
	plans := &Plans{}
	for _, c := range []struct{ resource, want string }{
		{`{kind: A, data: z, metadata: {name: x}, spec: {name: y}}`, "/data"},
		{`{kind: A, data: z, metadata: {name: y}, spec: {name: x}}`, "/spec/name"},
		{`{kind: A, data: z, metadata: {name: x}, spec: {name: y}}`, "/data"},
	} {
		q := p.query(t, c.resource, "{}")
		found := entries(t, q)
		q.Plans, q.Copy, q.Derived = plans, NewCopy(q.Resource), derivations(t, q)
		got, err := Paths(t.Context(), q, found)
		if err != nil || len(got) != 1 || pointer(got[0]) != c.want || pointer(got[0]) != pointer(pathsOf(t, q, found)[0]) {
			t.Errorf("%s: %v, want %s (%v)", c.resource, got, c.want, err)
		}
	}
}

// number tells containers apart by their names.
func number(containers any) {
	list, _ := containers.([]any)
	for i := range list {
		if c, isObject := list[i].(map[string]any); isObject {
			c["name"] = fmt.Sprint(c["name"], "-", i)
		}
	}
}

// annotate notes something of some containers, of others, and of the Pod.
func annotate(r *rand.Rand, pod map[string]any) {
	if r.IntN(4) == 0 {
		return
	}
	list, _ := pod["spec"].(map[string]any)["containers"].([]any)
	notes := []string{"notes.example.com", "notes.example.com/other", "example.com/a", "example.com/b"}
	for _, c := range list {
		notes = append(notes, fmt.Sprint("notes.example.com/", c.(map[string]any)["name"]))
	}
	annotations := map[string]any{}
	for _, note := range notes {
		if r.IntN(3) == 0 {
			annotations[note] = []string{"strict", "loose", "none"}[r.IntN(3)]
		}
	}
	pod["metadata"].(map[string]any)["annotations"] = annotations
}

func TestWhatIsInVainIsSeldomAsked(t *testing.T) {
	var r recipe
	asked := func(times int) (n int) {
		for range times {
			if r.promising() {
				n++
				r.vain.Add(1) // nothing was remembered
			}
		}
		return n
	}
	if n := asked(manyInVain); n != manyInVain {
		t.Errorf("of the first %d questions %d were asked", manyInVain, n)
	}
	if n := asked(100 * oneOf); n < 50 || n > 200 {
		t.Errorf("of %d questions in vain %d were asked", 100*oneOf, n)
	}
	r.vain.Store(0) // one was not
	if n := asked(10); n != 10 {
		t.Errorf("%d of 10 were asked after one that was not in vain", n)
	}
}
