package check

import (
	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// constraints asks the Gatekeeper constraints about a document and returns those that looked at it.
func (r *run) constraints(document *load.Document, watcher Watcher, out *fileResult) []string {
	if r.set.Gatekeeper.Empty() {
		return nil
	}
	review := constraint.Review{
		Object: document.Term, Operation: r.params.Operation, Namespace: r.namespaces[document.Resource.Namespace],
		Inventory: r.inventory, EnforcementPoint: r.params.Point, Selected: r.selected, Timeout: r.timeout(),
	}
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
	for _, result := range outcome.Results {
		out.findings = append(out.findings, r.constraintFinding(document, out, result))
	}
	return outcome.Judged
}

func (r *run) constraintFinding(document *load.Document, out *fileResult, result constraint.Result) model.Finding {
	severity := r.set.Severities[result.Policy]
	if severity == "" {
		severity = r.chosen[result.Policy].Severity
	}
	if severity == "" {
		severity = "medium"
	}
	details, _ := result.Details.(map[string]any)
	if result.Expanded != "" {
		details = with(details, "expandedBy", result.Expanded)
	}
	return model.Finding{
		Policy: result.Policy, Engine: constraint.Engine, Rule: "violation", Severity: severity, Enforcement: result.Enforcement,
		Message: result.Message, Resource: out.resource(document), Location: document.Locate(result.Path), Details: details,
	}
}

func with(details map[string]any, key string, value any) map[string]any {
	out := map[string]any{key: value}
	for k, v := range details {
		out[k] = v
	}
	return out
}
