package rule

violation[{"msg": msg}] {
	container := containers[_]
	container.securityContext.privileged
	msg := sprintf("privileged container %v", [container.name])
}

containers[container] {
	container := input.review.object.spec.containers[_]
}

containers[container] {
	container := input.review.object.spec.initContainers[_]
}
