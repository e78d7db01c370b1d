# METADATA
# title: Helpers shared by the shipped policies
# description: >-
#   Fields, workloads and their containers, image references, quantities, namespaces, annotations and evidence.
#   Defines no violations. All functions read `input.resource`, never `input.review`.
package attest.lib

# Where Kubernetes' own workload kinds keep their pod specification.
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

# Every pod specification of the resource, by its path: that of a workload kind, and what has the shape of one in a
# kind that Kubernetes itself does not know (pods.rego). No other resource has any.
pods[path] := spec if {
	some path in all_pod_paths
	spec := object.get(input.resource, path, null)
	is_object(spec)
}

all_pod_paths contains pod_paths[input.resource.kind]

# The first of them, which in Kubernetes' own kinds is the only one; undefined where there is none.
pod := pods[pod_path]

pod_path := min(object.keys(pods))

pod_metadata := field(input.resource, metadata_path_of(min(all_pod_paths)), {})

# Where the metadata of the Pod, or of its template, stand whose specification is at a path.
metadata_path_of(path) := array.concat(array.slice(path, 0, count(path) - 1), ["metadata"])

# The pod specification that a container belongs to: what holds its list, the container itself, or a set of containers.
pod_path_of(container_path) := array.slice(container_path, 0, count(container_path) - depth(container_path))

depth(container_path) := 3 if {
	container_path[count(container_path) - 3] == "containerSet"
} else := 2 if {
	is_number(container_path[count(container_path) - 1])
} else := 1

# Every container of the workload: normal, init and ephemeral, by its path in the resource.
containers[path] := container if {
	some pod_path, spec in pods
	some field, _ in container_fields
	some i, entry in spec[field]
	container := element(entry)
	path := array.concat(pod_path, [field, i])
}

containers[path] := container if some path, container in loose_containers

# Containers, and in kinds of others what says something of containers that their controllers complete. For rules about
# what is said; what is missing, only a container itself can be asked for.
container_parts[path] := container if some path, container in containers

container_parts[path] := part if some path, part in fragments

# "Init container 'setup'": how messages name a container. One without a name is named by its position.
describe(path) := sprintf("%s '%v'", [word, container_name(path)]) if {
	word := field(container_words, path[count(path) - 2], "Container")
} else := sprintf("Container '%v'", [container_name(path)])

container_words := object.union(container_fields, {"sidecars": "Sidecar", "steps": "Step"})

container_name(path) := field(container_parts[path], "name", position(path))

position(path) := sprintf("#%v", [key]) if {
	key := path[count(path) - 1]
	is_number(key)
} else := array.concat([input.resource.kind], path)[count(path)]

# A field of the container's security context, or else of the pod's, and where it stands: a list of keys.
in_context(container_path, keys) := said if {
	said := said_in(container_path, keys)
} else := said if {
	said := said_in(pod_path_of(container_path), keys)
} else := inherited(container_path, keys)

said_in(path, keys) := [value, place] if {
	place := array.concat(path, array.concat(["securityContext"], keys))
	value := object.get(input.resource, place, null)
	value != null
}

# The longest part of `keys` below `path` that the resource has: a finding about a missing field points there.
deepest(path, keys) := array.concat(path, array.slice(keys, 0, length)) if {
	holder := object.get(input.resource, path, {})
	length := max({0} | {n |
		is_object(holder)
		some n in numbers.range(1, count(keys))
		object.get(holder, array.slice(keys, 0, n), null) != null
	})
}

# "Deployment 'web'": how messages name the resource. One whose name Kubernetes will make up has its beginning.
this := sprintf("%v '%v'", [input.resource.kind, name]) if {
	beginning := field(input.resource, ["metadata", "generateName"], "")
	name := field(input.resource, ["metadata", "name"], beginning)
}

# The volumes of the workload that are folders of the node, by the path to their name.
host_paths[path] := source if {
	some volume_path, volume in volumes
	source := volume.hostPath.path
	is_string(source)
	path := array.concat(volume_path, ["hostPath", "path"])
}

# Where a finding about a missing annotation points.
annotations_path := deepest(["metadata"], ["annotations"])

# Security contexts and some other fields do not exist for Windows pods: does a container belong to one?
is_windows(container_path) if pods[pod_path_of(container_path)].os.name == "windows"

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
