package optimize

import (
	"encoding/json"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// sameFindings says whether `check` says the same of the files of all samples and examples, the lines that are to
// blame included: where a rule names none, they follow from its variables.
func (o *optimizer) sameFindings(changed *explore.Subject) bool {
	if o.findings == nil {
		o.findings = o.check(o.subject)
	}
	mine := o.check(changed)
	if len(mine) != len(o.findings) {
		return false
	}
	for finding := range mine {
		if !o.findings[finding] {
			return false
		}
	}
	return true
}

// check is what `check` finds, and what it complains of. No host is allowed, so nothing is asked over the network.
func (o *optimizer) check(s *explore.Subject) map[string]bool {
	out := map[string]bool{}
	params := check.Params{
		Paths: o.files(), Jobs: 1, Timeout: s.Limit().Milliseconds(),
		Policies: []rego.Selection{{Name: s.Policy.Name, Parameters: o.parameters}},
	}
	none, _, _ := constraint.Load(o.ctx, nil, constraint.Options{})
	_, err := check.Run(o.ctx, &policyset.Set{Rego: s.Set, Gatekeeper: none}, params, func(batch check.Batch) error {
		for _, finding := range batch.Findings {
			text, _ := json.Marshal(finding) // a plain value
			out[string(text)] = true
		}
		return nil
	})
	if err != nil {
		out["error: "+err.Error()] = true
	}
	return out
}

// files are those that samples and examples stand in, once each.
func (o *optimizer) files() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, samples := range [][]sample{o.examples, o.samples} {
		for _, s := range samples {
			if !seen[s.file] {
				seen[s.file] = true
				out = append(out, s.file)
			}
		}
	}
	return out
}
