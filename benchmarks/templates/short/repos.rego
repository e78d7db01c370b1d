package rule

violation[{"msg": msg}] {
	container := containers[_]
	satisfied := [good | repo := input.parameters.repos[_]; good := startswith(container.image, repo)]
	not any(satisfied)
	msg := sprintf("container %v has image %v", [container.name, container.image])
}

containers[container] {
	container := input.review.object.spec.containers[_]
}

containers[container] {
	container := input.review.object.spec.initContainers[_]
}
