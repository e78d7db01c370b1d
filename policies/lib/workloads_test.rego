package attest.lib_test

import data.attest.lib

pod_spec := {
	"containers": [{"name": "web"}, {"name": "log"}],
	"initContainers": [{"name": "setup"}],
	"ephemeralContainers": [{"name": "debug"}],
}

workloads := {
	"Pod": {"spec": pod_spec},
	"PodTemplate": {"template": {"spec": pod_spec}},
	"Deployment": {"spec": {"template": {"spec": pod_spec}}},
	"StatefulSet": {"spec": {"template": {"spec": pod_spec}}},
	"DaemonSet": {"spec": {"template": {"spec": pod_spec}}},
	"ReplicaSet": {"spec": {"template": {"spec": pod_spec}}},
	"ReplicationController": {"spec": {"template": {"spec": pod_spec}}},
	"Job": {"spec": {"template": {"spec": pod_spec}}},
	"CronJob": {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod_spec}}}}},
}

test_every_workload_kind_has_all_its_containers if {
	every kind, fields in workloads {
		resource := object.union(fields, {"kind": kind})
		found := lib.containers with input.resource as resource
		{container.name | some container in found} == {"web", "log", "setup", "debug"}
		every path, container in found {
			object.get(resource, path, null) == container
		}
	}
}

test_other_kinds_have_no_containers if {
	every resource in [
		{"kind": "Service", "spec": {"containers": [{"name": "web"}]}},
		{"kind": "Pod"},
		{"kind": "Pod", "spec": null},
		{"kind": "Pod", "spec": {"containers": null}},
		{"kind": "Pod", "spec": {"containers": ["web", 7, ["web"]]}},
		{"kind": "Deployment", "spec": {"containers": [{"name": "web"}]}},
		{},
	] {
		found := lib.containers with input.resource as resource
		found == {}
	}
}

test_messages_name_containers if {
	every path, text in {
		["spec", "containers", 1]: "Container 'log'",
		["spec", "initContainers", 0]: "Init container 'setup'",
		["spec", "ephemeralContainers", 0]: "Ephemeral container 'debug'",
	} {
		described := lib.describe(path) with input.resource as {"kind": "Pod", "spec": pod_spec}
		described == text
	}
}

test_a_container_without_a_name_is_named_by_its_position if {
	described := lib.describe(["spec", "containers", 0]) with input.resource as {
		"kind": "Pod",
		"spec": {"containers": [{"image": "nginx"}]},
	}
	described == "Container '#0'"
}

test_deepest_stops_at_the_last_field_that_exists if {
	resource := {"spec": {"a": {"b": {"c": 0}}, "nothing": null}}
	every keys, length in {["a", "b", "c"]: 3, ["a", "b", "x"]: 2, ["x", "b"]: 0, ["nothing", "x"]: 0, ["nothing"]: 0, []: 0} {
		path := lib.deepest(["spec"], keys) with input.resource as resource
		path == array.concat(["spec"], array.slice(keys, 0, length))
	}
}

test_pod_metadata_is_that_of_the_template if {
	metadata := lib.pod_metadata with input.resource as {
		"kind": "Deployment",
		"spec": {"template": {"metadata": {"name": "inner"}}},
	}
	metadata.name == "inner"
}

test_api_group if {
	every version, group in {"v1": "", "apps/v1": "apps", "rbac.authorization.k8s.io/v1": "rbac.authorization.k8s.io"} {
		found := lib.api_group with input.resource as {"apiVersion": version}
		found == group
	}
}

test_windows_pods_say_so if {
	container := ["spec", "containers", 0]
	lib.is_windows(container) with input.resource as {"kind": "Pod", "spec": {"os": {"name": "windows"}}}
	not lib.is_windows(container) with input.resource as {"kind": "Pod", "spec": {"os": {"name": "linux"}}}
}

test_a_parameter_is_the_callers_or_else_the_fallback if {
	lib.parameter("limit", 3) == 5 with input as {"parameters": {"limit": 5}}
	lib.parameter("limit", true) == false with input as {"parameters": {"limit": false}}
	every given in [{}, {"parameters": {}}, {"parameters": null}] {
		found := lib.parameter("limit", 3) with input as given
		found == 3
	}
}
