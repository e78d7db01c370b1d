package rule

import data.lib.exempt.is_exempt
import data.lib.quantity.canonical

violation[{"msg": msg}] {
	container := input_containers[_]
	not is_exempt(container)
	kind := {"cpu", "memory"}[_]
	not container.resources.limits[kind]
	msg := sprintf("container <%v> has no %v limit", [container.name, kind])
}

violation[{"msg": msg}] {
	container := input_containers[_]
	not is_exempt(container)
	kind := {"cpu", "memory"}[_]
	limit := container.resources.limits[kind]
	canonical(limit) > canonical(input.parameters[kind])
	msg := sprintf("container <%v> has a %v limit of <%v>, more than the allowed <%v>", [container.name, kind, limit, input.parameters[kind]])
}

violation[{"msg": msg}] {
	container := input_containers[_]
	not is_exempt(container)
	kind := {"cpu", "memory"}[_]
	limit := container.resources.limits[kind]
	not canonical(limit)
	msg := sprintf("container <%v> has a %v limit that can't be read: <%v>", [container.name, kind, limit])
}

input_containers[container] {
	container := input.review.object.spec.containers[_]
}

input_containers[container] {
	container := input.review.object.spec.initContainers[_]
}
