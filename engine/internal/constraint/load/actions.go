package load

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// validAction refuses actions that Gatekeeper would not carry out, and warns of enforcement points
// that do not exist.
func (l *loader) validAction(o *gatekeeper.Object) bool {
	action, _, err := unstructured.NestedString(o.Value, "spec", "enforcementAction")
	if err != nil {
		l.fail(o, "enforcement_action", "`enforcementAction` must be text", "use `deny`, `warn`, `dryrun` or `scoped`", "spec", "enforcementAction")
		return false
	}
	if action == string(util.Scoped) {
		return l.validScopes(o)
	}
	if _, known := enforcement.Actions[action]; !known {
		l.fail(o, "enforcement_action", fmt.Sprintf("Gatekeeper knows no enforcementAction `%s`: the constraint `%s` would not be enforced", action, gatekeeper.PolicyName(o.Unstructured())),
			"use `deny`, `warn`, `dryrun` or `scoped`", "spec", "enforcementAction")
		return false
	}
	return true
}

const scopedActions = "scopedEnforcementActions"

func (l *loader) validScopes(o *gatekeeper.Object) bool {
	scopes, err := util.GetScopedEnforcementAction(o.Value)
	if err != nil {
		l.fail(o, "enforcement_action", model.OneLine(err.Error()), "list actions with their enforcement points under `scopedEnforcementActions`", "spec", "enforcementAction")
		return false
	}
	valid := true
	for i, scope := range *scopes {
		if scope.Action == "" || enforcement.Actions[scope.Action] == "" {
			l.fail(o, "enforcement_action", fmt.Sprintf("Gatekeeper knows no scoped action `%s`", scope.Action),
				"use `deny`, `warn` or `dryrun`", "spec", scopedActions, i, "action")
			valid = false
		}
		for j, point := range scope.EnforcementPoints {
			if !knownPoints[point.Name] {
				l.warn(o, "enforcement_point", fmt.Sprintf("Gatekeeper knows no enforcement point `%s`: nothing is enforced at it", point.Name),
					"known are "+strings.Join([]string{enforcement.Webhook, enforcement.Audit, enforcement.Gator, util.VAPEnforcementPoint}, ", ")+" and *", "spec", scopedActions, i, "enforcementPoints", j)
			}
		}
	}
	return valid
}

var knownPoints = map[string]bool{
	enforcement.Webhook: true, enforcement.Audit: true, enforcement.Gator: true, enforcement.CLI: true, util.VAPEnforcementPoint: true, util.AllEnforcementPoints: true,
}

// alias lets what is scoped to gator's enforcement point be enforced at ours: who tests with gator
// means the command line.
func alias(o *gatekeeper.Object) {
	scopes, _ := gatekeeper.Lookup(o.Value, "spec", scopedActions).([]any)
	for _, scope := range scopes {
		points, _ := gatekeeper.Lookup(scope, "enforcementPoints").([]any)
		for _, point := range points {
			if gatekeeper.Lookup(point, "name") == enforcement.Gator {
				scope.(map[string]any)["enforcementPoints"] = append(points, map[string]any{"name": enforcement.CLI})
				break
			}
		}
	}
}
