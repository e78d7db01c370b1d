package constraint

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

// Engine is how findings and policies of this package name their engine.
const Engine = "gatekeeper"

// Enforcements as the rest of the product names them.
const (
	Strict = "strict"
	Warn   = "warn"
	DryRun = "dryrun"
)

var enforcements = map[string]string{
	"": Strict, string(util.Deny): Strict, string(util.Warn): Warn, string(util.Dryrun): DryRun,
}

// strength orders enforcements: of several actions for one enforcement point the strongest counts.
var strength = map[string]int{Strict: 3, Warn: 2, DryRun: 1}

// enforcement of a result: its action, or the strongest of the actions for the enforcement point.
func enforcement(result *types.Result) string {
	if result.EnforcementAction != string(util.Scoped) {
		return enforcements[result.EnforcementAction]
	}
	return strongest(result.ScopedEnforcementActions)
}

func strongest(actions []string) string {
	out := ""
	for _, action := range actions {
		if e := enforcements[action]; strength[e] > strength[out] {
			out = e
		}
	}
	return out
}

// declared is the enforcement that a constraint declares at our own enforcement point, or the
// strongest of all where it names another.
func (s *Set) declared(u *unstructured.Unstructured) string {
	action, _, _ := unstructured.NestedString(u.Object, "spec", "enforcementAction")
	if action != string(util.Scoped) {
		return enforcements[action]
	}
	if actions, err := util.ScopedActionForEP(CLI, u); err == nil && len(actions) > 0 {
		return strongest(actions)
	}
	var actions []string
	if scoped, err := util.GetScopedEnforcementAction(u.Object); err == nil {
		for _, s := range *scoped {
			actions = append(actions, s.Action)
		}
	}
	return strongest(actions)
}

// validAction refuses actions that Gatekeeper would not carry out, and warns of enforcement points
// that do not exist.
func (l *loader) validAction(o *Object) bool {
	action, _, err := unstructured.NestedString(o.Value, "spec", "enforcementAction")
	if err != nil {
		l.fail(o, "enforcement_action", "`enforcementAction` must be text", "use `deny`, `warn`, `dryrun` or `scoped`", "spec", "enforcementAction")
		return false
	}
	if action == string(util.Scoped) {
		return l.validScopes(o)
	}
	if _, known := enforcements[action]; !known {
		l.fail(o, "enforcement_action", fmt.Sprintf("Gatekeeper knows no enforcementAction `%s`: the constraint `%s` would not be enforced", action, policyName(o.unstructured())),
			"use `deny`, `warn`, `dryrun` or `scoped`", "spec", "enforcementAction")
		return false
	}
	return true
}

const scopedActions = "scopedEnforcementActions"

func (l *loader) validScopes(o *Object) bool {
	scopes, err := util.GetScopedEnforcementAction(o.Value)
	if err != nil {
		l.fail(o, "enforcement_action", model.OneLine(err.Error()), "list actions with their enforcement points under `scopedEnforcementActions`", "spec", "enforcementAction")
		return false
	}
	valid := true
	for i, scope := range *scopes {
		if scope.Action == "" || enforcements[scope.Action] == "" {
			l.fail(o, "enforcement_action", fmt.Sprintf("Gatekeeper knows no scoped action `%s`", scope.Action),
				"use `deny`, `warn` or `dryrun`", "spec", scopedActions, i, "action")
			valid = false
		}
		for j, point := range scope.EnforcementPoints {
			if !knownPoints[point.Name] {
				l.warn(o, "enforcement_point", fmt.Sprintf("Gatekeeper knows no enforcement point `%s`: nothing is enforced at it", point.Name),
					"known are "+strings.Join([]string{Webhook, Audit, Gator, util.VAPEnforcementPoint}, ", ")+" and *", "spec", scopedActions, i, "enforcementPoints", j)
			}
		}
	}
	return valid
}

var knownPoints = map[string]bool{
	Webhook: true, Audit: true, Gator: true, CLI: true, util.VAPEnforcementPoint: true, util.AllEnforcementPoints: true,
}

// alias lets what is scoped to gator's enforcement point be enforced at ours: who tests with gator
// means the command line.
func alias(o *Object) {
	scopes, _ := lookup(o.Value, "spec", scopedActions).([]any)
	for _, scope := range scopes {
		points, _ := lookup(scope, "enforcementPoints").([]any)
		for _, point := range points {
			if lookup(point, "name") == Gator {
				scope.(map[string]any)["enforcementPoints"] = append(points, map[string]any{"name": CLI})
				break
			}
		}
	}
}
