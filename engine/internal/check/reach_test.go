package check

import (
	"context"
	"reflect"
	"testing"

	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

const podsOnly = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: own}
spec:
  crd: {spec: {names: {kind: Own}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package own
        violation[{"msg": "no"}] { input.review.object.spec.hostNetwork }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Own
metadata: {name: pods}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Own
metadata: {name: apps}
spec: {match: {kinds: [{apiGroups: [apps], kinds: ["*"]}]}}
`

const twice = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: twice}
spec:
  crd: {spec: {names: {kind: Twice}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package twice
        violation[{"msg": "no"}] { data.inventory.cluster["v1"].Namespace[_] }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Twice
metadata: {name: all}
`

var (
	expansion = podsOnly + `---
apiVersion: expansion.gatekeeper.sh/v1alpha1
kind: ExpansionTemplate
metadata: {name: jobs}
spec:
  applyTo: [{groups: [batch], kinds: [Job], versions: [v1]}]
  templateSource: spec.template
  generatedGVK: {group: "", kind: Pod, version: v1}
`
	served = []Kind{{"v1", "Pod", true}, {"v1", "Node", false}, {"apps/v1", "Deployment", true}, {"batch/v1", "Job", true}}
)

func TestReachNamesWhatThereIsToBring(t *testing.T) {
	looksUp := "# METADATA\n# scope: package\n# custom: {inventory: [Service]}\npackage own\nviolation contains \"x\" if data.inventory.namespace[_]\n"
	for _, c := range []struct {
		name       string
		set        *policyset.Set
		selected   []rego.Selection
		judged     []int
		namespaces bool
	}{
		{"a plain policy may look at every kind", loadSet(t, unnamed), []rego.Selection{{Name: "demo"}}, []int{0, 1, 2, 3}, false},
		{"a policy of a level leaves out what has no namespace", loadSet(t, unnamed), []rego.Selection{{Name: "demo", Level: "Namespace"}}, []int{0, 2, 3}, false},
		{"what a policy looks up is looked up with its Namespace", loadSet(t, looksUp), []rego.Selection{{Name: "own"}}, []int{0, 1, 2, 3}, true},
		{"a constraint reaches the kinds of its match block", loadMixed(t, podsOnly), []rego.Selection{{Name: "Own/pods"}}, []int{0}, true},
		{"several constraints reach what one of them does", loadMixed(t, podsOnly), []rego.Selection{{Name: "Own/pods"}, {Name: "Own/apps"}}, []int{0, 2}, true},
		{"what is not selected reaches nothing", loadMixed(t, podsOnly), nil, nil, true},
		{"where workloads are expanded, every kind may be one", loadMixed(t, expansion), []rego.Selection{{Name: "Own/pods"}}, []int{0, 1, 2, 3}, true},
		{"a constraint without a match block reaches everything", loadMixed(t, twice), []rego.Selection{{Name: "Twice/all"}}, []int{0, 1, 2, 3}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Reach(context.Background(), c.set, ReachParams{Policies: c.selected, Kinds: served})
			if err != nil || !reflect.DeepEqual([]int(got.Judged), c.judged) {
				t.Errorf("%v, %v, want %v", got.Judged, err, c.judged)
			}
			if got.Namespaces != c.namespaces {
				t.Errorf("namespaces: %v", got.Namespaces)
			}
		})
	}
}
