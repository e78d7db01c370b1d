package constraint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
)

// alike are resources that agree in much: what is said of one may be remembered for another only where it must be the same.
var alike = []string{
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: default}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: other}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: null, containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: false, containers: [{name: d, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: {}, containers: []}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: [], containers: {name: c}}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {initContainers: [{name: c, image: x}], containers: [{name: c, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default, labels: {spec: x}}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: 1, containers: [{name: 1, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: {hostNetwork: 1.0, containers: [{name: 1.0, image: x}]}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: c, namespace: default}, spec: {containers: [{name: c, image: c}], hostNetwork: c}}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: d, namespace: default}, spec: {containers: [{name: c, image: x}]}}`,
}

// readers are rules that read in different ways.
var readers = map[string]string{
	"nothing":             `violation[{"msg": "always"}] { true }`,
	"a field":             `violation[{"msg": "host"}] { input.review.object.spec.hostNetwork }`,
	"a field's absence":   `violation[{"msg": "host"}] { not input.review.object.spec.hostNetwork }`,
	"whether it is there": `violation[{"msg": "host"}] { x := input.review.object.spec.hostNetwork; is_there(x) } is_there(x) { true }`,
	"elements":            `violation[{"msg": m}] { c := input.review.object.spec.containers[_]; c.image == "x"; m := sprintf("%v has x", [c.name]) }`,
	"helpers": `violation[{"msg": m}] { c := all[_]; m := sprintf("%v", [c.name]) }
all[c] { c := input.review.object.spec.containers[_] } all[c] { c := input.review.object.spec.initContainers[_] }`,
	"a parameter":        `violation[{"msg": "made"}] { is_made(input.review) } is_made(r) { r.object.metadata.name == "a" }`,
	"a parameter beyond": `violation[{"msg": "made"}] { is(input.review.object) } is(o) { has(o.spec) } has(s) { s.hostNetwork }`,
	"a name":             `violation[{"msg": m}] { input.review.object.spec.hostNetwork; m := input.review.object.metadata.name }`,
	"get":                `violation[{"msg": m}] { x := object.get(input.review.object.spec, "hostNetwork", "none"); m := sprintf("%v", [x]) }`,
	"get from the top":   `violation[{"msg": m}] { o := object.get(input, "review", {}).object; m := sprintf("%v", [o.metadata.name]) }`,
	"a comparison":       `violation[{"msg": "same"}] { x := input.review.object.spec.hostNetwork; x = input.review.object.metadata.name }`,
	"a computed key":     `violation[{"msg": k}] { k := ["hostNetwork", "containers"][_]; input.review.object.spec[k] }`,
	"everything":         `violation[{"msg": m}] { walk(input.review.object, [p, "x"]); m := sprintf("%v", [p]) }`,
	"a path of its own":  `violation[{"msg": "host", "details": {"path": "spec.hostNetwork.x"}}] { input.review.object.spec.containers }`,
	"a problem":          `violation[{"details": 1}] { input.review.object.spec.hostNetwork } violation[{"msg": "x"}] { input.review.object.spec.hostNetwork }`,
	"an error":           `violation[{"msg": "x"}] { to_number(input.review.object.spec.containers[_].name) == 1 } violation[{"msg": "y"}] { input.review.object.spec.containers }`,
	"the inventory":      `violation[{"msg": m}] { m := concat(",", {n | data.inventory.namespace.default.v1.Pod[n]}) }`,
	"details":            `violation[{"msg": "d", "details": {"c": c, "n": [c.name]}}] { c := input.review.object.spec.containers[_] }`,
	"too much":           `violation[{"msg": m}] { o := input.review.object; m := sprintf("%v %v", [o.metadata.name, count({x | x := [o.a, o.b, o.c, o.d, o.e, o.f, o.g][_]})]) }`,
	"else":               `violation[{"msg": m}] { m := said(input.review.object.spec) } said(s) = "host" { s.hostNetwork } else = "containers" { s.containers }`,
}

// What is remembered of one resource is said of another where OPA says the same of both, and at the same place.
func TestWhatIsRememberedChangesNoAnswer(t *testing.T) {
	for name, rego := range readers {
		t.Run(name, func(t *testing.T) {
			lasting := loaded(t, Options{Evaluator: compiled.Compiled}, asks(rego))
			for _, round := range []string{"first", "again"} {
				for _, source := range alike {
					pod := term(t, source)
					in := admission.Review{Object: pod, Inventory: inventory(t, pod)}
					got, want := toldWithPlaces(t, lasting, in), toldWithPlaces(t, loaded(t, Options{}, asks(rego)), in)
					if got != want {
						t.Errorf("%s, %s: got\n%s\nwant\n%s", round, source, got, want)
					}
				}
			}
		})
	}
}

// specless have no object for a spec.
var specless = []string{
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: none}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: [hostNetwork]}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: null}`,
	`{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default}, spec: 1}`,
}

// celReaders are sources in CEL that read in different ways.
var celReaders = map[string]string{
	"nothing":              `{validations: [{expression: "false", message: m}]}`,
	"a field":              `{validations: [{expression: "object.spec.hostNetwork == true", message: m}]}`,
	"whether it is there":  `{validations: [{expression: "!has(object.spec.hostNetwork)", message: m}]}`,
	"whether all of it is": `{validations: [{expression: "!has(object.spec) || !has(object.spec.hostNetwork) || object.spec.hostNetwork == false", message: m}]}`,
	"an optional field":    `{validations: [{expression: "object.?spec.?hostNetwork.orValue('none') == 'none'", message: m}]}`,
	"elements":             `{validations: [{expression: "!object.spec.containers.exists(c, c.image == 'x')", messageExpression: "object.spec.containers.map(c, string(c.name)).join(',')"}]}`,
	"an element":           `{validations: [{expression: "object.spec.containers[0].image != 'x'", message: m}]}`,
	"an index of its own":  `{validations: [{expression: "object.spec[object.metadata.name == 'a' ? 'hostNetwork' : 'containers'] == 1", message: m}]}`,
	"a label":              `{validations: [{expression: "object.metadata.?labels['spec'].orValue('y') == 'x'", message: m}]}`,
	"variables":            `{variables: [{name: s, expression: "object.spec"}, {name: c, expression: "variables.s.containers"}], validations: [{expression: "size(variables.c) == 0", message: m}]}`,
	"any object":           `{variables: [{name: c, expression: "has(variables.anyObject.spec.containers) ? variables.anyObject.spec.containers : []"}], validations: [{expression: "variables.c.all(c, c.image != 'x')", messageExpression: "string(variables.anyObject.metadata.name)"}]}`,
	"the message alone":    `{validations: [{expression: "!has(object.spec.hostNetwork)", messageExpression: "string(object.metadata.name)"}]}`,
	"the operation":        `{variables: [{name: update, expression: "has(request.operation) && request.operation == 'UPDATE'"}], validations: [{expression: "variables.update", message: m}]}`,
	"more of the request":  `{validations: [{expression: "request.name == 'a'", message: m}]}`,
	"the old object":       `{validations: [{expression: "oldObject == null", message: m}, {expression: "object == null", message: other}]}`,
	"the namespace":        `{validations: [{expression: "namespaceObject == null", message: m}]}`,
	"a condition":          `{matchCondition: [{name: a, expression: "object.metadata.name == 'a'"}], validations: [{expression: "!has(object.spec.hostNetwork)", message: m}]}`,
	"an error":             `{validations: [{expression: "!object.spec.hostNetwork", message: m}, {expression: "object.spec.containers.all(c, c.name == 'c')", message: other}]}`,
	"another's name":       `{validations: [{expression: "[{'spec': 1}].all(object, object.spec == 2)", messageExpression: "string([object.metadata.name].map(x, x)[0])"}]}`,
	"a filter by a name":   `{validations: [{expression: "[true].map(v, has(object.spec), v).size() == 0", message: m}, {expression: "object.metadata.name == 'b'", message: other}]}`,
	"two variables":        `{validations: [{expression: "object.spec.containers.all(i, c, c.image == string(i))", message: m}]}`,
	"everything":           `{validations: [{expression: "object.spec == {'containers': []}", message: m}, {expression: "string(object.metadata) == ''", message: other}]}`,
	"kinds of numbers":     `{validations: [{expression: "type(object.spec.hostNetwork) == int", message: m}]}`,
	"parameters":           `{validations: [{expression: "object.metadata.name == variables.params.repo", messageExpression: "string(variables.params.repo)"}]}`,
}

// The same in CEL, where what is not there and what is no object are errors, and a request has an operation.
func TestWhatIsRememberedChangesNoAnswerInCEL(t *testing.T) {
	for name, source := range celReaders {
		t.Run(name, func(t *testing.T) {
			policies := celPolicy(t, source)
			set, _, problems := Load(t.Context(), policies, Options{CEL: true})
			if len(errorsOf(problems)) > 0 {
				t.Fatal(problems)
			}
			for _, round := range []string{"first", "again"} {
				for _, resource := range slices.Concat(alike, specless) {
					for _, operation := range []string{"", "CREATE", "UPDATE", "DELETE"} {
						pod := term(t, resource)
						in := admission.Review{Object: pod, Operation: operation, Inventory: inventory(t, pod)}
						if operation == "DELETE" {
							in.Object, in.OldObject = nil, pod
						}
						got := toldWithPlaces(t, set, in)
						in.Watch = unwatched // who watches is told nothing that is remembered
						if want := toldWithPlaces(t, set, in); got != want {
							t.Errorf("%s, %s %s: got\n%s\nwant\n%s", round, operation, resource, got, want)
						}
					}
				}
			}
		})
	}
}

func unwatched(_ string, _ *ast.Compiler, query *topdown.Query) (*topdown.Query, func()) {
	return query, func() {}
}

func toldWithPlaces(t *testing.T, set *Set, in admission.Review) string {
	t.Helper()
	out := review(t, set, in)
	out.Locate(t.Context())
	lines := []string{said(out)}
	for _, one := range out.Results {
		lines = append(lines, fmt.Sprint(one.Message, one.Path, one.Details))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
