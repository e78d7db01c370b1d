# METADATA
# title: References
# description: >-
#   What a manifest names is there. Judged over all files of the run and what `--inventory` gives: Services, disruption
#   budgets and network policies whose selector matches no pod template; an Ingress or a route and its Services and their
#   ports; ports of Services that their pods name; StatefulSets and their Service;
#   autoscalers and their targets; bindings, their roles and ServiceAccounts; the ConfigMaps, Secrets, claims and
#   ServiceAccounts of pods, and the keys that they take. What states no namespace is looked for among what states none.
#   A kind that the run holds none of is taken to live elsewhere, unless `complete_kinds` lists it. Names that Kubernetes
#   itself brings, and what is optional, are no findings.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/
#     description: Services and their selectors
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/configure-pod-configmap/
#     description: ConfigMaps of pods
# custom:
#   name: references
#   severity: medium
#   remediation: Correct the name, or add the resource that it names to the files that are checked.
#   inventory:
#     - ClusterRole: []
#     - ConfigMap: &entries [binaryData, data, stringData]
#     - CronJob:
#         - spec.jobTemplate.spec.template.metadata.labels
#         - spec.jobTemplate.spec.template.spec.containers.ports
#         - spec.jobTemplate.spec.template.spec.initContainers.ports
#     - DaemonSet: &workload
#         - spec.template.metadata.labels
#         - spec.template.spec.containers.ports
#         - spec.template.spec.initContainers.ports
#     - Deployment: *workload
#     - Job: *workload
#     - PersistentVolumeClaim: []
#     - Pod: [metadata.labels, spec.containers.ports, spec.initContainers.ports]
#     - PodTemplate: [template.metadata.labels, template.spec.containers.ports, template.spec.initContainers.ports]
#     - ReplicaSet: *workload
#     - ReplicationController: *workload
#     - Role: []
#     - Secret: *entries
#     - Service: [metadata.labels, spec.ports]
#     - ServiceAccount: []
#     - StatefulSet: *workload
#   profiles:
#     strict: {complete_kinds: [ConfigMap, PersistentVolumeClaim, Pod, Role, Service, ServiceAccount]}
#   controls:
#     - SOC2-CC8.1
#   checks:
#     kube-linter:
#       [
#         dangling-horizontalpodautoscaler, dangling-ingress, dangling-networkpolicy,
#         dangling-networkpolicypeer-podselector, dangling-service, dangling-servicemonitor, env-value-from,
#         non-existent-service-account,
#       ]
#     kube-score:
#       [
#         horizontalpodautoscaler-has-target, ingress-targets-service, networkpolicy-targets-pod,
#         service-targets-pod,
#       ]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       complete_kinds:
#         type: array
#         items:
#           enum: [ClusterRole, ConfigMap, PersistentVolumeClaim, Pod, Role, Secret, Service, ServiceAccount]
#         default: []
#         description: >-
#           Kinds that the run holds all of, so that what names one that is not there is wrong even where there is none at
#           all; `Pod` stands for all workloads.
package attest.references

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some path, [kind, name] in named
	can_be_missed(kind)
	not lib.is_around(kind, name)
	message := sprintf("%s names %s '%v', which is not there", [lib.this, kind, name])
	fix := sprintf("Set %s to one that is there, or add %s `%v` to what is checked.", [path[count(path) - 1], kind, name])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some path, name in named_cluster_roles
	can_be_missed("ClusterRole")
	not lib.is_in_cluster("ClusterRole", name)
	message := sprintf("%s names ClusterRole '%v', which is not there", [lib.this, name])
	fix := sprintf("Set roleRef.name to one that is there, or add ClusterRole `%v` to what is checked.", [name])
}

can_be_missed(kind) if {
	data.inventory
	kind in lib.parameter("complete_kinds", [])
}

# Pods stand for all that makes them.
can_be_missed(kind) if {
	data.inventory
	lib.pod_paths[kind]
	"Pod" in lib.parameter("complete_kinds", [])
}

can_be_missed(kind) if lib.around[_][kind]

can_be_missed(kind) if data.inventory.cluster[_][kind]

# What the resource names in its own namespace, by where.
named[path] := [kind, name] if {
	some container_path, container in lib.containers
	some i, source in container.envFrom
	some field, kind in {"configMapRef": "ConfigMap", "secretRef": "Secret"}
	name := required(kind, source[field], source[field].name)
	path := array.concat(container_path, ["envFrom", i, field, "name"])
}

named[path] := [key.kind, key.name] if some path, key in keys

# The keys of ConfigMaps and Secrets that variables take, by the path to the reference's name.
keys[path] := {"kind": kind, "name": name, "key": lib.text(lib.field(reference, "key", ""))} if {
	some container_path, container in lib.containers
	some i, variable in container.env
	some field, kind in {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
	reference := variable.valueFrom[field]
	name := required(kind, reference, reference.name)
	path := array.concat(container_path, ["env", i, "valueFrom", field, "name"])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some path, key in keys_taken
	holders := lib.all_around(key.kind, key.name)
	count(holders) > 0
	entries := {entry |
		some holder in holders
		some field in ["data", "binaryData", "stringData"]
		some entry, _ in holder[field]
	}
	key.key != ""
	not key.key in entries
	message := sprintf("%s takes key '%s' of %s '%s', which does not have it", [lib.this, key.key, key.kind, key.name])
	fix := sprintf("Set key to one that %s '%s' has, or add `%s` there.", [key.kind, key.name, key.key])
}

# The same by the path to the key, those of volumes too.
keys_taken[path] := key if {
	some name_path, key in keys
	path := array.concat(array.slice(name_path, 0, count(name_path) - 1), ["key"])
}

keys_taken[path] := {"kind": kind, "name": name, "key": lib.text(lib.field(item, "key", ""))} if {
	some name_path, [kind, name] in named
	kind in {"ConfigMap", "Secret"}
	holder := array.slice(name_path, 0, count(name_path) - 1)
	some i, item in object.get(input.resource, array.concat(holder, ["items"]), [])
	path := array.concat(holder, ["items", i, "key"])
}

named[["spec", "serviceName"]] := ["Service", name] if {
	input.resource.kind == "StatefulSet"
	name := required("Service", input.resource.spec, input.resource.spec.serviceName)
}

named[path] := [kind, name] if {
	some pod_path, pod in lib.pods
	some i, volume in pod.volumes
	some field, [name_key, kind] in {
		"configMap": ["name", "ConfigMap"],
		"persistentVolumeClaim": ["claimName", "PersistentVolumeClaim"],
		"secret": ["secretName", "Secret"],
	}
	name := required(kind, volume[field], volume[field][name_key])
	path := array.concat(pod_path, ["volumes", i, field, name_key])
}

named[path] := [kind, name] if {
	some pod_path, pod in lib.pods
	some i, volume in pod.volumes
	some j, source in volume.projected.sources
	some field, kind in {"configMap": "ConfigMap", "secret": "Secret"}
	name := required(kind, source[field], source[field].name)
	path := array.concat(pod_path, ["volumes", i, "projected", "sources", j, field, "name"])
}

named[path] := ["ServiceAccount", name] if {
	some pod_path, pod in lib.pods
	name := required("ServiceAccount", pod, pod.serviceAccountName)
	path := array.concat(pod_path, ["serviceAccountName"])
}

named[["roleRef", "name"]] := ["Role", name] if {
	input.resource.kind == "RoleBinding"
	input.resource.roleRef.kind == "Role"
	name := required("Role", input.resource.roleRef, input.resource.roleRef.name)
}

named_cluster_roles[["roleRef", "name"]] := name if {
	input.resource.kind in {"RoleBinding", "ClusterRoleBinding"}
	input.resource.roleRef.kind == "ClusterRole"
	name := required("ClusterRole", input.resource.roleRef, input.resource.roleRef.name)
}

named[["subjects", i, "name"]] := ["ServiceAccount", name] if {
	input.resource.kind in {"RoleBinding", "ClusterRoleBinding"}
	some i, subject in input.resource.subjects
	subject.kind == "ServiceAccount"
	name := required("ServiceAccount", subject, subject.name)
	lib.field(subject, "namespace", lib.namespace) == lib.namespace
}

named[["spec", "scaleTargetRef", "name"]] := [kind, name] if {
	input.resource.kind == "HorizontalPodAutoscaler"
	kind := input.resource.spec.scaleTargetRef.kind
	lib.pod_paths[kind]
	name := required(kind, input.resource.spec.scaleTargetRef, input.resource.spec.scaleTargetRef.name)
}

named[path] := ["Service", service.name] if some path, service in backends

# The Services that an Ingress or a route forwards to, by the path to their name.
backends[path] := {"name": name, "place": place, "backend": backend} if {
	some [place, backend] in places
	some name_keys in [["service", "name"], ["serviceName"], ["name"]]
	name := lib.field(backend, name_keys, "")
	is_string(name)
	name != ""
	path := array.concat(place, name_keys)
}

places contains [["spec", field], input.resource.spec[field]] if {
	lib.is_ingress
	some field in ["defaultBackend", "backend"]
}

places contains [["spec", "rules", i, "http", "paths", j, "backend"], way.backend] if {
	lib.is_ingress
	some i, rule in input.resource.spec.rules
	some j, way in rule.http.paths
}

places contains [["spec", "rules", i, "backendRefs", j], backend] if {
	lib.api_group == "gateway.networking.k8s.io"
	some i, rule in input.resource.spec.rules
	some j, backend in rule.backendRefs
	lib.field(backend, "kind", "Service") == "Service"
	lib.field(backend, "namespace", lib.namespace) == lib.namespace
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some _, backend in backends
	some keys in [["service", "port", "number"], ["service", "port", "name"], ["servicePort"], ["port"]]
	port := lib.field(backend.backend, keys, null)
	field := field_of(port)
	entries := [entry | some service in lib.all_around("Service", backend.name); some entry in service.spec.ports]
	count(entries) > 0
	ports := {entry[field] | some entry in entries}
	not port in ports
	path := array.concat(backend.place, keys)
	message := sprintf("%s forwards to port %s of Service '%s', which does not have it", [lib.this, shown(port), backend.name])
	fix := sprintf("Set port of the backend to one that Service '%s' has: %s.", [backend.name, those(ports)])
}

# What of a Service's port a backend names.
field_of(port) := "port" if is_number(port)

field_of(port) := "name" if is_name(port)

shown(port) := sprintf("%v", [port]) if is_number(port)

shown(port) := sprintf("'%s'", [port]) if is_string(port)

those(ports) := "it has none with a name" if {
	count(ports) == 0
} else := concat(" or ", [sprintf("`%v`", [port]) | some port in sort(ports)])

is_name(port) if {
	is_string(port)
	not regex.match(`^[0-9]*$`, port)
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	input.resource.kind == "Service"
	lib.api_group == ""
	some i, entry in input.resource.spec.ports
	is_name(entry.targetPort)
	specs := lib.selected_pods(service_selector)
	count(specs) > 0
	ports := {port.name |
		some spec in specs
		some field in ["containers", "initContainers"]
		some container in spec[field]
		some port in container.ports
	}
	not entry.targetPort in ports
	path := ["spec", "ports", i, "targetPort"]
	message := sprintf("%s forwards to port '%s', which none of its pods has", [lib.this, entry.targetPort])
	fix := sprintf("Set targetPort to the name of a port of its pods (%s), or to the number.", [those(ports)])
}

required(kind, reference, name) := name if {
	is_string(name)
	name != ""
	lib.field(reference, "optional", false) != true
	not is_given(kind, name)
}

is_given("ServiceAccount", "default")

is_given("Role", "extension-apiserver-authentication-reader")

is_given("PersistentVolumeClaim", name) if {
	some claim in input.resource.spec.volumeClaimTemplates
	claim.metadata.name == name
}

is_given("ConfigMap", name) if name in {"kube-root-ca.crt", "openshift-service-ca.crt"}

is_given("ClusterRole", name) if name in {"admin", "cluster-admin", "edit", "view"}

is_given("ClusterRole", name) if startswith(name, "system:")

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some [path, selector] in selectors
	can_be_missed_pods
	not lib.selects_pods(selector)
	message := sprintf("%s selects no pods: no pod template has the labels of its selector", [lib.this])
	fix := sprintf("Set %s to the labels of the pods that are meant, spec.template.metadata.labels.", [concat(".", [sprintf("%v", [part]) | some part in path])])
}

can_be_missed_pods if {
	data.inventory
	"Pod" in lib.parameter("complete_kinds", [])
}

can_be_missed_pods if lib.knows_pods

# Selectors that are meant to select pods, and where they stand.
selectors contains [["spec", "selector"], service_selector]

service_selector := {"matchLabels": labels} if {
	input.resource.kind == "Service"
	lib.api_group == ""
	labels := {key: value | some key, value in input.resource.spec.selector; is_string(value)}
	count(labels) > 0
}

selectors contains [["spec", "selector"], selector] if {
	input.resource.kind == "PodDisruptionBudget"
	selector := input.resource.spec.selector
	selects_some(selector)
}

selectors contains [["spec", "podSelector"], selector] if {
	input.resource.kind == "NetworkPolicy"
	lib.api_group in {"networking.k8s.io", "extensions"}
	selector := input.resource.spec.podSelector
	selects_some(selector)
}

selectors contains [["spec", direction, i, field, j, "podSelector"], peer.podSelector] if {
	input.resource.kind == "NetworkPolicy"
	lib.api_group in {"networking.k8s.io", "extensions"}
	some direction, field in {"ingress": "from", "egress": "to"}
	some i, rule in input.resource.spec[direction]
	some j, peer in rule[field]
	lib.field(peer, "namespaceSelector", null) == null
	selects_some(peer.podSelector)
}

# An empty selector selects everything.
selects_some(selector) if {
	some field in ["matchLabels", "matchExpressions"]
	some _ in selector[field]
}

violation contains {"message": message, "severity": "medium", "path": ["spec", "selector"], "fix": fix} if {
	input.resource.kind == "ServiceMonitor"
	endswith(lib.api_group, "coreos.com")
	lib.field(input.resource, ["spec", "namespaceSelector"], {}) == {}
	can_be_missed("Service")
	selects_some(input.resource.spec.selector)
	not selects_a_service
	message := sprintf("%s selects no Services: none has the labels of its selector", [lib.this])
	fix := "Set spec.selector to labels of the Service that is meant, its metadata.labels."
}

selects_a_service if {
	some service in lib.around[_].Service
	lib.selects(input.resource.spec.selector, lib.field(service, ["metadata", "labels"], {}))
}
