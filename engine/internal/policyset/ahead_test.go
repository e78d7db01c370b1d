package policyset

import (
	"context"
	"crypto/sha256"
	"testing"

	"attest.continuu.ms/engine/internal/bundle"
)

// TestConstraintsAreTakenByWhoAsksForTheSame loads constraints ahead, and asks for what may be the same.
func TestConstraintsAreTakenByWhoAsksForTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Params)
		text   string
		taken  bool
	}{
		"the same":                  {func(*Params) {}, keptTemplate, true},
		"with lists that are empty": {func(p *Params) { p.Signed, p.Documents, p.AllowNet = []string{}, []Document{}, []string{} }, keptTemplate, true},
		"with data and modules": {func(p *Params) {
			p.Data, p.Modules, p.OPA = []byte(`{"a": 1}`), []Inline{{File: "a", Text: "package a"}}, true
		}, keptTemplate, true},
		"with another input form":     {func(p *Params) { p.InputForm = "admission" }, keptTemplate, true},
		"another text":                {func(*Params) {}, keptTemplate + "# more\n", false},
		"no Gatekeeper":               {func(p *Params) { p.Gatekeeper = false }, keptTemplate, false},
		"other folders":               {func(p *Params) { p.Paths = append(p.Paths, p.Paths[0]) }, keptTemplate, false},
		"documents":                   {func(p *Params) { p.Documents = []Document{{"d.yaml", "kind: A"}} }, keptTemplate, false},
		"another evaluator":           {func(p *Params) { p.Evaluator = "opa" }, keptTemplate, false},
		"strict errors":               {func(p *Params) { p.StrictErrors = true }, keptTemplate, false},
		"providers":                   {func(p *Params) { p.External = true }, keptTemplate, false},
		"hosts":                       {func(p *Params) { p.AllowNet = []string{"example.com"} }, keptTemplate, false},
		"a bundle that is signed":     {func(p *Params) { p.Signed = []string{"x"} }, keptTemplate, false},
		"keys that bundles are of":    {func(p *Params) { p.Verification = &bundle.Verification{} }, keptTemplate, false},
		"what was kept of the source": {func(p *Params) { p.Kept = "x" }, keptTemplate, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write(t, folder, map[string]string{"any.yaml": keptTemplate})
			params := Params{Paths: []string{folder}, Gatekeeper: true, Evaluator: "compiled"}
			Ahead(params)
			var of [sha256.Size]byte
			begun, ok := constraintsAhead.Take(func(asked [sha256.Size]byte) bool { of = asked; return true })
			if !ok || begun.set.Empty() {
				t.Fatalf("nothing was loaded ahead: %v", begun.problems)
			}
			constraintsAhead.Begin(of, func() constraintsMade { return begun })
			write(t, folder, map[string]string{"any.yaml": c.text})
			c.change(&params)
			set, _, problems := Load(context.Background(), params)
			if taken := set.Gatekeeper == begun.set; taken != c.taken {
				t.Errorf("taken: %v (%v)", taken, problems)
			}
		})
	}
}
