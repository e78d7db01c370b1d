package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/constraint"
)

var files = map[string]string{
	"template.yaml": `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: owned}
spec:
  crd: {spec: {names: {kind: Owned}, validation: {openAPIV3Schema: {type: object, properties: {label: {type: string}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package owned
        violation[{"msg": msg}] {
          input.review.object.kind == "Pod"
          not input.review.object.metadata.labels[input.parameters.label]
          msg := sprintf("label %v is missing (%v)", [input.parameters.label, input.review.operation])
        }
        violation[{"msg": "the team does not exist"}] {
          team := input.review.object.metadata.labels.team
          not data.inventory.cluster["v1"].Namespace[team]
        }
        violation[{"msg": "unreachable"}] { input.review.object.metadata.labels.broken; both == 1 }
        both = 1 { input }
        both = 2 { input }
`,
	"constraint.yaml": "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Owned\nmetadata: {name: c}\nspec: {parameters: {label: owner}}",
	"typo.yaml":       "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: Owned\nmetadata: {name: c}\nspec: {parameters: {label: 7}}",
	"expansion.yaml": `
apiVersion: expansion.gatekeeper.sh/v1beta1
kind: ExpansionTemplate
metadata: {name: pods}
spec:
  applyTo: [{groups: [apps], versions: [v1], kinds: [Deployment]}]
  templateSource: spec.template
  generatedGVK: {group: "", version: v1, kind: Pod}
`,
	"good.yaml":       "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {owner: me}}",
	"bad.yaml":        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}",
	"team.yaml":       "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {owner: me, team: red}}",
	"broken.yaml":     "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {owner: me, broken: here}}",
	"red.yaml":        "apiVersion: v1\nkind: Namespace\nmetadata: {name: red}",
	"deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {}}}",
	"two.yaml":        "apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Pod",
	"request.yaml": `
apiVersion: admission.k8s.io/v1
kind: AdmissionReview
request: {uid: u, operation: UPDATE, kind: {group: "", version: v1, kind: Pod}, userInfo: {}, object: {apiVersion: v1, kind: Pod, metadata: {name: p}}}
`,
	"empty-request.yaml": "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest: {uid: u, operation: UPDATE, kind: {group: '', version: v1, kind: Pod}, userInfo: {}}",
}

// write lays out the files with a Suite of the given tests.
func write(t *testing.T, suite string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		put(t, filepath.Join(folder, name), content)
	}
	put(t, filepath.Join(folder, "suite.yaml"), "kind: Suite\napiVersion: test.gatekeeper.sh/v1alpha1\nmetadata: {name: owned}\n"+suite)
	return folder
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, suite string, params Params) Suite {
	t.Helper()
	params.Paths = []string{write(t, suite)}
	var out []Suite
	if err := Run(t.Context(), params, func(s Suite) error { out = append(out, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 {
		t.Fatalf("%d Suites ran", len(out))
	}
	return out[0]
}

// A case, and a part of the error that it must end with: none where it passes.
func TestCases(t *testing.T) {
	for name, c := range map[string]struct{ test, want string }{
		"passes":                         {"{object: good.yaml, assertions: [{violations: no}]}", ""},
		"fails":                          {"{object: bad.yaml, assertions: [{violations: no}]}", "got 1 violations but want none"},
		"counts":                         {"{object: bad.yaml, assertions: [{violations: 1}]}", ""},
		"counts wrong":                   {"{object: bad.yaml, assertions: [{violations: 2}]}", "got 1 violations but want exactly 2"},
		"any":                            {"{object: bad.yaml, assertions: [{}]}", ""},
		"message":                        {"{object: bad.yaml, assertions: [{violations: yes, message: label \\w+ is}]}", ""},
		"wrong message":                  {"{object: bad.yaml, assertions: [{message: nothing}]}", `violations containing "nothing"`},
		"bad expression":                 {"{object: bad.yaml, assertions: [{message: '('}]}", "invalid regular expression"},
		"no assertion":                   {"{object: bad.yaml}", "assertions must be non-empty"},
		"no object":                      {"{assertions: [{}]}", "must define object"},
		"no such file":                   {"{object: nowhere.yaml, assertions: [{}]}", "no such file"},
		"two objects":                    {"{object: two.yaml, assertions: [{}]}", "exactly one object"},
		"without inventory":              {"{object: team.yaml, assertions: [{violations: 1}]}", ""},
		"with inventory":                 {"{object: team.yaml, inventory: [red.yaml], assertions: [{violations: no}]}", ""},
		"request":                        {"{object: request.yaml, assertions: [{violations: 1, message: UPDATE}]}", ""},
		"empty request":                  {"{object: empty-request.yaml, assertions: [{}]}", `does not contain an "object"`},
		"generated":                      {"{object: deployment.yaml, assertions: [{message: Implied by pods}]}", ""},
		"an evaluation error is no pass": {"{object: broken.yaml, assertions: [{violations: no}]}", "conflicting values"},
		"gator counts it, though":        {"{object: broken.yaml, assertions: [{violations: 1, message: conflicting}]}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			suite := run(t, "tests: [{name: t, template: template.yaml, constraint: constraint.yaml, expansion: expansion.yaml, cases: ["+
				strings.Replace(c.test, "{", "{name: c, ", 1)+"]}]", Params{})
			if suite.Error != "" || suite.Tests[0].Error != "" {
				t.Fatalf("%q %q", suite.Error, suite.Tests[0].Error)
			}
			got := suite.Tests[0].Cases[0].Error
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) || suite.Failed() != (c.want != "") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTests(t *testing.T) {
	for name, c := range map[string]struct{ test, want string }{
		"an invalid constraint, as expected": {"{template: template.yaml, constraint: typo.yaml, invalid: true}", ""},
		"an invalid constraint":              {"{template: template.yaml, constraint: typo.yaml}", "typo.yaml:4: spec.parameters.label"},
		"a constraint valid unexpectedly":    {"{template: template.yaml, constraint: constraint.yaml, invalid: true}", "should have failed schema validation"},
		"no template":                        {"{constraint: constraint.yaml}", "missing template"},
		"no constraint":                      {"{template: template.yaml}", "missing constraint"},
		"no such template":                   {"{template: nowhere.yaml, constraint: constraint.yaml}", "no such file"},
		"a template that is none":            {"{template: good.yaml, constraint: constraint.yaml}", "not a ConstraintTemplate"},
		"an expansion that is none":          {"{template: template.yaml, constraint: constraint.yaml, expansion: good.yaml}", "not an Expansion"},
	} {
		t.Run(name, func(t *testing.T) {
			suite := run(t, "tests: ["+strings.Replace(c.test, "{", "{name: t, ", 1)+"]", Params{})
			got := suite.Tests[0].Error
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

const threeCases = `tests:
  - {name: first, template: template.yaml, constraint: constraint.yaml, cases: [
      {name: allowed, object: good.yaml, assertions: [{violations: no}]}, {name: denied, object: bad.yaml, assertions: [{}]}]}
  - {name: second, template: template.yaml, constraint: constraint.yaml, cases: [{name: skipped, skip: true}, {name: allowed, object: good.yaml, assertions: [{violations: no}]}]}
  - {name: third, skip: true}
`

func TestRunSelectsTestsAndCases(t *testing.T) {
	for filter, want := range map[string][]string{
		"":                {"first/allowed", "first/denied", "second/allowed"},
		"allowed":         {"first/allowed", "second/allowed"},
		"second":          {"second/allowed"},
		"first//den":      {"first/denied"},
		"//^allowed$":     {"first/allowed", "second/allowed"},
		"nothing matches": {},
	} {
		suite := run(t, threeCases, Params{Run: filter, Options: constraint.Options{CEL: true}})
		got := []string{}
		for _, test := range suite.Tests {
			for _, c := range test.Cases {
				if !c.Skipped {
					got = append(got, test.Name+"/"+c.Name)
				}
			}
		}
		if !slices.Equal(got, want) || suite.Failed() {
			t.Errorf("%q: ran %v, want %v", filter, got, want)
		}
	}
	for _, filter := range []string{"(", "a//b//c"} {
		if err := Run(t.Context(), Params{Run: filter}, func(Suite) error { return nil }); err == nil {
			t.Errorf("the filter %q is accepted", filter)
		}
	}
}

func TestSuitesAreDescribed(t *testing.T) {
	suite := run(t, threeCases, Params{})
	if suite.Name != "owned" || suite.Line != 1 || filepath.Base(suite.File) != "suite.yaml" || suite.Duration <= 0 || !suite.Tests[2].Skipped {
		t.Errorf("unexpected Suite %+v", suite)
	}
	if skipped := run(t, "skip: true\n"+threeCases, Params{}); !skipped.Skipped || len(skipped.Tests) != 0 {
		t.Errorf("unexpected Suite %+v", skipped)
	}
	if broken := run(t, "tests: {", Params{}); broken.Error == "" || !broken.Failed() {
		t.Errorf("unexpected Suite %+v", broken)
	}
	if err := Run(t.Context(), Params{Paths: []string{"nowhere"}}, func(Suite) error { return nil }); err == nil {
		t.Error("a path that is not there is accepted")
	}
}

func TestIsSuite(t *testing.T) {
	for text, want := range map[string]bool{
		"apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite":           true,
		"apiVersion: v1\nkind: Pod # for test.gatekeeper.sh":             false,
		"apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\ntests: {": true,
		"apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Other":           false,
	} {
		if got := IsSuite([]byte(text)); got != want {
			t.Errorf("%s: got %v", fmt.Sprintf("%q", text), got)
		}
	}
}
