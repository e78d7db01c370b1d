package constraint

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// template is a ConstraintTemplate of the kind Sample; its Rego begins on line 11.
func sampleTemplate(rego string) string {
	return `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: sample}
spec:
  crd:
    spec:
      names: {kind: Sample}
      validation: {openAPIV3Schema: {type: object, properties: {repos: {type: array, items: {type: string}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
` + indented(rego)
}

func indented(rego string) string {
	return "        " + strings.ReplaceAll(rego, "\n", "\n        ") + "\n"
}

const goodRego = `package sample
violation[{"msg": "no"}] { input.review.object.spec.containers }`

func constraintOf(spec string) string {
	return "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Sample\nmetadata: {name: c}\n" + spec
}

const codeTemplate = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: sample}
spec:
  crd: {spec: {names: {kind: Sample}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      code:
        - engine: Rego
          source:
            version: v1
            rego: |
              package sample
              import data.lib.help
              violation contains {"msg": help.text} if true
            libs:
              - |
                package lib.good
              - |
                package lib.help
                text := nowhere(1)
`

var loadCases = map[string]struct {
	policies []string
	want     []string // severity code line: part of the message | part of the hint
}{
	"a good template and constraint": {
		[]string{constraintOf("spec: {parameters: {repos: [a]}}"), sampleTemplate(goodRego)}, nil,
	},
	"a syntax error": {
		[]string{sampleTemplate("package sample\nviolation[{\"msg\": \"no\"}] { x := }"), constraintOf("spec: {}")},
		[]string{"error rego_parse_error 13: unexpected", "error constraint_without_template 17: is not enforced: its template at p.yaml:1 is invalid"},
	},
	"Rego v1 under v0": {
		[]string{sampleTemplate("package sample\nviolation contains {\"msg\": \"no\"} if { true }")},
		[]string{"error rego_parse_error 13: |this is Rego v1"},
	},
	"an undefined function": {
		[]string{sampleTemplate("package sample\n\nviolation[{\"msg\": \"no\"}] {\n  not allowed(input.review)\n}")},
		[]string{"error rego_type_error 15: undefined function|define `allowed` in the template"},
	},
	"an error in a library under code": {
		[]string{codeTemplate},
		[]string{"error rego_type_error 21: undefined function nowhere"},
	},
	"an error in Rego on one line of JSON": {
		[]string{templateOf("Sample", "package sample\nviolation[{\"msg\": \"m\"}] { f(1) }", "")},
		[]string{"error rego_type_error 1: undefined function f"},
	},
	"CEL that does not compile": {
		[]string{templateInCEL("object.kind == nowhere", "m", ""), "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Cel\nmetadata: {name: c}"},
		[]string{"error cel_compile_error 13: undeclared reference to 'nowhere'", "error constraint_without_template 19: is not enforced"},
	},
	"a CEL message that is no text": {
		[]string{templateInCEL("true", "m", "1")},
		[]string{"warning cel_message 15: must evaluate to string|string("},
	},
	"no violation rule": {
		[]string{sampleTemplate("package sample\ndeny[{\"msg\": \"no\"}] { true }")},
		[]string{"error rego_error 12: no rule named `violation`|rename"},
	},
	"a violation without msg": {
		[]string{sampleTemplate("package sample\nviolation[{\"message\": \"no\"}] { true }")},
		[]string{"error rego_type_error 13: have no `msg`|violation[{\"msg\": msg}]"},
	},
	"data that templates may not read": {
		[]string{sampleTemplate("package sample\nviolation[{\"msg\": \"no\"}] { data.secrets }")},
		[]string{"error rego_error 12: |data.inventory"},
	},
	"a bad template does not take the others with it": {
		[]string{sampleTemplate(goodRego), strings.NewReplacer("Sample", "Other", "name: sample", "name: other").Replace(sampleTemplate("package other\nviolation[{\"msg\": \"no\"}] { f(1) }")), constraintOf("spec: {}")},
		[]string{"error rego_type_error 28: undefined function f"},
	},
	"a name that is not the kind in lower case": {
		[]string{strings.Replace(sampleTemplate(goodRego), "name: sample", "name: example", 1)},
		[]string{"error template 3: |name the template `sample`"},
	},
	"an unknown version": {
		[]string{strings.Replace(sampleTemplate(goodRego), "sh/v1", "sh/v7", 1)},
		[]string{"error template_version 1: v7|templates.gatekeeper.sh/v1"},
	},
	"an unknown target": {
		[]string{strings.Replace(sampleTemplate(goodRego), "admission.k8s.gatekeeper.sh", "elsewhere", 1)},
		[]string{"error template 9: elsewhere"},
	},
	"a schema without type": {
		[]string{strings.Replace(sampleTemplate(goodRego), "{type: object, properties:", "{properties:", 1)},
		[]string{"error template_schema 8: openAPIV3Schema.type: Required value|needs a `type`"},
	},
	"a constraint of no kind": {
		[]string{constraintOf("spec: {}")},
		[]string{"error constraint_without_template 2: no template defines the kind `Sample`|add the ConstraintTemplate"},
	},
	"parameters that break the schema": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  parameters:\n    repos:\n      - 7\n      - a\n")},
		[]string{"error constraint_schema 22: spec.parameters.repos[0]: Invalid value"},
	},
	"a parameter that the schema does not know": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  parameters:\n    repo: a\n")},
		[]string{"error constraint 21: `spec.parameters.repo` is not a field|openAPIV3Schema"},
	},
	"a match block with a typo": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  match:\n    kind: [Pod]\n")},
		[]string{"error constraint 21: `spec.match.kind` is not a field"},
	},
	"an unknown enforcementAction": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  enforcementAction: block\n")},
		[]string{"error enforcement_action 20: no enforcementAction `block`|use `deny`"},
	},
	"scoped without scopes": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  enforcementAction: scoped\n")},
		[]string{"error enforcement_action 20: scopedEnforcementActions is required"},
	},
	"an unknown enforcement point": {
		[]string{sampleTemplate(goodRego), constraintOf("spec:\n  enforcementAction: scoped\n  scopedEnforcementActions:\n    - action: deny\n      enforcementPoints: [{name: nowhere}]\n")},
		[]string{"warning enforcement_point 23: `nowhere`|validation.gatekeeper.sh"},
	},
	"two templates of one kind that differ": {
		[]string{sampleTemplate(goodRego), sampleTemplate(goodRego + " # other")},
		[]string{"error duplicate 18: already defined at p.yaml:1"},
	},
	"the same template twice": {[]string{sampleTemplate(goodRego), sampleTemplate(goodRego)}, nil},
	"a Config by another name": {
		[]string{"apiVersion: config.gatekeeper.sh/v1alpha1\nkind: Config\nmetadata: {name: mine}\nspec: {match: []}"},
		[]string{"warning config_name 3: no effect|config"},
	},
	"an expansion of nothing": {
		[]string{"apiVersion: expansion.gatekeeper.sh/v1beta1\nkind: ExpansionTemplate\nmetadata: {name: e}\nspec: {templateSource: spec.template}"},
		[]string{"error expansion_template 4: generatedGVK"},
	},
	"a mutator": {
		[]string{"apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\nmetadata: {name: a}\nspec: {}"},
		[]string{"warning mutation 1: Assign is not simulated"},
	},
	"a provider without TLS": {
		[]string{"apiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\nmetadata: {name: p}\nspec: {url: 'http://x', timeout: 1}"},
		[]string{"error provider 4: |https"},
	},
}

func TestLoadSaysWhatIsWrongAndWhere(t *testing.T) {
	for name, c := range loadCases {
		t.Run(name, func(t *testing.T) {
			_, _, problems := Load(context.Background(), objects(t, "p.yaml", strings.Join(c.policies, "\n---\n")), Options{CEL: true})
			if len(problems) != len(c.want) {
				t.Errorf("got %d problems, want %d", len(problems), len(c.want))
			}
			for i, p := range problems {
				if i >= len(c.want) || !agrees(p, c.want[i]) {
					t.Errorf("got %s %s %d: %s|%s", p.Severity, p.Code, p.Line, p.Message, p.Hint)
				}
			}
		})
	}
}

func agrees(p model.Problem, want string) bool {
	head, rest, _ := strings.Cut(want, ": ")
	message, hint, _ := strings.Cut(rest, "|")
	return fmt.Sprintf("%s %s %d", p.Severity, p.Code, p.Line) == head && strings.Contains(p.Message, message) && strings.Contains(p.Hint, hint)
}

// The template of the specification: what a cluster would drop or refuse is said, each at its line.
const specification = `apiVersion: templates.gatekeeper.sh/v1beta1
kind: ConstraintTemplate
metadata:
  name: attestimagepolicy
spec:
  crd:
    spec:
      names:
        kind: AttestImagePolicy
      validation:
        properties:
          allowedRegistries:
            type: array
            items:
              type: string
          requireAttestation:
            type: boolean
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package attestimagepolicy
        
        violation[{"msg": msg}] {
            container := input.review.object.spec.containers[_]
            not allowed_registry(container.image)
            msg := sprintf("Container image '%v' is not from an allowed registry", [container.image])
        }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: AttestImagePolicy
metadata:
  name: company-image-policy
spec:
  match:
    kinds:
      - apiGroups: ["apps"]
        kinds: ["Deployment"]
    namespaces: ["production", "staging"]
  parameters:
    allowedRegistries:
      - "gcr.io/company/"
      - "registry.company.com/"
    requireAttestation: true
`

func TestTheSpecificationsTemplateIsExplained(t *testing.T) {
	_, _, problems := Load(t.Context(), objects(t, "p.yaml", specification), Options{CEL: true})
	want := []string{
		"warning unknown_field 11: drops the field `spec.crd.spec.validation.properties`|under `validation.openAPIV3Schema`",
		"error rego_type_error 25: undefined function allowed_registry|define `allowed_registry`",
		"error constraint_without_template 30: is not enforced",
		"warning never_fires 35: spec.containers|spec.template.spec.containers",
	}
	for i, p := range problems {
		if i >= len(want) || !agrees(p, want[i]) {
			t.Errorf("unexpected: %s %s %d: %s|%s", p.Severity, p.Code, p.Line, p.Message, p.Hint)
		}
	}
	if len(problems) != len(want) {
		t.Errorf("got %d problems, want %d", len(problems), len(want))
	}
}

func TestIsGatekeeperKnowsWhatPolicyFoldersHold(t *testing.T) {
	for kind, want := range map[string]bool{
		"templates.gatekeeper.sh/v1 ConstraintTemplate": true, "constraints.gatekeeper.sh/v1beta1 Anything": true,
		"config.gatekeeper.sh/v1alpha1 Config": true, "syncset.gatekeeper.sh/v1alpha1 SyncSet": true,
		"expansion.gatekeeper.sh/v1beta1 ExpansionTemplate": true, "externaldata.gatekeeper.sh/v1beta1 Provider": true,
		"mutations.gatekeeper.sh/v1 Assign": true, "v1 Pod": false, "test.gatekeeper.sh/v1alpha1 Suite": false, "v1 ConstraintTemplate": false,
	} {
		apiVersion, name, _ := strings.Cut(kind, " ")
		if got := gatekeeper.IsGatekeeper(map[string]any{"apiVersion": apiVersion, "kind": name}); got != want {
			t.Errorf("%s: got %v", kind, got)
		}
	}
	if gatekeeper.IsGatekeeper(map[string]any{"apiVersion": 1, "kind": []any{}}) {
		t.Error("a malformed document is taken for Gatekeeper's")
	}
}

func TestPoliciesAreDescribed(t *testing.T) {
	_, policies, _ := Load(t.Context(), objects(t, "p.yaml", constraintOf("spec: {enforcementAction: warn, parameters: {repos: [a]}}")+"\n---\n"+
		strings.Replace(sampleTemplate(goodRego), "name: sample", "name: sample, annotations: {description: why, metadata.gatekeeper.sh/title: What}", 1)), Options{})
	if len(policies) != 1 {
		t.Fatalf("got %d policies", len(policies))
	}
	p := policies[0]
	got := []string{p.Name, p.Engine, p.Title, p.Description, p.Enforcement, p.File, fmt.Sprint(p.Line), fmt.Sprint(p.Parameters)}
	if want := []string{"Sample/c", "gatekeeper", "What", "why", "warn", "p.yaml", "1", "map[repos:[a]]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
