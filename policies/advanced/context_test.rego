package attest.context_test

import data.attest.context

limited := {"name": "web", "resources": {"limits": {"cpu": "1"}}}

watched := {"monitoring.company.com/enabled": "true"}

deployment(environment, replicas, containers, annotations) := {
	"kind": "Deployment",
	"metadata": {"name": "web", "labels": {"environment": environment}, "annotations": annotations},
	"spec": object.union(replicas, {"template": {"spec": {"containers": containers}}}),
}

found(resource, parameters) := {[v.message, v.path] |
	some v in context.violation with input as {"resource": resource, "parameters": parameters}
	v.severity == "medium"
}

strict(text) := sprintf("Production deployments must meet stricter requirements: %s", [text])

test_production_that_meets_the_requirements_passes if {
	found(deployment("production", {"replicas": 3}, [limited], watched), {}) == set()
}

test_other_deployments_are_left_alone if {
	found(deployment("test", {}, [{"name": "web"}], {}), {}) == set()
	found(object.union(deployment("production", {}, [], {}), {"kind": "StatefulSet"}), {}) == set()
}

test_replicas if {
	found(deployment("production", {"replicas": 2}, [limited], watched), {}) == {
		[strict("at least 3 replicas, not 2"), ["spec", "replicas"]],
	}
	found(deployment("production", {}, [limited], watched), {}) == {[strict("at least 3 replicas, not 1"), ["spec"]]}
	found(deployment("production", {"replicas": 2}, [limited], watched), {"min_replicas": 2}) == set()
}

test_every_container_has_limits if {
	every resources in [{}, {"resources": {}}, {"resources": {"limits": {}}}, {"resources": {"limits": null}}] {
		containers := [limited, object.union({"name": "log"}, resources)]
		{message | some [message, _] in found(deployment("production", {"replicas": 3}, containers, watched), {})} == {
			strict("Container 'log' has no limits"),
		}
	}
}

test_monitoring if {
	key := "monitoring.company.com/enabled"
	found(deployment("production", {"replicas": 3}, [limited], {}), {}) == {[
		strict(sprintf("annotation %s is not true", [key])),
		["metadata", "annotations"],
	]}
	found(deployment("production", {"replicas": 3}, [limited], {key: "false"}), {}) == {[
		strict(sprintf("annotation %s is not true", [key])),
		["metadata", "annotations", key],
	]}
	other := deployment("production", {"replicas": 3}, [limited], {"watched": "true"})
	found(other, {"monitoring_annotation": "watched"}) == set()
}

test_what_is_production if {
	few := deployment("test", {"replicas": 1}, [limited], watched)
	every metadata, expected in {
		{"labels": {"environment": "prod"}}: 1,
		{"labels": {"env": "production"}}: 1,
		{"namespace": "shop-prod"}: 1,
		{"labels": {"env": "non-prod"}}: 0,
	} {
		resource := object.union(object.remove(few, ["metadata"]), {"metadata": object.union({"annotations": watched}, metadata)})
		count(found(resource, {})) == expected
	}
}
