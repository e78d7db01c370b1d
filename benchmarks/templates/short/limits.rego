package rule

violation[{"msg": msg}] {
	container := containers[_]
	not container.resources.limits.memory
	msg := sprintf("container %v has no memory limit", [container.name])
}

containers[container] {
	container := input.review.object.spec.containers[_]
}

containers[container] {
	container := input.review.object.spec.initContainers[_]
}
