package attest.health_checks_test

import data.attest.health_checks

workload(kind, container) := {"kind": kind, "spec": {"template": {"spec": {
	"containers": [object.union({"name": "web"}, container)],
	"initContainers": [{"name": "setup"}],
}}}}

probes := {"readinessProbe": {"httpGet": {"port": 8080}}, "livenessProbe": {"tcpSocket": {"port": 8080}}}

summary(resource, parameters) := {text |
	some v in health_checks.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %v: %s", [v.severity, array.slice(v.path, 3, 99), v.message])
}

test_containers_with_probes_pass if {
	every kind in ["Deployment", "StatefulSet", "DaemonSet"] {
		summary(workload(kind, probes), {}) == set()
	}
}

test_containers_need_probes if {
	every kind in ["Deployment", "StatefulSet", "DaemonSet"] {
		summary(workload(kind, {}), {}) == {
			`medium ["containers", 0]: Container 'web' has no readinessProbe`,
			`low ["containers", 0]: Container 'web' has no livenessProbe`,
		}
	}
}

test_a_probe_without_an_action_is_none if {
	every probe in [{}, null, {"periodSeconds": 5}, {"httpGet": null}] {
		count(summary(workload("Deployment", object.union(probes, {"livenessProbe": probe})), {})) <= 1
	}
	empty := object.union(object.remove(probes, ["livenessProbe"]), {"livenessProbe": {"periodSeconds": 5}})
	summary(workload("Deployment", empty), {}) == {
		`low ["containers", 0, "livenessProbe"]: Container 'web' has no livenessProbe`,
	}
}

test_every_action_will_do if {
	every action in ["exec", "httpGet", "tcpSocket", "grpc"] {
		parameters := {"require_readiness": false}
		summary(workload("Deployment", {"livenessProbe": {action: {}}}), parameters) == set()
	}
}

test_what_is_required_is_a_parameter if {
	summary(workload("Deployment", {}), {"require_readiness": false, "require_liveness": false}) == set()
	count(summary(workload("Deployment", {}), {"require_liveness": false})) == 1
}

test_which_kinds_are_judged_is_a_parameter if {
	every kind in ["Job", "ReplicaSet"] {
		summary(workload(kind, {}), {}) == set()
		count(summary(workload(kind, {}), {"kinds": [kind]})) == 2
	}
	summary(workload("Deployment", {}), {"kinds": ["Job"]}) == set()
}

served(version, kind, spec) := object.union(
	{"apiVersion": version, "kind": kind},
	{"spec": object.union({"template": {"spec": {"containers": [{"name": "web", "image": "nginx"}]}}}, spec)},
)

test_what_other_controllers_keep_running_is_judged if {
	every resource in [
		served("argoproj.io/v1alpha1", "Rollout", {"selector": {}}),
		served("apps.kruise.io/v1alpha1", "CloneSet", {"selector": {}}),
		served("serving.knative.dev/v1", "Service", {}),
	] {
		count(summary(resource, {})) == 2
		summary(resource, {"other_kinds": false}) == set()
	}
	every resource in [
		served("jobset.x-k8s.io/v1alpha2", "JobSet", {}),
		served("batch/v1", "Job", {"selector": {}}),
	] {
		summary(resource, {}) == set()
	}
}

test_a_fix_asks_a_port_of_the_container if {
	container := {"name": "web", "ports": [{"containerPort": 8080}], "livenessProbe": {"exec": {"command": ["ask"]}}}
	resource := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [container]}}}}
	{v.fix | some v in health_checks.violation with input.resource as resource} == {concat("", [
		"Set readinessProbe to what asks the application itself, ",
		"such as `httpGet: {path: /healthz, port: 8080}`.",
	])}
}

test_containers_without_ports_are_judged_unless_the_parameter_says_otherwise if {
	every ports, expected in {[]: 0, [{"containerPort": 80}]: 1} {
		resource := {
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
			"spec": {"template": {"spec": {"containers": [{"name": "web", "ports": ports}]}}},
		}
		parameters := {"require_liveness": false}
		count(health_checks.violation) == 1 with input as {"resource": resource, "parameters": parameters}
		off := object.union(parameters, {"require_without_ports": false})
		count(health_checks.violation) == expected with input as {"resource": resource, "parameters": off}
	}
}
