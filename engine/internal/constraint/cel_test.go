package constraint

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/terms"
)

// celSources are what a template's CEL can do, one trick each, in the form of its `source`.
var celSources = map[string]string{
	"plain":                  `{validations: [{expression: "object.kind == 'Service'", message: " no "}]}`,
	"no message":             `{validations: [{expression: " object.kind == 'Service' "}]}`,
	"several":                `{validations: [{expression: "false", message: a}, {expression: "true", message: b}, {expression: "false", message: c}]}`,
	"message expression":     `{validations: [{expression: "false", message: fixed, messageExpression: "'  ' + object.metadata.name"}]}`,
	"message of two lines":   `{validations: [{expression: "false", message: fixed, messageExpression: "'a\\nb'"}]}`,
	"empty message":          `{validations: [{expression: "false", message: fixed, messageExpression: "' '"}]}`,
	"long message":           `{validations: [{expression: "false", message: fixed, messageExpression: "[1,2,3,4,5,6,7,8].map(i, '` + strings.Repeat("x", 700) + `').join('')"}]}`,
	"message of no type":     `{validations: [{expression: "false", message: fixed, messageExpression: "object.metadata.name"}]}`,
	"message that fails":     `{validations: [{expression: "false", message: fixed, messageExpression: "string(object.spec.nowhere)"}]}`,
	"variables":              `{variables: [{name: names, expression: "object.spec.containers.map(c, c.name)"}], validations: [{expression: "'x' in variables.names", messageExpression: "variables.names.join(',')"}]}`,
	"variables of variables": `{variables: [{name: names, expression: "object.spec.containers.map(c, c.name)"}, {name: listed, expression: "variables.names.join(',') + variables.names[0]"}], validations: [{expression: "'x' in variables.names", messageExpression: "variables.listed"}, {expression: "variables.listed == ''", messageExpression: "variables.names.join('-')"}]}`,
	"message pays again":     `{variables: [{name: heavy, expression: "` + halfBudget + `"}], validations: [{expression: "!variables.heavy", message: m, messageExpression: "string(variables.heavy)"}]}`,
	"and for what that uses": `{variables: [{name: heavy, expression: "` + halfBudget + `"}, {name: light, expression: "variables.heavy"}], validations: [{expression: "!variables.light", message: m, messageExpression: "string(variables.light)"}]}`,
	"one pays once":          `{variables: [{name: heavy, expression: "` + halfBudget + `"}], validations: [{expression: "!variables.heavy", message: m}, {expression: "!variables.heavy", message: other}]}`,
	"a keyword as a name":    `{variables: [{name: namespace, expression: "object.metadata.namespace"}], validations: [{expression: "variables.namespace == 'x'", messageExpression: "variables.namespace"}]}`,
	"has a variable":         `{variables: [{name: v, expression: "object.nowhere"}], validations: [{expression: "!has(variables.anyObject)", message: m}, {expression: "has(variables.v)", message: other}]}`,
	"message of a failure":   `{variables: [{name: v, expression: "object.nowhere"}], validations: [{expression: "false", message: m, messageExpression: "string(variables.v)"}]}`,
	"parameters":             `{validations: [{expression: "variables.params.repo == 'y'", messageExpression: "string(variables.params.repo)"}]}`,
	"any object":             `{validations: [{expression: "variables.anyObject == null", messageExpression: "string(variables.anyObject.metadata.name)"}]}`,
	"object on deletion":     `{validations: [{expression: "object == null", message: there}, {expression: "oldObject == null", message: old}]}`,
	"the request":            `{validations: [{expression: "false", messageExpression: "request.kind.kind + request.operation + request.name + string(request.dryRun) + request.userInfo.username"}]}`,
	"the namespace":          `{validations: [{expression: "namespaceObject == null", messageExpression: "namespaceObject.metadata.name + string(has(namespaceObject.metadata.labels))"}]}`,
	"condition holds":        `{matchCondition: [{name: a, expression: "object.kind == 'Pod'"}], validations: [{expression: "false", message: m}]}`,
	"condition excludes":     `{matchCondition: [{name: a, expression: "object.kind != 'Pod'"}], validations: [{expression: "false", message: m}]}`,
	"false beats failure":    `{matchCondition: [{name: a, expression: "object.nowhere == 1"}, {name: b, expression: "false"}], validations: [{expression: "false", message: m}]}`,
	"condition fails":        `{matchCondition: [{name: a, expression: "object.nowhere == 1"}], validations: [{expression: "false", message: m}]}`,
	"failure":                `{validations: [{expression: "object.nowhere == 1", message: m}, {expression: "false", message: other}]}`,
	"failure in variable":    `{variables: [{name: v, expression: "object.nowhere"}], validations: [{expression: "variables.v == 1", message: m}]}`,
	"ignored failure":        `{failurePolicy: Ignore, validations: [{expression: "object.nowhere == 1", message: m}, {expression: "false", message: other}]}`,
	"over budget":            `{validations: [{expression: "` + overBudget + `", message: m}, {expression: "false", message: other}]}`,
	"message over budget":    `{validations: [{expression: "false", message: m, messageExpression: "string(` + overBudget + `)"}]}`,
}

// halfBudget costs more than half of what the validations or the messages of a policy may.
const halfBudget = "object.spec.many.all(a, object.spec.many.all(b, a + b + a + b + a + b + a > 0))"

const overBudget = "object.spec.many.all(a, object.spec.many.all(b, object.spec.many.all(c, a + b + c > 0)))"

func celPolicy(t testing.TB, source string) []gatekeeper.Object {
	t.Helper()
	return objects(t, "p.yaml", strings.Replace(`
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: cel}
spec:
  crd: {spec: {names: {kind: Cel}, validation: {openAPIV3Schema: {type: object, properties: {repo: {type: string, default: x}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code: [{engine: K8sNativeValidation, source: SOURCE}]
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Cel
metadata: {name: c}
spec: {parameters: {}}
`, "SOURCE", source, 1))
}

// Every trick, on a bare resource and in requests, against Gatekeeper's own CEL driver. A failure that
// it words as a violation must be an error of ours.
func TestCELSaysWhatUpstreamSays(t *testing.T) {
	object := "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: prod}, spec: {containers: [{name: a}, {name: b}], many: " + many + "}}"
	ns := term(t, "{apiVersion: v1, kind: Namespace, metadata: {name: prod, labels: {a: b}}}")
	known := namespaceObject(t, ns)
	nsMap, err := util.NamespaceToMap(known)
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string]string{
		"create": "{uid: u, operation: CREATE, name: p, namespace: prod, kind: {group: '', version: v1, kind: Pod}, userInfo: {username: eve}, object: " + object + "}",
		"delete": "{uid: u, operation: DELETE, name: p, namespace: prod, kind: {group: '', version: v1, kind: Pod}, userInfo: {username: eve}, oldObject: " + object + "}",
	}
	for name, source := range celSources {
		policies := celPolicy(t, source)
		oracle := upstream(t, true, policies)
		set, _, problems := Load(t.Context(), policies, Options{CEL: true})
		if len(errorsOf(problems)) > 0 {
			t.Fatalf("%s: %v", name, problems)
		}
		t.Run(name+", bare", func(t *testing.T) {
			want := upstreamOfBare(t, oracle, object, ns)
			got := ourVerdict(t, review(t, set, admission.Review{Object: term(t, object), EnforcementPoint: enforcement.Gator, Namespace: ns}))
			sameLines(t, name, withoutDetails(got), want)
		})
		for operation, text := range requests {
			t.Run(name+", "+operation, func(t *testing.T) {
				request := term(t, text)
				want := upstreamCEL(upstreamVerdict(t, oracle, target.AugmentedReview{AdmissionRequest: typedRequest(t, request), Namespace: known, Source: types.SourceTypeOriginal},
					reviews.EnforcementPoint(enforcement.Webhook), reviews.Namespace(nsMap)))
				got := ourVerdict(t, review(t, set, admission.Review{
					Object: terms.Member(request, "object"), OldObject: terms.Member(request, "oldObject"), Operation: strings.ToUpper(operation),
					Request: request, EnforcementPoint: enforcement.Webhook, Namespace: ns,
				}))
				sameLines(t, name, withoutDetails(got), want)
			})
		}
	}
}

// many are numbers that are gone through by what is heavy.
var many = "[" + strings.TrimSuffix(strings.Repeat("1, ", 200), ", ") + "]"

// upstreamOfBare is what upstream says of a bare resource in a Namespace.
func upstreamOfBare(t *testing.T, oracle *client.Client, resource string, ns *ast.Term) []string {
	t.Helper()
	known := namespaceObject(t, ns)
	nsMap, err := util.NamespaceToMap(known)
	if err != nil {
		t.Fatal(err)
	}
	au := target.AugmentedUnstructured{Object: *fromTerm(t, term(t, resource)), Namespace: known, Source: types.SourceTypeOriginal}
	return upstreamCEL(upstreamVerdict(t, oracle, au, reviews.EnforcementPoint(enforcement.Gator), reviews.Namespace(nsMap)))
}

// upstreamCEL marks the violations that are failures.
func upstreamCEL(lines []string) []string {
	out := []string{}
	for _, line := range withoutDetails(lines) {
		for _, failure := range []string{"resulted in error: ", "running out of cost budget"} {
			if strings.Contains(line, failure) {
				line = strings.Fields(line)[0] + " error" // of its policy
			}
		}
		out = append(out, line)
	}
	return out
}

func withoutDetails(lines []string) []string {
	out := []string{}
	for _, line := range lines {
		out = append(out, strings.TrimSuffix(line, " null"))
	}
	return out
}

func TestIgnoredCELFailuresAreWarnings(t *testing.T) {
	set, _, _ := Load(t.Context(), celPolicy(t, celSources["ignored failure"]), Options{CEL: true})
	out := review(t, set, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}}")})
	if !slices.Equal(messages(out), []string{"Cel/c: other"}) || len(out.Problems) != 1 || !agrees(out.Problems[0], "warning cel_error 9: no such key|failurePolicy") {
		raw, _ := json.Marshal(out)
		t.Errorf("unexpected outcome %s", raw)
	}
}
