# METADATA
# title: Consistent manifests
# description: >-
#   Manifests that contradict themselves: the API server refuses them, or takes them and does something else than they seem
#   to say. Variables and ports that are stated twice, mounts of volumes that the pod does not have, probes of ports that
#   nobody named, selectors that their own pod template does not meet, an autoscaler whose minimum is above its maximum,
#   restart policies that a kind does not know, names of ports and labels that Kubernetes does not take, and the old field
#   `serviceAccount`. `require_exposed_probe_ports` asks that probed ports with a number are among the container's ports too.
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
	message := sprintf("%s is probed at port '%s', which it does not have", [lib.describe(container_path), port])
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

# Ports that probes ask, with their container and where they stand.
probed_ports contains [container_path, container, path, port] if {
	some container_path, container in lib.containers
	some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
	some action in ["httpGet", "tcpSocket", "grpc"]
	port := container[probe][action].port
	path := array.concat(container_path, [probe, action, "port"])
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
	"account": "Set serviceAccountName in place of serviceAccount.",
}

controls := {
	"change": ["SOC2-CC8.1"],
	"availability": ["SOC2-A1.2"],
}
