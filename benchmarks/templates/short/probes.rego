package rule

violation[{"msg": msg}] {
	container := containers[_]
	not container.livenessProbe
	msg := sprintf("container %v has no liveness probe", [container.name])
}

containers[container] {
	container := input.review.object.spec.containers[_]
}

containers[container] {
	container := input.review.object.spec.initContainers[_]
}
