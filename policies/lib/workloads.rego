# METADATA
# title: Helpers shared by the shipped policies
# description: >-
#   Fields, workloads and their containers, image references, quantities, namespaces, annotations and evidence.
#   Defines no violations. All functions read `input.resource`, never `input.review`.
package attest.lib

# Where each workload kind keeps its pod specification.
pod_paths := {
	"Pod": ["spec"],
	"PodTemplate": ["template", "spec"],
	"Deployment": ["spec", "template", "spec"],
	"StatefulSet": ["spec", "template", "spec"],
	"DaemonSet": ["spec", "template", "spec"],
	"ReplicaSet": ["spec", "template", "spec"],
	"ReplicationController": ["spec", "template", "spec"],
	"Job": ["spec", "template", "spec"],
	"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
}

container_fields := {
	"containers": "Container",
	"initContainers": "Init container",
	"ephemeralContainers": "Ephemeral container",
}

pod_path := pod_paths[input.resource.kind]

# The pod specification of the workload; undefined for every other resource.
pod := spec if {
	spec := object.get(input.resource, pod_path, null)
	is_object(spec)
}

# The pod template, or the Pod itself.
template_path := array.slice(pod_path, 0, count(pod_path) - 1)

pod_metadata := field(input.resource, array.concat(template_path, ["metadata"]), {})

# Every container of the workload: normal, init and ephemeral, by its path in the resource.
containers[path] := container if {
	some field, _ in container_fields
	some i, entry in pod[field]
	container := element(entry)
	path := array.concat(pod_path, [field, i])
}

# "Init container 'setup'": how messages name a container. One without a name is named by its position.
describe(path) := sprintf("%s '%v'", [container_fields[path[count(path) - 2]], container_name(path)])

container_name(path) := field(containers[path], "name", sprintf("#%v", [path[count(path) - 1]]))

# The longest part of `keys` below `path` that the resource has: a finding about a missing field points there.
deepest(path, keys) := array.concat(path, array.slice(keys, 0, length)) if {
	length := max({0} | {n |
		some n in numbers.range(1, count(keys))
		object.get(input.resource, array.concat(path, array.slice(keys, 0, n)), null) != null
	})
}

# "Deployment 'web'": how messages name the resource. One whose name Kubernetes will make up has its beginning.
this := sprintf("%v '%v'", [input.resource.kind, name]) if {
	beginning := field(input.resource, ["metadata", "generateName"], "")
	name := field(input.resource, ["metadata", "name"], beginning)
}

# The volumes of the workload that are folders of the node, by the path to their name.
host_paths[path] := source if {
	some i, volume in pod.volumes
	source := volume.hostPath.path
	is_string(source)
	path := array.concat(pod_path, ["volumes", i, "hostPath", "path"])
}

# Where a finding about a missing annotation points.
annotations_path := deepest(["metadata"], ["annotations"])

# Security contexts and some other fields do not exist for Windows pods.
is_windows if pod.os.name == "windows"

# API group of the resource: "" for the core group.
api_group := group if {
	is_string(input.resource.apiVersion)
	[group, _] := split(input.resource.apiVersion, "/")
} else := ""

# A parameter of the policy being evaluated, where the caller gave one.
parameter(name, fallback) := value if {
	value := input.parameters[name]
	value != null
} else := fallback
