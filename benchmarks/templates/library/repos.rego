package rule

import data.lib.exempt.is_exempt

violation[{"msg": msg}] {
	container := input_containers[_]
	not is_exempt(container)
	not startswith_any(container.image)
	msg := sprintf("container <%v> has an image of no allowed repository: <%v>, allowed are %v", [container.name, container.image, input.parameters.repos])
}

startswith_any(image) {
	startswith(image, input.parameters.repos[_])
}

input_containers[container] {
	container := input.review.object.spec.containers[_]
}

input_containers[container] {
	container := input.review.object.spec.initContainers[_]
}
