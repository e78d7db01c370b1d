package policyset

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"attest.continuu.ms/engine/internal/bundle"
)

const aheadTemplate = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sany}
spec:
  crd: {spec: {names: {kind: K8sAny}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package k8sany
        violation[{"msg": "any"}] { true }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sAny
metadata: {name: any}
`

// TestConstraintsAreTakenByWhoAsksForTheSame loads constraints ahead, and asks for what may be the same.
func TestConstraintsAreTakenByWhoAsksForTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Params)
		text   string
		taken  bool
	}{
		"the same":                  {func(*Params) {}, aheadTemplate, true},
		"with lists that are empty": {func(p *Params) { p.Signed, p.Documents, p.AllowNet = []string{}, []Document{}, []string{} }, aheadTemplate, true},
		"with data and modules": {func(p *Params) {
			p.Data, p.Modules, p.OPA = []byte(`{"a": 1}`), []Inline{{File: "a", Text: "package a"}}, true
		}, aheadTemplate, true},
		"with another input form":     {func(p *Params) { p.InputForm = "admission" }, aheadTemplate, true},
		"another text":                {func(*Params) {}, aheadTemplate + "# more\n", false},
		"no Gatekeeper":               {func(p *Params) { p.Gatekeeper = false }, aheadTemplate, false},
		"other folders":               {func(p *Params) { p.Paths = append(p.Paths, p.Paths[0]) }, aheadTemplate, false},
		"documents":                   {func(p *Params) { p.Documents = []Document{{"d.yaml", "kind: A"}} }, aheadTemplate, false},
		"another evaluator":           {func(p *Params) { p.Evaluator = "opa" }, aheadTemplate, false},
		"strict errors":               {func(p *Params) { p.StrictErrors = true }, aheadTemplate, false},
		"providers":                   {func(p *Params) { p.External = true }, aheadTemplate, false},
		"hosts":                       {func(p *Params) { p.AllowNet = []string{"example.com"} }, aheadTemplate, false},
		"a bundle that is signed":     {func(p *Params) { p.Signed = []string{"x"} }, aheadTemplate, false},
		"keys that bundles are of":    {func(p *Params) { p.Verification = &bundle.Verification{} }, aheadTemplate, false},
		"what was kept of the source": {func(p *Params) { p.Kept = "x" }, aheadTemplate, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			file := filepath.Join(folder, "any.yaml")
			writeText(t, file, aheadTemplate)
			params := Params{Paths: []string{folder}, Gatekeeper: true, Evaluator: "compiled"}
			Ahead(params)
			var of constraintsAsked
			begun, ok := constraintsAhead.Take(func(asked constraintsAsked) bool { of = asked; return true })
			if !ok || begun.set.Empty() {
				t.Fatalf("nothing was loaded ahead: %v", begun.problems)
			}
			constraintsAhead.Begin(of, func() constraintsMade { return begun })
			writeText(t, file, c.text)
			c.change(&params)
			set, _, problems := Load(context.Background(), params)
			if taken := set.Gatekeeper == begun.set; taken != c.taken {
				t.Errorf("taken: %v (%v)", taken, problems)
			}
		})
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
