# METADATA
# title: Resource limits
# description: >-
#   Every container states limits for CPU and memory, and none above the maximum. Quantities are compared as Kubernetes
#   compares them: `2000m` is `2`, `4Gi` is more than `4G`. By default limits are required and no maximum is set; the
#   profile `recommended` asks for a limit of memory alone, since many do without one for CPU, which can be shared.
#   A limit of 0 counts as none, since the kubelet reads it so; limits of the whole pod stand for those of its
#   containers. Ephemeral containers are not judged: Kubernetes lets them have no resources.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
#     description: Resource management for pods and containers
# custom:
#   name: resource-limits
#   severity: medium
#   remediation: Set resources.limits for CPU and memory, at most the maximum of the project.
#   controls:
#     - SOC2-A1.1
#   profiles:
#     recommended: {require_limits: memory}
#     strict: {required_requests: [cpu, memory]}
#     nsa: {}
#   checks:
#     kube-linter: [unset-cpu-requirements, unset-memory-requirements]
#     polaris: [cpuLimitsMissing, cpuRequestsMissing, memoryLimitsMissing, memoryRequestsMissing]
#     kube-score: [container-resources]
#     trivy: [KSV-0011, KSV-0015, KSV-0016, KSV-0018]
#     checkov: [CKV_K8S_10, CKV_K8S_11, CKV_K8S_12, CKV_K8S_13]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_limits:
#         enum: [true, false, memory]
#         default: true
#         description: Whether every container must state its limits; `memory` asks for that one alone.
#       required_limits:
#         type: array
#         items: {type: string}
#         description: Resources that need a limit where limits are required; CPU and memory, or what require_limits says.
#       required_requests:
#         type: array
#         items: {type: string}
#         default: []
#         description: Resources that every container must request; a limit counts as a request.
#       max_cpu:
#         type: [string, number]
#         description: Highest CPU limit of a container, such as `2000m`; no maximum by default.
#       max_memory:
#         type: [string, number]
#         description: Highest memory limit of a container, such as `4Gi`; no maximum by default.
package attest.resource_limits

import data.attest.lib

# What lacks in one place is one violation.
violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "cause": "no limits"} if {
	some container_path, lacking in unlimited
	some path in {lib.deepest(container_path, ["resources", "limits", resource]) | some resource in lacking}
	here := sort({resource | some resource in lacking; lib.deepest(container_path, ["resources", "limits", resource]) == path})
	message := sprintf("%s has no %s", [lib.describe(container_path), in_words("limit", here)])
	fix := sprintf("Set %s to the most that the container may use, such as %s.", stated("limits", here))
}

# The resources that a container needs a limit of and has none, by its path.
unlimited[container_path] := lacking if {
	some container_path, container in lib.containers
	not is_ephemeral(container_path)
	pod := lib.pods[lib.pod_path_of(container_path)]
	lacking := {resource |
		some resource in required_limits
		not is_limited(container, resource)
		not is_limited(pod, resource)
	}
	count(lacking) > 0
}

# `cpu limit`, or `limits of cpu and memory`.
in_words(kind, [resource]) := sprintf("%v %s", [resource, kind])

in_words(kind, resources) := sprintf("%ss of %s", [kind, concat(" and ", [sprintf("%v", [one]) | some one in resources])]) if {
	count(resources) > 1
}

# The fields to set, and a value for each.
stated(field, resources) := [
	concat(" and ", [sprintf("resources.%s.%v", [field, resource]) | some resource in resources]),
	concat(" and ", [sprintf("`%s`", [object.get(usual, resource, "1")]) | some resource in resources]),
]

usual := {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"}

required_limits := lib.parameter("required_limits", {true: ["cpu", "memory"], "memory": ["memory"]}[required]) if {
	required := lib.parameter("require_limits", true)
	required != false
}

# A limit is a request where none is stated, so that whoever adds a limit that lacks needs no request.
violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some container_path, container in lib.containers
	not is_ephemeral(container_path)
	pod := lib.pods[lib.pod_path_of(container_path)]
	lacking := {resource |
		some resource in lib.parameter("required_requests", [])
		not resource in object.get(unlimited, [container_path], set())
		not is_requested(container, resource)
		not is_requested(pod, resource)
	}
	count(lacking) > 0
	path := lib.deepest(container_path, ["resources", "requests"])
	message := sprintf("%s has no %s", [lib.describe(container_path), in_words("request", sort(lacking))])
	fix := sprintf("Set %s to what the container needs when it is busy, such as %s.", stated("requests", sort(lacking)))
}

is_requested(owner, resource) if {
	some kind in ["requests", "limits"]
	some field in lib.resource_fields
	object.get(owner, [field, kind, resource], null) != null
}

# A quantity that can't be read has a violation of its own.
is_limited(owner, resource) if {
	some field in lib.resource_fields
	limit := object.get(owner, [field, "limits", resource], null)
	limit != null
	not is_zero(limit)
}

is_zero(amount) if lib.quantity(amount) == 0

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some resource, parameter in {"cpu": "max_cpu", "memory": "max_memory"}
	maximum := lib.quantity(lib.parameter(parameter, null))
	some owner_path, owner in resource_owners
	limit := owner.resources.limits[resource]
	lib.quantity(limit) > maximum
	path := array.concat(owner_path, ["resources", "limits", resource])
	message := sprintf(
		"%s has a %v limit of %v, above the maximum of %v",
		[lib.describe_owner(owner_path), resource, limit, lib.parameter(parameter, null)],
	)
	fix := sprintf("Set resources.limits.%v to `%v` or less.", [resource, lib.parameter(parameter, null)])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some owner_path, owner in resource_owners
	some kind in ["limits", "requests"]
	some resource, amount in owner.resources[kind]
	amount != null
	not lib.quantity(amount)
	path := array.concat(owner_path, ["resources", kind, resource])
	message := sprintf("%s has a malformed %v %s: '%v'", [lib.describe_owner(owner_path), resource, singular[kind], amount])
	fix := sprintf("Set resources.%s.%v to a quantity, such as `%s`.", [kind, resource, object.get(usual, resource, "1")])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix} if {
	some owner_path, owner in resource_owners
	some resource, request in owner.resources.requests
	limit := owner.resources.limits[resource]
	lib.quantity(request) > lib.quantity(limit)
	path := array.concat(owner_path, ["resources", "requests", resource])
	message := sprintf(
		"%s requests %v of %v, above its limit of %v",
		[lib.describe_owner(owner_path), request, resource, limit],
	)
	fix := sprintf("Set resources.requests.%v to `%v` or less, or raise resources.limits.%v.", [resource, limit, resource])
}

violation contains {"message": message, "severity": "medium", "fix": fix} if {
	some parameter in ["max_cpu", "max_memory"]
	lib.pod
	maximum := lib.parameter(parameter, null)
	maximum != null
	not lib.quantity(maximum)
	message := sprintf("The parameter %s of resource-limits is not a quantity: '%v'", [parameter, maximum])
	fix := sprintf("Set parameters.%s of the policy to a quantity, such as `%s`.", [parameter, usual[trim_prefix(parameter, "max_")]])
}

singular := {"limits": "limit", "requests": "request"}

# What may carry resources: the pod itself and its normal and init containers.
resource_owners[path] := container if {
	some path, container in lib.container_parts
	not is_ephemeral(path)
}

resource_owners[path] := pod if some path, pod in lib.pods

is_ephemeral(container_path) if container_path[count(container_path) - 2] == "ephemeralContainers"
