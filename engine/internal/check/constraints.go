package check

import (
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// constraints asks the Gatekeeper constraints about a document and returns those that looked at it.
func (r *run) constraints(document *load.Document, watcher Watcher, out *fileResult) []string {
	if r.set.Gatekeeper.Empty() {
		return nil
	}
	review := admission.Review{
		Object: document.Term, Operation: r.params.Operation, Namespace: r.namespaces[document.Resource.Namespace],
		Inventory: r.inventory, EnforcementPoint: r.params.Point, Selected: r.chosen.Selected(), Timeout: r.timeout(),
	}
	r.reviewed(&review)
	if watcher != nil {
		review.Watch = watcher.Constraint
	}
	outcome, err := r.set.Gatekeeper.Review(r.ctx, review)
	if err != nil {
		out.problems = append(out.problems, model.Problem{
			Severity: model.Error, Code: "gatekeeper_review", Message: err.Error(), File: document.File, Line: document.Line,
		})
		return nil
	}
	out.problems = append(out.problems, outcome.Problems...)
	if len(outcome.Results) > 0 {
		outcome.Locate(r.ctx)
	}
	out.findings = slices.Grow(out.findings, len(outcome.Results))
	for _, result := range outcome.Results {
		out.findings = append(out.findings, r.constraintFinding(document, out, result))
	}
	return outcome.Judged
}

func (r *run) constraintFinding(document *load.Document, out *fileResult, result constraint.Result) model.Finding {
	details, _ := result.Details.(map[string]any)
	severity := r.severity(result.Policy, details)
	if result.Expanded != "" {
		details = with(details, "expandedBy", result.Expanded)
	}
	location, details := r.place(document, details, result.Path)
	return model.Finding{
		Policy: result.Policy, Engine: gatekeeper.Engine, Rule: "violation", Severity: severity, Enforcement: result.Enforcement,
		Message: result.Message, Resource: out.resource(document), Location: location, Details: details,
	}
}

// severity is what the violation's details say, else the constraint, else the configuration.
func (r *run) severity(policy string, details map[string]any) string {
	stated, _ := details["severity"].(string)
	for _, severity := range []string{strings.ToLower(stated), r.set.Severities[policy], r.chosen.Selection(policy).Severity} {
		if model.IsSeverity(severity) {
			return severity
		}
	}
	return "medium"
}

func with(details map[string]any, key string, value any) map[string]any {
	out := map[string]any{key: value}
	for k, v := range details {
		out[k] = v
	}
	return out
}
