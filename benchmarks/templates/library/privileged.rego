package rule

import data.lib.exempt.is_exempt

violation[{"msg": msg, "details": {}}] {
	container := input_containers[_]
	not is_exempt(container)
	container.securityContext.privileged
	msg := sprintf("container <%v> must not be privileged", [container.name])
}

violation[{"msg": msg, "details": {}}] {
	container := input_containers[_]
	not is_exempt(container)
	added := {capability | capability := container.securityContext.capabilities.add[_]}
	allowed := {capability | capability := input.parameters.allowedCapabilities[_]}
	count(added - allowed) > 0
	msg := sprintf("container <%v> adds capabilities that are not allowed: %v", [container.name, added - allowed])
}

input_containers[container] {
	container := input.review.object.spec.containers[_]
}

input_containers[container] {
	container := input.review.object.spec.initContainers[_]
}

input_containers[container] {
	container := input.review.object.spec.ephemeralContainers[_]
}
