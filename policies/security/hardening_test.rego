package attest.hardening_test

import data.attest.hardening

context := {"readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}

pod(fields) := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": object.union(
	{"automountServiceAccountToken": false, "containers": [{"name": "web", "securityContext": context}]},
	fields,
)}

with_context(context_) := pod({"containers": [{"name": "web", "securityContext": context_}]})

found(resource, parameters) := {[v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
	some v in hardening.violation with input as {"resource": resource, "parameters": parameters}
	v.severity == "medium"
	v.fix != ""
}

at := "spec/containers/0/securityContext"

test_a_hardened_pod_passes if found(pod({}), {}) == set()

test_the_root_filesystem if {
	expected := {["Container 'web' can write to its root filesystem", at]}
	found(with_context(object.remove(context, ["readOnlyRootFilesystem"])), {}) == expected
	found(with_context(object.remove(context, ["readOnlyRootFilesystem"])), {"require_read_only_root": false}) == set()
	{path | some [_, path] in found(with_context(object.union(context, {"readOnlyRootFilesystem": false})), {})} == {
		sprintf("%s/readOnlyRootFilesystem", [at]),
	}
}

test_capabilities if {
	without := object.remove(context, ["capabilities"])
	found(with_context(without), {}) == {["Container 'web' keeps capabilities: it does not drop ALL", at]}
	every drop in [["all"], ["ALL"], ["CAP_ALL"]] {
		found(with_context(object.union(context, {"capabilities": {"drop": drop}})), {}) == set()
	}
	some_dropped := with_context(object.union(without, {"capabilities": {"drop": ["NET_RAW"]}}))
	found(some_dropped, {"required_drop_capabilities": ["CAP_NET_RAW"]}) == set()
	found(some_dropped, {"required_drop_capabilities": ["NET_RAW", "MKNOD", "CHOWN"]}) == {[
		"Container 'web' keeps capabilities: it does not drop CHOWN, MKNOD",
		sprintf("%s/capabilities/drop", [at]),
	]}
}

test_seccomp if {
	message := "Container 'web' may make every system call: it has no seccomp profile"
	without := object.remove(context, ["seccompProfile"])
	found(with_context(without), {}) == {[message, at]}
	found(with_context(without), {"require_seccomp": false}) == set()
	unconfined := object.union(without, {"seccompProfile": {"type": "Unconfined"}})
	found(with_context(unconfined), {}) == {[message, sprintf("%s/seccompProfile/type", [at])]}
	container := [{"name": "web", "securityContext": without}]
	found(pod({"containers": container, "securityContext": {"seccompProfile": {"type": "Localhost"}}}), {}) == set()
}

test_tokens if {
	message := "Pod 'web' gets a token of the Kubernetes API that it shares with others"
	every fields in [
		{"automountServiceAccountToken": true},
		{"automountServiceAccountToken": true, "serviceAccountName": "default"},
	] {
		found(pod(fields), {}) == {[message, "spec/automountServiceAccountToken"]}
		found(pod(fields), {"require_no_default_token": false}) == set()
	}
	found(pod({"automountServiceAccountToken": true, "serviceAccountName": "web"}), {}) == set()
	found(pod({"automountServiceAccountToken": true, "serviceAccount": "web"}), {}) == set()
}

test_what_lacks_the_fields_is_not_judged if {
	found(pod({"os": {"name": "windows"}, "containers": [{"name": "web"}]}), {}) == set()
	found(pod({"ephemeralContainers": [{"name": "debug"}]}), {}) == set()
	count(found(pod({"initContainers": [{"name": "setup"}]}), {})) == 3
}

test_what_reaches_the_kernel if {
	found(with_context(object.union(context, {"procMount": "Unmasked"})), {}) == set()
	proc := hardening.violation with input as {"resource": with_context(object.union(context, {"procMount": "Unmasked"}))}
	{[v.severity, v.message, v.path] | some v in proc} == {[
		"high",
		"Container 'web' sees all of /proc",
		["spec", "containers", 0, "securityContext", "procMount"],
	]}
	sysctls := pod({"securityContext": {"sysctls": [
		{"name": "kernel.msgmax"},
		{"name": "net.ipv4.tcp_wmem"},
		{"name": ""},
	]}})
	kernel := hardening.violation with input as {"resource": sysctls}
	{[v.severity, v.message, v.path] | some v in kernel} == {[
		"high",
		"Pod 'web' changes the kernel of its node: sysctl kernel.msgmax",
		["spec", "securityContext", "sysctls", 0, "name"],
	]}
	allowed := hardening.violation with input as {"resource": sysctls, "parameters": {"allowed_sysctls": ["kernel.msgmax", "net.ipv4.tcp_wmem"]}}
	allowed == set()
}

test_a_field_of_the_pod_is_one_finding_for_all_its_containers if {
	containers := [{"name": name} | some name in ["web", "log"]]
	pod := {"kind": "Pod", "spec": {
		"securityContext": {"seccompProfile": {"type": "Unconfined"}},
		"containers": containers,
	}}
	found := {[v.message, v.path] |
		some v in hardening.violation with input.resource as pod
		"seccompProfile" in v.path
	}
	found == {[
		"The pod may make every system call: it has no seccomp profile",
		["spec", "securityContext", "seccompProfile", "type"],
	]}
}

test_ways_out_of_what_holds_containers if {
	every resource, expected in {
		pod({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}): [
			"The pod is not held by AppArmor: its profile is 'Unconfined'",
			"spec/securityContext/appArmorProfile/type",
		],
		object.union(pod({}), {"metadata": {"annotations": {apparmor("web"): "unconfined"}}}): [
			"A container is not held by AppArmor: its profile is 'unconfined'",
			"metadata/annotations/container.apparmor.security.beta.kubernetes.io/web",
		],
		with_context(object.union(context, {"seLinuxOptions": {"type": "spc_t"}})): [
			"Container 'web' is not held by SELinux like a container: its type is 'spc_t'",
			"spec/containers/0/securityContext/seLinuxOptions/type",
		],
		pod({"securityContext": {"seLinuxOptions": {"user": "system_u"}}}): [
			"The pod is not held by SELinux like a container: its user is 'system_u'",
			"spec/securityContext/seLinuxOptions/user",
		],
		pod({"volumes": [{"name": "code", "gitRepo": {"repository": "https://git.company.com/shop"}}]}): [
			"Volume 'code' is a repository that the kubelet clones as root of its node",
			"spec/volumes/0/gitRepo",
		],
		pod({"containers": [{"name": "web", "securityContext": context, "livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}]}): [
			"The kubelet is told to call host '10.0.0.1' in place of the pod",
			"spec/containers/0/livenessProbe/httpGet/host",
		],
	} {
		{[v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
			some v in hardening.violation with input.resource as resource
			v.fix != ""
		} == {expected}
	}
}

apparmor(name) := sprintf("container.apparmor.security.beta.kubernetes.io/%s", [name])

test_what_holds_containers_may_be_named if {
	every resource in [
		pod({"securityContext": {"appArmorProfile": {"type": "RuntimeDefault"}, "seLinuxOptions": {"level": "s0:c1,c2"}}}),
		pod({"securityContext": {"appArmorProfile": null, "seLinuxOptions": {"type": "", "user": null}}}),
		object.union(pod({}), {"metadata": {"annotations": {apparmor("web"): "runtime/default"}}}),
		object.union(pod({}), {"metadata": {"annotations": {apparmor("web"): "localhost/web"}}}),
		with_context(object.union(context, {"seLinuxOptions": {"type": "container_engine_t"}})),
		pod({"volumes": [{"name": "code", "gitRepo": null}]}),
	] {
		found(resource, {}) == set()
		{v | some v in hardening.violation with input.resource as resource} == set()
	}
}
