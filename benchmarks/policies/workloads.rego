# METADATA
# title: Workload hygiene
# description: A policy of ordinary size, written so that attest, opa and conftest can all judge the same files with it.
# custom:
#   severity: medium
package attest.benchmark

# attest hands over {"resource": …}; opa exec and conftest hand over the manifest itself.
kind := input.resource.kind

kind := input.kind

metadata := input.resource.metadata

metadata := input.metadata

spec := input.resource.spec

spec := input.spec

rules := input.resource.rules

rules := input.rules

violation contains {"msg": msg} if {
	some container in containers
	container.securityContext.privileged == true
	msg := sprintf("container %v must not be privileged", [container.name])
}

violation contains {"msg": msg} if {
	some container in containers
	not pinned(container.image)
	msg := sprintf("container %v must pin its image, not %v", [container.name, container.image])
}

violation contains {"msg": msg} if {
	some container in containers
	some name in {"cpu", "memory"}
	not container.resources.limits[name]
	msg := sprintf("container %v has no %v limit", [container.name, name])
}

violation contains {"msg": msg} if {
	some container in containers
	not trusted(container.image)
	msg := sprintf("container %v takes its image from an unknown registry: %v", [container.name, container.image])
}

violation contains {"msg": msg} if {
	some volume in pod.volumes
	volume.hostPath
	msg := sprintf("volume %v mounts a path of the host", [volume.name])
}

violation contains {"msg": "replicas must be at least 2 in production"} if {
	kind == "Deployment"
	metadata.namespace == "production"
	spec.replicas < 2
}

violation contains {"msg": msg} if {
	kind in {"Role", "ClusterRole"}
	some rule in rules
	"*" in rule.verbs
	msg := sprintf("role %v allows every verb", [metadata.name])
}

violation contains {"msg": msg} if {
	some label in {"app.kubernetes.io/name", "app.kubernetes.io/part-of", "team"}
	not metadata.labels[label]
	msg := sprintf("label %v is missing", [label])
}

containers contains container if some container in pod.containers

containers contains container if some container in pod.initContainers

pod := spec if kind == "Pod"

pod := spec.template.spec if kind in {"Deployment", "StatefulSet", "DaemonSet", "Job"}

pod := spec.jobTemplate.spec.template.spec if kind == "CronJob"

pinned(image) if contains(image, "@sha256:")

pinned(image) if {
	tag := regex.find_all_string_submatch_n(`:([\w.-]+)$`, image, 1)[0][1]
	tag != "latest"
}

trusted(image) if {
	some registry in {"registry.company.com/", "gcr.io/company/"}
	startswith(image, registry)
}
