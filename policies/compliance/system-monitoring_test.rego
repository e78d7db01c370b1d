package attest.system_monitoring_test

import data.attest.system_monitoring

workload(kind, namespace, annotations) := {
	"kind": kind,
	"metadata": {"name": "web", "namespace": namespace},
	"spec": {"template": {"metadata": {"annotations": annotations}, "spec": {"containers": []}}},
}

found(resource, parameters) := {[v.message, v.severity, v.path] |
	some v in system_monitoring.violation with input as {"resource": resource, "parameters": parameters}
}

test_workloads_in_production_are_watched if {
	every kind in ["Deployment", "StatefulSet", "DaemonSet"] {
		found(workload(kind, "production", {"prometheus.io/scrape": "false"}), {}) == {[
			sprintf("%s 'web' runs in production without monitoring", [kind]),
			"medium",
			["metadata"],
		]}
		found(workload(kind, "production", {"prometheus.io/scrape": "true"}), {}) == set()
		found(workload(kind, "shop", {}), {}) == set()
	}
	found(workload("Job", "production", {}), {}) == set()
}

test_the_annotations_are_a_parameter if {
	parameters := {"monitoring_annotations": ["company.com/watched"]}
	found(workload("Deployment", "production", {"company.com/watched": "true"}), parameters) == set()
	count(found(workload("Deployment", "production", {"prometheus.io/scrape": "true"}), parameters)) == 1
}

api_server(arguments) := {
	"kind": "Pod",
	"spec": {"containers": [{"name": "api", "command": ["kube-apiserver"], "args": arguments}]},
}

test_api_servers_keep_an_audit_log if {
	found(api_server(["--v=2", 7]), {}) == {
		["Container 'api' is an API server without an audit log", "high", ["spec", "containers", 0]],
	}
	every flag in ["--audit-log-path=/var/log/audit.log", "--audit-webhook-config-file=/etc/audit.yaml"] {
		found(api_server([flag]), {}) == set()
	}
}

test_without_annotations_nothing_shows_it if {
	deployment := {"kind": "Deployment", "metadata": {"name": "web", "namespace": "production"}}
	given := {"resource": deployment, "parameters": {"monitoring_annotations": []}}
	[fix] := [v.fix | some v in system_monitoring.violation with input as given]
	contains(fix, "monitoring_annotations")
}

test_api_servers_of_scripts if {
	every argument, expected in {
		"/usr/local/bin/kube-apiserver --v=2 1>>/var/log/kube-apiserver.log": 1,
		"exec kube-apiserver --audit-log-path=/var/log/audit.log": 0,
		"tail -f /var/log/kube-apiserver.log": 0,
	} {
		container := {"name": "api", "command": ["/bin/sh", "-c", argument]}
		resource := {"kind": "Pod", "metadata": {"name": "api"}, "spec": {"containers": [container]}}
		count(system_monitoring.violation) == expected with input.resource as resource
	}
}
