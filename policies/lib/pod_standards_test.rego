package attest.lib_test

import data.attest.lib

test_versions if {
	every text, minor in {"v1.30": 30, "1.30": 30, "1.30.4": 30, "v1.0": 0, "latest": 1000, "v2.1": 1000, "1.x": 1000, 1.3: 1000} {
		lib.minor_version(text) == minor
	}
}

test_tables_grow_with_versions if {
	table := {0: {"a"}, 31: {"b"}}
	lib.allowed_in(table, 30) == {"a"}
	lib.allowed_in(table, 31) == {"a", "b"}
}

test_what_belongs_to_which_pod if {
	resource := {"kind": "Pod", "spec": {"containers": [{"name": "web"}], "os": {"name": "linux"}}}
	every path in [["spec"], ["spec", "containers", 0]] {
		pod := lib.pod_of(path) with input.resource as resource
		pod.os.name == "linux"
	}
	owners := [lib.describe_owner(path) | some path in [["spec"], ["spec", "containers", 0]]] with input.resource as resource
	owners == ["The pod", "Container 'web'"]
}

test_hosts_that_the_kubelet_calls if {
	container := {
		"livenessProbe": {"httpGet": {"host": "a"}}, "readinessProbe": {"tcpSocket": {"host": ""}},
		"startupProbe": {"grpc": {"host": "b"}}, "lifecycle": {"preStop": {"tcpSocket": {"host": "c"}}, "postStart": null},
	}
	hosts := lib.probed_hosts with input.resource as {"kind": "Pod", "spec": {"containers": [container]}}
	{host | some host in hosts} == {"a", "c"}
}
