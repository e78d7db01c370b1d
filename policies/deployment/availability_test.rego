package attest.availability_test

import data.attest.availability

replicated(fields) := object.union(
	{
		"kind": "Deployment",
		"metadata": {"name": "web", "namespace": "production"},
		"spec": {"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
	},
	fields,
)

pod_with(fields) := replicated({"spec": {"template": {"spec": fields}}})

spread := {"topologySpreadConstraints": [{"topologyKey": "kubernetes.io/hostname"}]}

found(resource, parameters) := {[v.message, v.path] |
	some v in availability.violation with input as {"resource": resource, "parameters": parameters}
	v.severity == "medium"
}

unspread := {[
	"All 2 replicas of Deployment 'web' may run on one node: it has no topologySpreadConstraints or podAntiAffinity",
	["spec", "template", "spec"],
]}

test_replicas_are_spread if {
	every fields in [
		spread,
		{"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
		{"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{}]}}},
	] {
		found(pod_with(fields), {}) == set()
	}
	every fields in [
		{},
		{"topologySpreadConstraints": []},
		{"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}},
		{"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}},
	] {
		found(pod_with(fields), {}) == unspread
		found(pod_with(fields), {"require_spread": false}) == set()
	}
}

test_only_several_replicas_in_production_are_judged if {
	every fields in [
		{"metadata": {"namespace": "shop"}},
		{"spec": {"replicas": 1}},
		{"kind": "DaemonSet"},
	] {
		found(replicated(fields), {}) == set()
	}
	found(replicated({"metadata": {"namespace": "live"}}), {"production_namespaces": ["live"]}) == unspread
}

test_updates_leave_replicas_running if {
	resource := object.union(pod_with(spread), {"spec": {"strategy": {"type": "Recreate"}}})
	found(resource, {}) == {[
		"Every update stops all replicas of Deployment 'web': its strategy is Recreate",
		["spec", "strategy", "type"],
	]}
}

inventory(selector) := {"namespace": {"production": {"policy/v1": {"PodDisruptionBudget": {
	"web": {"spec": {"selector": selector}},
}}}}}

test_a_budget_covers_the_replicas if {
	every selector in [
		{},
		{"matchLabels": {"app": "web"}},
		{"matchExpressions": [
			{"key": "app", "operator": "In", "values": ["api", "web"]},
			{"key": "app", "operator": "NotIn", "values": ["api"]},
			{"key": "app", "operator": "Exists"},
			{"key": "tier", "operator": "DoesNotExist"},
		]},
	] {
		messages := found(pod_with(spread), {}) with data.inventory as inventory(selector)
		messages == set()
	}
	every selector in [
		{"matchLabels": {"app": "api"}},
		{"matchLabels": {"app": "web", "tier": "front"}},
		{"matchExpressions": [{"key": "app", "operator": "In", "values": ["api"]}]},
		{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]},
		{"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
		{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
	] {
		messages := found(pod_with(spread), {}) with data.inventory as inventory(selector)
		messages == {["No PodDisruptionBudget covers Deployment 'web'", ["metadata"]]}
	}
}

test_without_budgets_in_the_inventory_none_is_missed if {
	messages := found(pod_with(spread), {}) with data.inventory as {"namespace": {"production": {"v1": {}}}}
	messages == set()
}

budget(spec) := {"kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec}

test_budgets_let_nodes_be_drained if {
	every case in [["maxUnavailable", 0], ["maxUnavailable", "0%"], ["minAvailable", "100%"]] {
		found(budget({case[0]: case[1], "selector": {}}), {}) == {[
			sprintf("PodDisruptionBudget 'web' lets no pod be evicted, so its nodes can't be drained: %s is %v", case),
			["spec", case[0]],
		]}
	}
	every case in [["maxUnavailable", 1], ["maxUnavailable", "10%"], ["minAvailable", "50%"], ["minAvailable", 0]] {
		found(budget({case[0]: case[1], "selector": {}}), {}) == set()
	}
}

test_budgets_select_something if {
	found(budget({"maxUnavailable": 1}), {}) == {
		["PodDisruptionBudget 'web' protects nothing: it has no selector", ["spec"]],
	}
}

rollout(spec) := object.union(
	replicated({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}),
	{"spec": object.union({"template": {"spec": {"containers": [{"image": "nginx"}]}}}, spec)},
)

test_what_other_controllers_keep_running_is_spread if {
	count(found(rollout({"selector": {}}), {})) == 1
	found(rollout({"selector": {}, "replicas": 1}), {}) == set()
	found(rollout({}), {}) == set()
	elsewhere := {"template": 1, "pods": {"selector": {}, "template": {"spec": {"containers": [{"image": "nginx"}]}}}}
	found(rollout(elsewhere), {}) == set()
}

test_workloads_are_judged_everywhere_where_that_is_asked_for if {
	resource := {
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
		"spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web"}]}}},
	}
	every everywhere in [true, false] {
		found := {v.path | some v in availability.violation with input as {
			"resource": resource,
			"parameters": {"everywhere": everywhere},
		}}
		found == {path | path := ["spec", "template", "spec"]; everywhere}
	}
}
