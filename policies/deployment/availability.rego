# METADATA
# title: Availability
# description: >-
#   Workloads in production, or `everywhere`, survive the loss of a node. With several replicas, a Deployment, a StatefulSet or what
#   other controllers keep running (a Rollout, a CloneSet) spreads them (topology spread constraints or pod anti-affinity)
#   and does not stop all at once (`Recreate`). One replica has nothing to spread, so it is left to `attest-deployment`.
#   Disruption budgets, in any namespace, must leave room for
#   a node to be drained and select something. Whether a budget covers a workload is judged only where the inventory
#   (`data.inventory`) has disruption budgets to look at. Production is as in `attest-deployment`.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
#     description: Pod topology spread constraints
#   - ref: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
#     description: Disruption budgets
# custom:
#   name: availability
#   severity: medium
#   remediation: Spread the replicas over nodes, and give them a disruption budget that lets one of them go.
#   inventory: [PodDisruptionBudget]
#   controls:
#     - SOC2-A1.2
#   profiles:
#     recommended: {require_spread: false}
#     strict: {everywhere: true}
#   checks:
#     kube-linter: [no-anti-affinity, pdb-max-unavailable, pdb-min-available]
#     polaris: [missingPodDisruptionBudget, pdbDisruptionsIsZero, topologySpreadConstraint]
#     kube-score:
#       [
#         deployment-has-host-podantiaffinity, deployment-has-poddisruptionbudget, pod-topology-spread-constraints,
#         statefulset-has-host-podantiaffinity, statefulset-has-poddisruptionbudget,
#       ]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_spread:
#         type: boolean
#         default: true
#         description: Whether replicas in production must be spread.
#       everywhere:
#         type: boolean
#         default: false
#         description: Whether workloads outside of production are judged like those in it.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.availability

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": lib.pod_path, "fix": fixes.spread} if {
	is_replicated
	lib.parameter("require_spread", true)
	not is_spread
	message := sprintf(
		"All %v replicas of %s may run on one node: it has no topologySpreadConstraints or podAntiAffinity",
		[input.resource.spec.replicas, lib.this],
	)
}

is_replicated if {
	is_controller
	is_judged
	input.resource.spec.replicas > 1
	lib.pod
}

is_judged if lib.is_production_namespace

is_judged if lib.parameter("everywhere", false)

is_controller if input.resource.kind in {"Deployment", "StatefulSet"}

is_controller if {
	lib.pod_path == ["spec", "template", "spec"]
	lib.keeps_running(lib.pod_path)
}

is_spread if lib.pod.topologySpreadConstraints[_]

is_spread if {
	some strength in [
		"requiredDuringSchedulingIgnoredDuringExecution",
		"preferredDuringSchedulingIgnoredDuringExecution",
	]
	lib.pod.affinity.podAntiAffinity[strength][_]
}

violation contains {"message": message, "severity": "medium", "path": ["spec", "strategy", "type"], "fix": fixes.update, "cause": "recreate"} if {
	is_replicated
	input.resource.spec.strategy.type == "Recreate"
	message := sprintf("Every update stops all replicas of %s: its strategy is Recreate", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": ["metadata"], "fix": fixes.budget} if {
	is_replicated
	knows_budgets
	not has_budget
	message := sprintf("No PodDisruptionBudget covers %s", [lib.this])
}

knows_budgets if {
	data.inventory.namespace[_][_].PodDisruptionBudget
}

has_budget if {
	some budget in lib.around[_].PodDisruptionBudget
	is_object(budget.spec.selector)
	lib.selects(budget.spec.selector, lib.field(lib.pod_metadata, "labels", {}))
}

violation contains {"message": message, "severity": "medium", "path": ["spec", field], "fix": fixes[field]} if {
	input.resource.kind == "PodDisruptionBudget"
	some field, blocking in {"maxUnavailable": {0, "0", "0%"}, "minAvailable": {"100%"}}
	input.resource.spec[field] in blocking
	message := sprintf(
		"%s lets no pod be evicted, so its nodes can't be drained: %s is %v",
		[lib.this, field, input.resource.spec[field]],
	)
}

violation contains {"message": message, "severity": "medium", "path": lib.deepest(["spec"], ["selector"]), "fix": fixes.selector} if {
	input.resource.kind == "PodDisruptionBudget"
	object.get(input.resource, ["spec", "selector"], null) == null
	message := sprintf("%s protects nothing: it has no selector", [lib.this])
}

fixes := {
	"spread": "Set topologySpreadConstraints of the pod, with topologyKey `kubernetes.io/hostname` and the labels of the pods.",
	"update": "Set spec.strategy.type to `RollingUpdate`.",
	"budget": "Add a PodDisruptionBudget with spec.maxUnavailable `1` and the labels of these pods in spec.selector.",
	"maxUnavailable": "Set spec.maxUnavailable to `1`.",
	"minAvailable": "Replace spec.minAvailable by spec.maxUnavailable with the value `1`.",
	"selector": "Set spec.selector.matchLabels to the labels of the pods, spec.template.metadata.labels of their workload.",
}
