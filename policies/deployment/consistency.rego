# METADATA
# title: Consistent manifests
# description: >-
#   Manifests that contradict themselves: the API server refuses them, or takes them and does something else than they seem
#   to say. Variables and ports that are stated twice, mounts of volumes that the pod does not have, probes of ports that
#   nobody named, selectors that their own pod template does not meet, an autoscaler whose minimum is above its maximum, numbers of replicas that can't be,
#   restart policies that a kind does not know, names (of resources, containers, volumes, ports, labels and annotations) and
#   numbers of ports that Kubernetes does not take, and the old field `serviceAccount`. `require_exposed_probe_ports` asks that probed ports with a number are among the container's ports too.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/
#     description: Workloads
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
#     description: Labels and selectors
# custom:
#   name: consistency
#   severity: medium
#   remediation: Make the two places of the manifest that the message names agree.
#   profiles:
#     recommended: {}
#     strict: {require_exposed_probe_ports: true}
#   controls:
#     - SOC2-CC8.1
#     - SOC2-A1.2
#   checks:
#     kube-linter:
#       [
#         deprecated-service-account-field, duplicate-env-var, invalid-target-ports, liveness-port,
#         mismatching-selector, readiness-port, restart-policy, startup-port,
#       ]
#     kube-score:
#       [
#         container-ports-check, cronjob-restartpolicy,
#         deployment-pod-selector-labels-match-template-metadata-labels, environment-variable-key-duplication,
#         label-values, statefulset-pod-selector-labels-match-template-metadata-labels,
#       ]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_exposed_probe_ports:
#         type: boolean
#         default: false
#         description: Whether ports that probes ask must be among those that the container states.
package attest.consistency

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.change} if {
	some container_path, container in lib.containers
	some i, variable in container.env
	name := lib.text(variable.name)
	name != ""
	[j | some j, other in container.env; other.name == name][0] < i
	path := array.concat(container_path, ["env", i, "name"])
	message := sprintf("%s states variable %s twice: the later one wins", [lib.describe(container_path), name])
	fix := sprintf("Remove one of the two entries of env that are called `%s`.", [name])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.change} if {
	some container_path, container in lib.containers
	some i, port in container.ports
	key := port_key(port)
	[j | some j, other in container.ports; port_key(other) == key][0] < i
	path := array.concat(container_path, ["ports", i, "containerPort"])
	message := sprintf("%s states port %s twice", [lib.describe(container_path), key])
	fix := sprintf("Remove one of the two entries of ports for `%s`, or set another containerPort or protocol.", [key])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.change} if {
	some [holder, owner, entries] in named_ports
	some i, port in entries
	name := lib.text(port.name)
	name != ""
	[j | some j, other in entries; other.name == name][0] < i
	path := array.concat(holder, ["ports", i, "name"])
	message := sprintf("%s calls two ports '%s'", [owner, name])
	fix := sprintf("Set name of one of the two entries of ports that are called `%s` to another.", [name])
}

named_ports contains [path, lib.describe(path), container.ports] if some path, container in lib.containers

named_ports contains [["spec"], lib.this, input.resource.spec.ports] if is_service

violation contains {"message": message, "severity": "high", "path": ["spec", "type"], "fix": fix, "controls": controls.change} if {
	is_service
	type := lib.text(input.resource.spec.type)
	not type in service_types | {""}
	message := sprintf("%s can't have the type '%s'", [lib.this, type])
	fix := sprintf("Set spec.type to one of %s.", [concat(", ", [sprintf("`%s`", [one]) | some one in sort(service_types)])])
}

service_types := {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"}

port_key(port) := sprintf("%d/%s", [port.containerPort, lib.field(port, "protocol", "TCP")]) if {
	is_number(port.containerPort)
	is_string(lib.field(port, "protocol", "TCP"))
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.change} if {
	is_service
	some i, port in input.resource.spec.ports
	key := service_key(port)
	[j | some j, other in input.resource.spec.ports; service_key(other) == key][0] < i
	path := ["spec", "ports", i, "port"]
	message := sprintf("%s states port %s twice", [lib.this, key])
	fix := sprintf("Remove one of the two entries of spec.ports for `%s`, or set another port or protocol.", [key])
}

service_key(port) := sprintf("%d/%s", [port.port, lib.field(port, "protocol", "TCP")]) if {
	is_number(port.port)
	is_string(lib.field(port, "protocol", "TCP"))
}

is_service if {
	input.resource.kind == "Service"
	lib.api_group == ""
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls.change} if {
	some container_path, container in lib.containers
	is_complete(container_path)
	some i, mount in container.volumeMounts
	name := lib.text(mount.name)
	name != ""
	not name in volumes[lib.pod_path_of(container_path)]
	path := array.concat(container_path, ["volumeMounts", i, "name"])
	message := sprintf("%s mounts volume '%s', which its pod does not have", [lib.describe(container_path), name])
	fix := sprintf("Add a volume called `%s` to volumes of the pod, or set name of the mount to %s.", [name, present(container_path)])
}

present(container_path) := concat(" or ", [sprintf("`%s`", [name]) | some name in own]) if {
	own := sort({lib.text(name) | some name in volumes[lib.pod_path_of(container_path)]})
	count(own) > 0
} else := "that of one"

# In kinds of others the controller may add volumes.
is_complete(_) if lib.pod_paths[input.resource.kind]

volumes[pod_path] := names if {
	some pod_path, pod in lib.pods
	own := {volume.name | some volume in pod.volumes}
	claimed := {claim.metadata.name | some claim in input.resource.spec.volumeClaimTemplates}
	names := own | claimed
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.mount_path, "controls": controls.change} if {
	some container_path, container in lib.containers
	some i, mount in container.volumeMounts
	at := lib.text(mount.mountPath)
	at != ""
	[j | some j, other in container.volumeMounts; other.mountPath == at][0] < i
	path := array.concat(container_path, ["volumeMounts", i, "mountPath"])
	message := sprintf("%s mounts two volumes at %s", [lib.describe(container_path), at])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls.availability} if {
	some [container_path, container, path, port] in probed_ports
	is_string(port)
	not regex.match(`^[0-9]+$`, port)
	not port in {name | some entry in container.ports; name := entry.name}
	message := sprintf("%s is %s at port '%s', which it does not have", [lib.describe(container_path), asked(path), port])
	fix := sprintf("Set port to the name of a port of the container, or add `%s` as name of an entry of ports.", [port])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fix, "controls": controls.availability} if {
	lib.parameter("require_exposed_probe_ports", false)
	some [container_path, container, path, port] in probed_ports
	is_number(port)
	not port in {number | some entry in container.ports; number := entry.containerPort}
	message := sprintf("%s is probed at port %v, which is not among its ports", [lib.describe(container_path), port])
	fix := sprintf("Add `containerPort: %v` to ports of the container, or set port to one that is among them.", [port])
}

# Ports that probes and hooks ask, with their container and where they stand.
probed_ports contains [container_path, container, path, port] if {
	some container_path, container in lib.containers
	some call in lib.calls
	some action in ["httpGet", "tcpSocket", "grpc"]
	place := array.concat(call, [action, "port"])
	port := object.get(container, place, null)
	path := array.concat(container_path, place)
}

asked(path) := "called" if {
	"lifecycle" in path
} else := "probed"

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.number, "controls": controls.change} if {
	some path, [owner, port] in port_numbers
	is_number(port)
	not is_port(port)
	message := sprintf("%s names port %v, which is none", [owner, port])
}

is_port(number) if {
	number == round(number)
	number >= 1
	number <= 65535
}

port_numbers[path] := [lib.describe(container_path), port] if some [container_path, _, path, port] in probed_ports

port_numbers[path] := [lib.describe(container_path), port.containerPort] if {
	some container_path, container in lib.containers
	some i, port in container.ports
	path := array.concat(container_path, ["ports", i, "containerPort"])
}

port_numbers[["spec", "ports", i, field]] := [lib.this, port[field]] if {
	is_service
	some i, port in input.resource.spec.ports
	some field in ["port", "targetPort"]
}

violation contains {"message": message, "severity": "high", "path": ["spec", "selector", "matchLabels", key], "fix": fix, "controls": controls.change} if {
	lib.pod_paths[input.resource.kind]
	some key, entry in input.resource.spec.selector.matchLabels
	value := lib.text(entry)
	lib.label(lib.field(lib.pod_metadata, "labels", {}), key) != value
	message := sprintf("%s does not select its own pods: their label %v is not '%v'", [lib.this, key, value])
	fix := sprintf("Set spec.template.metadata.labels['%v'] to `%v`.", [key, value])
}

violation contains {"message": message, "severity": "high", "path": lib.deepest(path, ["restartPolicy"]), "fix": fix, "controls": controls.change} if {
	allowed := restart_policies[input.resource.kind]
	some path, pod in lib.pods
	policy := lib.field(pod, "restartPolicy", "Always")
	not policy in allowed
	message := sprintf("%s can't have the restart policy %v", [lib.this, policy])
	fix := sprintf("Set restartPolicy of the pod to %s.", [concat(" or ", [sprintf("`%s`", [one]) | some one in sort(allowed)])])
}

restart_policies := {
	"CronJob": {"Never", "OnFailure"},
	"DaemonSet": {"Always"},
	"Deployment": {"Always"},
	"Job": {"Never", "OnFailure"},
	"ReplicaSet": {"Always"},
	"ReplicationController": {"Always"},
	"StatefulSet": {"Always"},
}

violation contains {"message": message, "severity": "high", "path": ["spec", "minReplicas"], "fix": fix, "controls": controls.availability} if {
	input.resource.kind == "HorizontalPodAutoscaler"
	[minimum, maximum] := [input.resource.spec.minReplicas, input.resource.spec.maxReplicas]
	is_number(minimum)
	is_number(maximum)
	minimum > maximum
	message := sprintf("%s scales to nothing: its minimum of %v is above its maximum of %v", [lib.this, minimum, maximum])
	fix := sprintf("Set spec.maxReplicas to `%v` or more, or spec.minReplicas to `%v` or less.", [minimum, maximum])
}

violation contains {"message": message, "severity": "high", "path": ["spec", "maxReplicas"], "fix": fixes.one, "controls": controls.availability} if {
	input.resource.kind == "HorizontalPodAutoscaler"
	maximum := input.resource.spec.maxReplicas
	is_number(maximum)
	maximum < 1
	message := sprintf("%s can't have %v as its maxReplicas", [lib.this, maximum])
}

violation contains {"message": message, "severity": "high", "path": ["spec", "replicas"], "fix": fixes.one, "controls": controls.availability} if {
	lib.pod_paths[input.resource.kind]
	replicas := input.resource.spec.replicas
	is_number(replicas)
	replicas < 0
	message := sprintf("%s can't have %v replicas", [lib.this, replicas])
}

violation contains {"message": message, "severity": "high", "path": ["spec", "strategy", "rollingUpdate"], "fix": fixes.surge, "controls": controls.availability} if {
	input.resource.kind == "Deployment"
	update := input.resource.spec.strategy.rollingUpdate
	every field in ["maxSurge", "maxUnavailable"] {
		update[field] in {0, "0%"}
	}
	message := sprintf("%s can replace no pod: maxSurge and maxUnavailable are both 0", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": ["spec", "minAvailable"], "fix": fixes.budget, "controls": controls.availability} if {
	input.resource.kind == "PodDisruptionBudget"
	input.resource.spec.minAvailable != null
	input.resource.spec.maxUnavailable != null
	message := sprintf("%s states both minAvailable and maxUnavailable", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.port_name, "controls": controls.change} if {
	some path, name in port_names
	not is_port_name(name)
	message := sprintf("%s names a port '%s', which is no name of a port", [lib.this, name])
}

port_names[path] := port.name if {
	some container_path, container in lib.containers
	some i, port in container.ports
	is_string(port.name)
	path := array.concat(container_path, ["ports", i, "name"])
}

port_names[["spec", "ports", i, "targetPort"]] := port.targetPort if {
	is_service
	some i, port in input.resource.spec.ports
	is_string(port.targetPort)
}

port_names[path] := port if {
	some [_, _, path, port] in probed_ports
	is_string(port)
	regex.match(`^[0-9]+$`, port) # what else is no name, no port is called
}

is_port_name("")

is_port_name(name) if {
	regex.match(`^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$`, name)
	regex.match(`[a-z]`, name)
	not contains(name, "--")
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.label, "controls": controls.change} if {
	some metadata_path, metadata in labelled
	has_odd_label(metadata.labels)
	some key, value in metadata.labels
	is_string(value)
	not contains(value, "{{")
	not regex.match(`^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$`, value)
	path := array.concat(metadata_path, ["labels", key])
	message := sprintf("%s has a label %v whose value is none: '%s'", [lib.this, key, value])
}

# All labels are looked at together first, since hardly any is odd.
has_odd_label(labels) if {
	together := concat("\n", [value | some value in labels; is_string(value)])
	regex.match(`[^\w.\n-]|(?m:^[_.-]|[_.-]$)|[^\n]{64}`, together)
}

labelled[["metadata"]] := input.resource.metadata

labelled[path] := lib.pod_metadata if {
	lib.pod
	path := lib.metadata_path_of(lib.pod_path)
	path != ["metadata"] # a Pod's own
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.change} if {
	some metadata_path, metadata in labelled
	some field in ["labels", "annotations"]
	has_odd_key(metadata[field])
	some key, _ in metadata[field]
	is_odd_key(key)
	path := array.concat(metadata_path, [field, key])
	message := sprintf("%s has a key of %s that Kubernetes refuses: '%v'", [lib.this, field, key])
	fix := sprintf("Write the key in %s as `name` or `company.com/name`, the name of at most 63 letters, digits, `-`, `_` and `.`.", [field])
}

# All keys are looked at together first, since hardly any is odd.
has_odd_key(map) if {
	together := concat("\n", [key | some key, _ in map; is_string(key)])
	regex.match(`[^\w./\n-]|(?m:^[^A-Za-z0-9]|[^A-Za-z0-9]$|/.*/|^.*[^a-z0-9.-].*/|/[^A-Za-z0-9])|[^/\n]{64}`, together)
}

is_odd_key(key) if {
	is_string(key)
	not contains(key, "{{")
	not regex.match(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`, key)
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls.change} if {
	some path, [name, completed, what] in names
	[pattern, length] := shape(what)
	not is_name(completed, pattern, length)
	message := sprintf("%s has a %s that Kubernetes refuses: '%s'", [input.resource.kind, what, name])
	fix := sprintf("Set %s to at most %d lower-case letters, digits and hyphens that begin and end with a letter or digit.", [concat(".", path), length])
}

names[["metadata", "name"]] := [name, name, "name"] if {
	name := lib.text(input.resource.metadata.name)
	name != ""
}

# What Kubernetes completes may end with a hyphen.
names[["metadata", "generateName"]] := [name, sprintf("%sx", [name]), "name"] if {
	lib.field(input.resource.metadata, "name", "") == ""
	name := lib.text(input.resource.metadata.generateName)
	name != ""
}

names[["metadata", "namespace"]] := [name, name, "namespace"] if {
	name := lib.text(input.resource.metadata.namespace)
	name != ""
}

is_name(name, pattern, length) if {
	count(name) <= length
	regex.match(pattern, name)
}

is_name(name, _, _) if contains(name, "{{")

# How the name of a kind may look, and how long it may be; undefined for kinds that decide it themselves.
shape("namespace") := [label, 63]

shape("name") := [label, 63] if {
	is_own_kind
	input.resource.kind in {"Namespace", "Service"}
} else := [subdomain, 52] if {
	is_own_kind
	input.resource.kind == "CronJob"
} else := [`^[^/%]+$`, 253] if {
	lib.api_group == "rbac.authorization.k8s.io"
} else := [subdomain, 253] if {
	input.resource.kind != "IPAddress"
	not endswith(lib.api_group, "openshift.io")
}

is_own_kind if not lib.is_custom

label := `^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`

subdomain := `^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.no_name, "controls": controls.change} if {
	needs_name
	every field in ["name", "generateName"] {
		lib.field(input.resource, ["metadata", field], "") == ""
	}
	path := lib.deepest(["metadata"], ["name"])
	message := sprintf("%s has no name", [input.resource.kind])
}

needs_name if {
	lib.pod_paths[input.resource.kind]
	is_own_kind
}

needs_name if {
	lib.api_group in {"", "networking.k8s.io", "policy", "autoscaling", "rbac.authorization.k8s.io"}
	input.resource.kind in {
		"ClusterRole", "ClusterRoleBinding", "ConfigMap", "HorizontalPodAutoscaler", "Ingress", "Namespace",
		"NetworkPolicy", "PersistentVolume", "PersistentVolumeClaim", "PodDisruptionBudget", "Role", "RoleBinding", "Secret",
		"Service", "ServiceAccount",
	}
}

violation contains {"message": message, "severity": "high", "path": array.concat(path, ["name"]), "fix": fixes.part, "controls": controls.change} if {
	some path, [what, name] in parts
	not is_name(name, label, 63)
	message := sprintf("%s '%s' has a name that Kubernetes refuses", [what, name])
}

# Containers and volumes that have a name, by path.
parts[path] := [lib.container_fields[path[count(path) - 2]], name] if {
	some path, container in lib.containers
	is_complete(path)
	name := lib.text(container.name)
	name != ""
}

parts[path] := ["Volume", name] if {
	some path, volume in lib.volumes
	is_complete(path)
	name := lib.text(volume.name)
	name != ""
}

violation contains {"message": message, "severity": "high", "path": array.concat(path, ["name"]), "fix": fixes.part, "controls": controls.change} if {
	some path, [what, name] in parts
	kind := kind_of(what)
	first := [other |
		some other, [other_what, name_] in parts
		name_ == name
		kind_of(other_what) == kind
	][0]
	path != first
	message := sprintf("Two %s of %s are called '%s'", [kind, lib.this, name])
}

# Containers of every kind share their names; volumes have their own.
kind_of(what) := "volumes" if {
	what == "Volume"
} else := "containers"

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.account, "controls": controls.change} if {
	some pod_path, pod in lib.pods
	account := lib.text(pod.serviceAccount)
	account != ""
	lib.field(pod, "serviceAccountName", "") != account
	path := array.concat(pod_path, ["serviceAccount"])
	message := sprintf("%s names its ServiceAccount in the field serviceAccount, which is deprecated", [lib.this])
}

fixes := {
	"mount_path": "Set mountPath of one of the two to another folder.",
	"budget": "Remove spec.minAvailable or spec.maxUnavailable.",
	"port_name": "Set name or targetPort to at most 15 lower-case letters, digits and single hyphens, with a letter among them.",
	"label": "Set the label in metadata.labels to at most 63 letters, digits, `-`, `_` and `.`, that begins and ends with a letter or digit.",
	"no_name": "Set metadata.name to what the resource is to be called.",
	"number": "Set containerPort, port or targetPort to a number from `1` to `65535`.",
	"one": "Set spec.replicas, or spec.maxReplicas of an autoscaler, to `1` or more.",
	"surge": "Set maxSurge to `1`, or maxUnavailable.",
	"part": "Set `name` to at most 63 lower-case letters, digits and hyphens that no other one of the pod has.",
	"account": "Set serviceAccountName in place of serviceAccount.",
}

controls := {
	"change": ["SOC2-CC8.1"],
	"availability": ["SOC2-A1.2"],
}
