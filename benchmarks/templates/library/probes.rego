package rule

probe_types := {"tcpSocket", "httpGet", "exec", "grpc"}

violation[{"msg": msg}] {
	container := input.review.object.spec.containers[_]
	probe := input.parameters.probes[_]
	is_missing(container, probe)
	msg := sprintf("container <%v> in <%v> has no <%v>", [container.name, input.review.object.metadata.name, probe])
}

is_missing(container, probe) {
	not container[probe]
}

is_missing(container, probe) {
	found := container[probe]
	not has_field(found)
}

has_field(probe) {
	probe[probe_types[_]]
}
