// Package enforcement tells what becomes of a violation: the actions of constraints, and the points at which they are taken.
package enforcement

import (
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Enforcements as the rest of the product names them.
const (
	Strict = "strict"
	Warn   = "warn"
	DryRun = "dryrun"
)

// Actions are the enforcements by the actions of constraints and of their scopes.
var Actions = map[string]string{
	"": Strict, string(util.Deny): Strict, string(util.Warn): Warn, string(util.Dryrun): DryRun,
}

// strength orders enforcements: of several actions for one enforcement point the strongest counts.
var strength = map[string]int{Strict: 3, Warn: 2, DryRun: 1}

// Of is the enforcement of a result: its action, or the strongest of the actions for the enforcement point.
func Of(result *types.Result) string {
	if result.EnforcementAction != string(util.Scoped) {
		return Actions[result.EnforcementAction]
	}
	return strongest(result.ScopedEnforcementActions)
}

func strongest(actions []string) string {
	out := ""
	for _, action := range actions {
		if e := Actions[action]; strength[e] > strength[out] {
			out = e
		}
	}
	return out
}

// Declared is the enforcement that a constraint declares at our own enforcement point, or the
// strongest of all where it names another.
func Declared(u *unstructured.Unstructured) string {
	action, _, _ := unstructured.NestedString(u.Object, "spec", "enforcementAction")
	if action != string(util.Scoped) {
		return Actions[action]
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

// Enforcement points at which a review can take place.
const (
	Webhook = util.WebhookEnforcementPoint
	Audit   = util.AuditEnforcementPoint
	Gator   = util.GatorEnforcementPoint
	// CLI is ours: constraints that are scoped to gator's point are enforced at it too.
	CLI = "cli.attest.continuu.ms"
)
