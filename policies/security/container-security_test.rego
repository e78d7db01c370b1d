package attest.security_test

import data.attest.security

digest := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

evidence := {"attestations": {digest: [{"type": "attest/build"}]}}

good_container := {
	"name": "web",
	"image": sprintf("registry.company.com/shop/web@%s", [digest]),
	"securityContext": {"allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 1000},
}

good_context := good_container.securityContext

with_context(context) := object.union(object.remove(good_container, ["securityContext"]), {"securityContext": context})

pod(container) := {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [container]}}

pod_with(fields) := {"kind": "Pod", "spec": object.union({"containers": [good_container]}, fields)}

found(resource, parameters) := violations if {
	violations := security.violation with input as {"resource": resource, "parameters": parameters}
		with data.attest.evidence as evidence
}

# What is found, as "severity path: message".
summary(resource, parameters) := {text |
	some v in found(resource, parameters)
	text := sprintf("%s %s: %s", [v.severity, concat("/", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_a_good_container_passes if summary(pod(good_container), {}) == set()

test_every_kind_of_container_is_judged if {
	spec := {field: [object.union(good_container, {"securityContext": {"privileged": true}})] |
		some field in ["containers", "initContainers", "ephemeralContainers"]
	}
	every kind in ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"] {
		violations := found({"kind": kind, "spec": {"template": {"spec": spec}}}, {})
		critical := {v.path[3] | some v in violations; v.severity == "critical"}
		critical == object.keys(spec)
	}
}

test_images_need_an_attestation if {
	every image, reason in {
		"nginx:1.27": "it is not pinned by digest",
		sprintf("nginx@sha256:%064d", [1]): "the evidence has no attestation of its digest",
	} {
		resource := pod(object.union(good_container, {"image": image}))
		message := sprintf("Container image '%s' lacks required ATTEST attestation: %s", [image, reason])
		summary(resource, {}) == {sprintf("high spec/containers/0/image: %s", [message])}
		summary(resource, {"require_attestation": false}) == set()
	}
}

test_required_attestation_types if {
	parameters := {"required_attestations": ["attest/build", "attest/test"]}
	some text in summary(pod(good_container), parameters)
	endswith(text, "the evidence has no attestation of type attest/test")
}

test_a_container_without_an_image_is_not_attested if {
	summary(pod(object.remove(good_container, ["image"])), {}) == {concat("", [
		"high spec/containers/0: Container image '' lacks required ATTEST attestation: ",
		"it is not pinned by digest",
	])}
}

test_privileged_containers if {
	every context, path in {
		{"privileged": true}: "privileged",
		{"windowsOptions": {"hostProcess": true}}: "windowsOptions/hostProcess",
	} {
		summary(pod(with_context(object.union(good_context, context))), {}) == {sprintf(
			"critical spec/containers/0/securityContext/%s: Privileged containers are not allowed: web",
			[path],
		)}
	}
	every context in [{"privileged": false}, {"privileged": null}, {"windowsOptions": {"hostProcess": false}}] {
		summary(pod(with_context(object.union(good_context, context))), {}) == set()
	}
}

test_host_processes_of_the_whole_pod if {
	every text in summary(pod_with({"securityContext": {"windowsOptions": {"hostProcess": true}}}), {}) {
		startswith(text, "critical spec/securityContext/windowsOptions/hostProcess: Privileged containers")
	}
	count(summary(pod_with({"securityContext": {"windowsOptions": {"hostProcess": true}}}), {})) == 1
}

test_host_namespaces if {
	every field in ["hostNetwork", "hostPID", "hostIPC"] {
		summary(pod_with({field: true}), {}) == {sprintf(
			"high spec/%s: Pods may not share the namespaces of their node: %s is true",
			[field, field],
		)}
		summary(pod_with({field: false}), {}) == set()
	}
}

host_path(path) := pod_with({"volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "v", "hostPath": {"path": path}}]})

test_host_paths if {
	every path, severity in {
		"/data": "high",
		"/var/log": "high",
		"/runner": "high",
		"/": "critical",
		"/etc": "critical",
		"/etc/kubernetes/": "critical",
		"/var/run/docker.sock": "critical",
		"/var/lib/kubelet/pods": "critical",
		"/var/": "critical",
	} {
		summary(host_path(path), {}) == {sprintf(
			"%s spec/volumes/1/hostPath/path: Folders of the node may not be mounted: hostPath '%s'",
			[severity, path],
		)}
	}
}

mounted(path, mounts) := {severity |
	volumes := [{"name": "tmp", "emptyDir": {}}, {"name": "v", "hostPath": {"path": path}}]
	resource := pod_with({"volumes": volumes, "containers": [object.union(good_container, {"volumeMounts": mounts})]})
	some violation in security.violation with input.resource as resource with data.attest.evidence as {}
	violation.path[count(violation.path) - 2] == "hostPath"
	severity := violation.severity
}

test_what_is_mounted_to_be_read_alone_is_not_critical if {
	to_read := {"name": "v", "mountPath": "/v", "readOnly": true}
	to_write := {"name": "v", "mountPath": "/w"}
	every path in ["/etc", "/", "/var/lib/kubelet/pods", "/proc"] {
		mounted(path, [to_read]) == {"high"}
		mounted(path, [to_read, to_write]) == {"critical"}
		mounted(path, []) == {"critical"}
	}
	every socket in ["/var/run", "/run/", "/var/run/docker.sock", "/run/containerd/containerd.sock"] {
		mounted(socket, [to_read]) == {"critical"}
	}
	mounted("/srv/photos", [to_write]) == {"high"}
}

test_host_paths_of_persistent_volumes if {
	summary({"kind": "PersistentVolume", "spec": {"hostPath": {"path": "/data"}}}, {}) == {concat("", [
		"high spec/hostPath/path: Folders of the node may not be mounted: hostPath '/data'",
	])}
}

test_allowed_host_paths_cover_whole_folders if {
	parameters := {"allowed_host_paths": ["/var/log/"]}
	every path in ["/var/log", "/var/log/pods"] {
		summary(host_path(path), parameters) == set()
	}
	every path in ["/var/logs", "/var", "/var/log/../../etc"] {
		count(summary(host_path(path), parameters)) == 1
	}
}

adding(capability) := pod(with_context(object.union(good_context, {"capabilities": {"add": ["CHOWN", capability]}})))

test_added_capabilities if {
	every capability, expected in {
		"NET_ADMIN": ["high", "NET_ADMIN"],
		"cap_sys_admin": ["critical", "SYS_ADMIN"],
		"ALL": ["critical", "ALL"],
	} {
		summary(adding(capability), {}) == {sprintf(
			"%s spec/containers/0/securityContext/capabilities/add/1: Container 'web' may not add capability %s",
			expected,
		)}
	}
	summary(adding("NET_BIND_SERVICE"), {}) == set()
	summary(adding("CHOWN"), {"allowed_capabilities": ["CHOWN"]}) == set()
	count(summary(adding("NET_BIND_SERVICE"), {"allowed_capabilities": ["CHOWN"]})) == 1
}

test_privilege_escalation if {
	unset := pod(with_context({"runAsNonRoot": true}))
	allowed := pod(with_context({"runAsNonRoot": true, "allowPrivilegeEscalation": true}))
	summary(allowed, {"require_no_privilege_escalation": false}) == {concat("", [
		"high spec/containers/0/securityContext/allowPrivilegeEscalation: ",
		"Container 'web' may not allow privilege escalation",
	])}
	summary(unset, {}) == {concat("", [
		"medium spec/containers/0/securityContext: ",
		"Container 'web' must set allowPrivilegeEscalation to false",
	])}
	summary(unset, {"require_no_privilege_escalation": false}) == set()
}

root(pod_context, context) := object.union(
	pod(with_context(object.union({"allowPrivilegeEscalation": false}, context))),
	{"spec": {"securityContext": pod_context}},
)

test_running_as_root_is_refused if {
	of_container := root({"runAsUser": 1000}, {"runAsUser": 0})
	of_pod := root({"runAsUser": 0}, {})
	summary(of_container, {}) == {"high spec/containers/0/securityContext/runAsUser: Container 'web' may not run as root: runAsUser is 0"}
	summary(of_pod, {"require_non_root": false}) == {"high spec/securityContext/runAsUser: The pod may not run as root: runAsUser is 0"}
}

test_a_container_says_that_it_is_not_root if {
	every case in [
		[{}, {}, "spec/containers/0/securityContext: Container 'web'"],
		[{"runAsNonRoot": true}, {"runAsNonRoot": false}, "spec/containers/0/securityContext/runAsNonRoot: Container 'web'"],
		[{"runAsNonRoot": false}, {}, "spec/securityContext/runAsNonRoot: The pod"],
		[{"runAsNonRoot": null}, {"runAsUser": null}, "spec/containers/0/securityContext: Container 'web'"],
	] {
		summary(root(case[0], case[1]), {}) == {sprintf("medium %s may run as root: runAsNonRoot is not true", [case[2]])}
		summary(root(case[0], case[1]), {"require_non_root": false}) == set()
	}
	every case in [
		[{"runAsNonRoot": true}, {}],
		[{}, {"runAsNonRoot": true}],
		[{"runAsNonRoot": false}, {"runAsNonRoot": true}],
		[{"runAsUser": 1000}, {}],
		[{}, {"runAsUser": 1000}],
		[{"runAsUser": 0}, {"runAsUser": 1000}],
	] {
		summary(root(case[0], case[1]), {}) == set()
	}
}

test_windows_pods_are_not_asked_for_what_windows_lacks if {
	resource := {"kind": "Pod", "spec": {
		"os": {"name": "windows"},
		"containers": [object.remove(good_container, ["securityContext"])],
	}}
	summary(resource, {}) == set()
}

test_tags_that_move if {
	parameters := {"require_attestation": false}
	every image, tag in {"nginx": "latest", "nginx:latest": "latest", "localhost:5000/nginx": "latest"} {
		summary(pod(object.union(good_container, {"image": image})), parameters) == {sprintf(
			"medium spec/containers/0/image: Container 'web' must name a version of its image '%s': the tag '%s' moves",
			[image, tag],
		)}
	}
	every image in ["nginx:1.27", sprintf("nginx:latest@%s", [digest]), sprintf("nginx@%s", [digest])] {
		summary(pod(object.union(good_container, {"image": image})), parameters) == set()
	}
	main := pod(object.union(good_container, {"image": "nginx:main"}))
	count(summary(main, object.union(parameters, {"mutable_tags": ["main"]}))) == 1
}

test_helpers_of_the_package if {
	containers := security.get_containers with input.resource as pod(good_container)
	containers == {good_container}
	security.has_attest_attestation(good_container.image) with data.attest.evidence as evidence
	not security.has_attest_attestation("nginx:1.27") with data.attest.evidence as evidence
}

task(fields) := {"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": object.union({"steps": [good_container]}, fields)}

test_steps_are_judged_as_containers if {
	summary(task({}), {}) == set()
	every context, message in {
		{"privileged": true}: "critical spec/steps/0/securityContext/privileged: Privileged containers are not allowed: web",
		{"allowPrivilegeEscalation": null}: concat("", [
			"medium spec/steps/0/securityContext: ",
			"Step 'web' must set allowPrivilegeEscalation to false",
		]),
	} {
		step := object.union(good_container, {"securityContext": object.union(good_context, context)})
		summary(task({"steps": [step]}), {}) == {message}
	}
}

test_steps_follow_their_template if {
	step := object.remove(good_container, ["securityContext"])
	summary(task({"steps": [step], "stepTemplate": {"securityContext": good_context}}), {}) == set()
}

test_fragments_are_judged_for_what_they_say if {
	every context, count_ in {
		{"runAsNonRoot": false}: 0,
		{"privileged": true}: 1,
		{"windowsOptions": {"hostProcess": true}}: 1,
		{"capabilities": {"add": ["SYS_ADMIN"]}}: 1,
		{"allowPrivilegeEscalation": true, "runAsUser": 0}: 2,
	} {
		template := {"kafkaContainer": {"securityContext": context}}
		kafka := {"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "spec": {"kafka": {"template": template}}}
		count(summary(kafka, {})) == count_
	}
}

test_host_processes_of_a_fragment_are_one_finding if {
	pod_template := {"hostNetwork": true, "securityContext": {"windowsOptions": {"hostProcess": true}}}
	count(summary(task({"podTemplate": pod_template}), {})) == 2
}

test_local_volumes_of_a_node if {
	volume := {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"local": {"path": "/etc"}}}
	summary(volume, {}) == {
		"critical spec/local/path: Folders of the node may not be mounted: hostPath '/etc'",
	}
	summary(volume, {"allowed_host_paths": ["/etc"]}) == set()
}

test_what_kubernetes_refuses_is_not_asked_for if {
	every context in [
		{"privileged": true},
		{"capabilities": {"add": ["CAP_SYS_ADMIN"]}},
		{"capabilities": {"add": ["SYS_ADMIN"]}},
	] {
		found := summary(pod(with_context(object.union({"runAsNonRoot": true}, context))), {})
		count(found) == 1
		every text in found { not contains(text, "allowPrivilegeEscalation") }
	}
}

test_pods_in_a_user_namespace_may_say_nothing_of_root if {
	resource := root({}, {})
	count(summary(resource, {})) == 1
	summary(object.union(resource, {"spec": {"hostUsers": false}}), {}) == set()
}
