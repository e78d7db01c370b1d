package constraint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// sharedSources are templates whose variables are the same, or look like it.
var sharedSources = map[string]string{
	"aone":      `{variables: [{name: c, expression: "object.spec.containers"}, {name: names, expression: "variables.c.map(x, x.name)"}], validations: [{expression: "variables.names == ['a']", messageExpression: "variables.names.join(',')"}]}`,
	"atwo":      `{variables: [{name: c, expression: "object.spec.containers"}, {name: names, expression: "variables.c.map(x, x.name)"}], validations: [{expression: "variables.names == ['b']", messageExpression: "variables.names.join('+')"}]}`,
	"bother":    `{variables: [{name: c, expression: "object.spec.initContainers"}, {name: names, expression: "variables.c.map(x, x.name)"}], validations: [{expression: "variables.names == ['b']", messageExpression: "variables.names.join('-')"}]}`,
	"cnamed":    `{variables: [{name: d, expression: "object.spec.nowhere"}], validations: [{expression: "variables.d == 1", message: m}]}`,
	"calike":    `{variables: [{name: e, expression: "object.spec.nowhere"}], validations: [{expression: "variables.e == 1", message: m}]}`,
	"dheavy":    `{variables: [{name: heavy, expression: "` + halfBudget + `"}], validations: [{expression: "!variables.heavy", message: m, messageExpression: "string(variables.heavy)"}]}`,
	"dheavier":  `{variables: [{name: heavy, expression: "` + halfBudget + `"}, {name: light, expression: "variables.heavy"}], validations: [{expression: "!variables.light", message: m, messageExpression: "string(variables.light)"}]}`,
	"donce":     `{variables: [{name: heavy, expression: "` + halfBudget + `"}], validations: [{expression: "!variables.heavy", message: m}, {expression: "!variables.heavy", message: other}]}`,
	"eparams":   `{variables: [{name: all, expression: "variables.params.first + variables.params.second"}], validations: [{expression: "object.metadata.name in variables.all", messageExpression: "variables.all.join(',')"}]}`,
	"eheavy":    `{variables: [{name: h, expression: "` + strings.ReplaceAll(halfBudget, "object.spec.many", "variables.params.many") + `"}], validations: [{expression: "!variables.h", message: m, messageExpression: "string(variables.h)"}]}`,
	"efails":    `{variables: [{name: bad, expression: "variables.params.nowhere"}, {name: v, expression: "variables.bad == 1 || true"}], validations: [{expression: "!variables.v", message: m}, {expression: "variables.bad == 1", message: other}]}`,
	"fconstant": `{variables: [{name: k, expression: "[1, 2].map(x, x + 1)"}], validations: [{expression: "size(object.spec.containers) in variables.k", messageExpression: "string(variables.k[0])"}]}`,
	"gspace":    `{variables: [{name: s, expression: "namespaceObject != null && namespaceObject.metadata.name == 'prod'"}], matchCondition: [{name: a, expression: "!variables.s"}], validations: [{expression: "!variables.s", message: m}]}`,
	"imixed":    `{variables: [{name: listed, expression: "object.metadata.name in variables.params.first"}], validations: [{expression: "variables.listed", message: m}]}`,
	"hidden":    `{variables: [{name: o, expression: "[1].all(object, object == 1)"}, {name: p, expression: "[object.metadata.name].map(params, params)[0]"}], validations: [{expression: "variables.o && variables.p == 'a'", messageExpression: "variables.p"}]}`,
}

func sharedPolicies(t *testing.T, many string) []gatekeeper.Object {
	t.Helper()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sharedSources)) {
		fmt.Fprintf(&text, `
---
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: %[1]s}
spec:
  crd: {spec: {names: {kind: %[2]s}, validation: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code: [{engine: K8sNativeValidation, source: %[3]s}]
`, name, strings.ToUpper(name[:1])+name[1:], sharedSources[name])
		for i, first := range []string{"a", "b"} {
			fmt.Fprintf(&text, `
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: %s
metadata: {name: c%d}
spec: {parameters: {first: [%s], second: [z, x], many: %s}}
`, strings.ToUpper(name[:1])+name[1:], i, first, many)
		}
	}
	return objects(t, "p.yaml", strings.TrimPrefix(text.String(), "\n---\n"))
}

// Templates are asked together, about one resource after another and by several at once, and each says what it says to
// Gatekeeper's driver.
func TestTemplatesThatShareVariablesSayWhatUpstreamSays(t *testing.T) {
	policies := sharedPolicies(t, many)
	oracle := upstream(t, true, policies)
	set, _, problems := Load(t.Context(), policies, Options{CEL: true})
	if len(errorsOf(problems)) > 0 {
		t.Fatal(problems)
	}
	ns := term(t, "{apiVersion: v1, kind: Namespace, metadata: {name: prod}}")
	resources := []string{
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: prod}, spec: {containers: [{name: a}], initContainers: [{name: b}], many: " + many + "}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: prod}, spec: {containers: [{name: b}, {name: c}], initContainers: [], many: [1]}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: z, namespace: prod}, spec: {containers: [], nowhere: 1, many: []}}",
	}
	want := make([][]string, len(resources))
	for i, resource := range resources {
		want[i] = slices.Sorted(slices.Values(upstreamOfBare(t, oracle, resource, ns)))
		if len(want[i]) < 10 {
			t.Errorf("%s shows little: %v", resource, want[i])
		}
	}
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for round := range 6 {
				i := round % len(resources)
				told := ourVerdict(t, review(t, set, admission.Review{Object: term(t, resources[i]), EnforcementPoint: enforcement.Gator, Namespace: ns}))
				if got := slices.Sorted(slices.Values(withoutDetails(told))); !slices.Equal(got, want[i]) {
					t.Errorf("round %d, resource %d: got\n%s\nwant\n%s", round, i, strings.Join(got, "\n"), strings.Join(want[i], "\n"))
				}
			}
		})
	}
	asking.Wait()
}

// An error says the name of the variable that fails.
func TestErrorsOfVariablesThatAreAlikeSayTheirOwnNames(t *testing.T) {
	set, _, _ := Load(t.Context(), sharedPolicies(t, "[]"), Options{CEL: true})
	out := review(t, set, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: []}}")})
	for policy, name := range map[string]string{"Cnamed/c0": `"d"`, "Calike/c0": `"e"`} {
		about := func(p model.Problem) bool { return p.Policy == policy && strings.Contains(p.Message, "variable "+name) }
		if !slices.ContainsFunc(out.Problems, about) {
			t.Errorf("no problem of %s says %s: %v", policy, name, out.Problems)
		}
	}
}
