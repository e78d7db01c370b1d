package attest.pod_security_test

import data.attest.pod_security

good_container := {
	"name": "web",
	"image": "nginx",
	"securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
}

good_context := {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}

pod(spec, annotations) := {
	"apiVersion": "v1",
	"kind": "Pod",
	"metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
	"spec": object.union({"containers": [good_container], "securityContext": good_context}, spec),
}

with_container(fields) := pod({"containers": [object.union(good_container, fields)]}, {})

with_context(context) := with_container({"securityContext": context})

pod_context(context) := pod({"securityContext": context}, {})

found(resource, parameters) := violations if {
	violations := pod_security.violation with input as {"resource": resource, "parameters": parameters}
}

# What is found, as "severity control path: message".
summary(resource, parameters) := {text |
	some v in found(resource, parameters)
	path := concat("/", [sprintf("%v", [part]) | some part in v.path])
	text := sprintf("%s %s %s: %s", [v.severity, v.control, path, v.message])
}

controls(resource, level, version) := {v.control | some v in found(resource, {"level": level, "version": version})}

test_a_restricted_pod_passes if {
	every version in ["v1.0", "v1.18", "v1.24", "1.30.2", "latest"] {
		every level in ["baseline", "restricted"] {
			controls(pod({}, {}), level, version) == set()
		}
	}
}

context_at := "spec/containers/0/securityContext"

# What breaks `baseline`, and what is said of it.
baseline := {
	pod({"hostPID": true}, {}): "high hostNamespaces spec/hostPID: The pod shares a namespace with its node: hostPID is true",
	with_context({"privileged": true}): concat("", [
		"critical privileged spec/containers/0/securityContext/privileged: ",
		"Container 'web' is privileged",
	]),
	pod_context({"windowsOptions": {"hostProcess": true}}): concat("", [
		"critical windowsHostProcess spec/securityContext/windowsOptions/hostProcess: ",
		"Containers run as processes of the Windows node: hostProcess is true",
	]),
	with_context({"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}): concat("", [
		"high capabilities spec/containers/0/securityContext/capabilities/add/1: ",
		"Container 'web' may not add capability SYS_ADMIN",
	]),
	pod({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, {}): concat("", [
		"high hostPathVolumes spec/volumes/0/hostPath/path: ",
		"Volume 'v' is a folder of the node",
	]),
	with_container({"ports": [{"containerPort": 80}, {"hostPort": 8080}]}): concat("", [
		"high hostPorts spec/containers/0/ports/1/hostPort: ",
		"Container 'web' takes port 8080 of its node",
	]),
	with_container({"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}): concat("", [
		"medium hostProbesAndHostLifecycle spec/containers/0/livenessProbe/httpGet/host: ",
		"The kubelet may be told to call the container alone, not the host '10.0.0.1'",
	]),
	with_context({"appArmorProfile": {"type": "Unconfined"}}): concat("", [
		"high appArmorProfile spec/containers/0/securityContext/appArmorProfile/type: ",
		"Container 'web' may not set its AppArmor profile to 'Unconfined'",
	]),
	pod_context({"appArmorProfile": {}}): concat("", [
		"high appArmorProfile spec/securityContext/appArmorProfile: ",
		"The pod may not set its AppArmor profile to ''",
	]),
	pod({}, {"container.apparmor.security.beta.kubernetes.io/web": "unconfined"}): concat("", [
		"high appArmorProfile metadata/annotations/container.apparmor.security.beta.kubernetes.io/web: ",
		"A container may not set its AppArmor profile to 'unconfined'",
	]),
	with_context({"seLinuxOptions": {"type": "spc_t", "level": "s0"}}): concat("", [
		"high seLinuxOptions spec/containers/0/securityContext/seLinuxOptions/type: ",
		"Container 'web' may not set its SELinux type to 'spc_t'",
	]),
	pod_context({"seLinuxOptions": {"user": "u"}}): concat("", [
		"high seLinuxOptions spec/securityContext/seLinuxOptions/user: ",
		"The pod may not set its SELinux user to 'u'",
	]),
	pod_context({"seLinuxOptions": {"role": "r"}}): concat("", [
		"high seLinuxOptions spec/securityContext/seLinuxOptions/role: ",
		"The pod may not set its SELinux role to 'r'",
	]),
	with_context({"procMount": "Unmasked"}): concat("", [
		"high procMount spec/containers/0/securityContext/procMount: ",
		"Container 'web' may not set procMount to 'Unmasked'",
	]),
	with_context({"seccompProfile": {"type": "Unconfined"}}): concat("", [
		"high seccompProfile spec/containers/0/securityContext/seccompProfile/type: ",
		"Container 'web' may not set its seccomp profile to 'Unconfined'",
	]),
	pod_context({"sysctls": [{"name": "kernel.shm_rmid_forced"}, {"name": "kernel.msgmax"}]}): concat("", [
		"high sysctls spec/securityContext/sysctls/1/name: ",
		"The pod may not set the kernel parameter 'kernel.msgmax'",
	]),
}

test_baseline if {
	every resource, said in baseline {
		summary(resource, {"level": "baseline"}) == {said}
	}
}

# What breaks `restricted` alone, and what is said of it.
restricted := {
	with_context({"allowPrivilegeEscalation": true}): concat("", [
		"medium allowPrivilegeEscalation spec/containers/0/securityContext/allowPrivilegeEscalation: ",
		"Container 'web' must set allowPrivilegeEscalation to false",
	]),
	with_context({"allowPrivilegeEscalation": null}): concat("", [
		"medium allowPrivilegeEscalation spec/containers/0/securityContext: ",
		"Container 'web' must set allowPrivilegeEscalation to false",
	]),
	with_context({"capabilities": null}): concat("", [
		"medium capabilities spec/containers/0/securityContext: ",
		"Container 'web' must drop ALL capabilities",
	]),
	with_context({"capabilities": {"add": ["NET_BIND_SERVICE", "CHOWN"]}}): concat("", [
		"high capabilities spec/containers/0/securityContext/capabilities/add/1: ",
		"Container 'web' may not add capability CHOWN",
	]),
	pod({"volumes": [{"name": "v", "nfs": {}, "hostPath": null}, {"name": "w", "emptyDir": {}}]}, {}): concat("", [
		"medium restrictedVolumes spec/volumes/0/nfs: ",
		"Volume 'v' is of type nfs",
	]),
	pod({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, {}): concat("", [
		"high restrictedVolumes spec/volumes/0/hostPath/path: ",
		"Volume 'v' is of type hostPath",
	]),
	with_context({"runAsNonRoot": false}): concat("", [
		"medium runAsNonRoot spec/containers/0/securityContext/runAsNonRoot: ",
		"Container 'web' may not set runAsNonRoot to false",
	]),
	pod_context({"runAsNonRoot": null}): concat("", [
		"medium runAsNonRoot spec/containers/0/securityContext: ",
		"Container 'web' must set runAsNonRoot to true",
	]),
	pod_context({"runAsUser": 0}): concat("", [
		"medium runAsUser spec/securityContext/runAsUser: ",
		"The pod may not run as root: runAsUser is 0",
	]),
	pod_context({"seccompProfile": null}): concat("", [
		"medium seccompProfile spec/containers/0/securityContext: ",
		"Container 'web' must set its seccomp profile to RuntimeDefault or Localhost",
	]),
}

test_restricted if {
	every resource, said in restricted {
		summary(resource, {}) == {said}
	}
	every resource, said in baseline {
		summary(resource, {"level": "restricted"}) == {replace(
			replace(said, "high hostPathVolumes", "high restrictedVolumes"),
			"Volume 'v' is a folder of the node", "Volume 'v' is of type hostPath",
		)} | {text |
			contains(said, "SYS_ADMIN")
			text := concat("", [
				"high capabilities spec/containers/0/securityContext/capabilities/add/0: ",
				"Container 'web' may not add capability CHOWN",
			])
		}
	}
}

test_baseline_does_not_ask_for_what_restricted_does if {
	every resource, said in restricted {
		contains(said, "hostPath") == controls(resource, "baseline", "latest") != set()
	}
}

test_controls_begin_with_a_version if {
	every case in [
		[pod({"containers": [{"name": "web"}]}, {}), "restricted", "v1.7", "v1.8", "allowPrivilegeEscalation"],
		[pod_context({"seccompProfile": null}), "restricted", "v1.18", "v1.19", "seccompProfile"],
		[pod_context({"seccompProfile": {"type": "Unconfined"}}), "baseline", "v1.18", "v1.19", "seccompProfile"],
		[with_context({"capabilities": {"add": ["CHOWN"]}}), "restricted", "v1.21", "v1.22", "capabilities"],
		[with_context({"capabilities": null}), "restricted", "v1.21", "v1.22", "capabilities"],
		[pod_context({"runAsUser": 0}), "restricted", "v1.22", "v1.23", "runAsUser"],
		[with_container({"startupProbe": {"tcpSocket": {"host": "x"}}}), "baseline", "v1.33", "v1.34", "hostProbesAndHostLifecycle"],
	] {
		not case[4] in controls(case[0], case[1], case[2])
		case[4] in controls(case[0], case[1], case[3])
	}
}

windows(fields) := object.union(pod_context(null), {"spec": object.union({"os": {"name": "windows"}}, fields)})

test_controls_allow_more_since_a_version if {
	every case in [
		[pod_context({"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}), "baseline", "v1.31", "v1.32", "sysctls"],
		[pod_context({"seLinuxOptions": {"type": "container_engine_t"}}), "baseline", "v1.30", "v1.31", "seLinuxOptions"],
		[pod({"hostUsers": false, "securityContext": {"procMount": "x"}}, {}), "baseline", "v1.34", "v1.35", "procMount"],
		[pod({"hostUsers": false, "securityContext": {"runAsUser": 0}}, {}), "restricted", "v1.34", "v1.35", "runAsUser"],
		[pod({"hostUsers": false, "securityContext": {"runAsNonRoot": false}}, {}), "restricted", "v1.34", "v1.35", "runAsNonRoot"],
		[pod({"hostUsers": false, "securityContext": {"runAsNonRoot": null}}, {}), "restricted", "v1.34", "v1.35", "runAsNonRoot"],
		[pod({}, {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}), "baseline", "v1.18", "v1.19", "seccompProfile"],
		[pod({}, {"container.seccomp.security.alpha.kubernetes.io/web": "x"}), "baseline", "v1.18", "v1.19", "seccompProfile"],
		[windows({"containers": [{"name": "web"}]}), "restricted", "v1.24", "v1.25", "allowPrivilegeEscalation"],
		[windows({"containers": [{"name": "web"}]}), "restricted", "v1.24", "v1.25", "seccompProfile"],
		[windows({"containers": [{"name": "web"}]}), "restricted", "v1.24", "v1.25", "capabilities"],
		[windows({"securityContext": {"seccompProfile": {"type": "x"}}}), "restricted", "v1.24", "v1.25", "seccompProfile"],
		[
			windows({"containers": [{"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}}]}),
			"restricted", "v1.24", "v1.25", "capabilities",
		],
	] {
		case[4] in controls(case[0], case[1], case[2])
		not case[4] in controls(case[0], case[1], case[3])
	}
}

test_restricted_keeps_proc_masked_in_user_namespaces if {
	controls(pod({"hostUsers": false, "securityContext": object.union(good_context, {"procMount": "x"})}, {}), "restricted", "latest") == {"procMount"}
}

test_annotations_that_are_allowed if {
	every profile in ["", "runtime/default", "localhost/x"] {
		controls(pod({}, {"container.apparmor.security.beta.kubernetes.io/web": profile}), "baseline", "latest") == set()
	}
	every profile in ["docker/default", "runtime/default", "localhost/x"] {
		controls(pod({}, {"seccomp.security.alpha.kubernetes.io/pod": profile}), "baseline", "v1.18") == set()
	}
	every key in ["container.seccomp.security.alpha.kubernetes.io/other", "seccomp.security.alpha.kubernetes.io/x"] {
		controls(pod({}, {key: "unconfined"}), "baseline", "v1.18") == set()
	}
}

test_a_pod_template_is_a_pod if {
	template := object.remove(pod({"hostPID": true}, {}), ["kind", "apiVersion"])
	annotated := object.union(template, {"metadata": {"annotations": {
		"container.apparmor.security.beta.kubernetes.io/web": "x",
	}}})
	deployment := {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": annotated}}
	controls(deployment, "restricted", "latest") == {"hostNamespaces", "appArmorProfile"}
}

test_exempt_namespaces_and_runtime_classes if {
	resource := pod({"hostPID": true, "runtimeClassName": "kata"}, {})
	every parameters, size in {
		{"exempt_namespaces": ["shop"]}: 0,
		{"exempt_namespaces": ["sho", "shop2"]}: 1,
		{"exempt_runtime_classes": ["kata"]}: 0,
		{"exempt_runtime_classes": ["kat"]}: 1,
	} {
		count(found(resource, parameters)) == size
	}
}

test_a_runtime_class_exempts_its_pod_alone if {
	one := {"template": pod({"hostPID": true, "runtimeClassName": "kata"}, {})}
	other := {"template": pod({"hostPID": true, "runtimeClassName": "runc"}, {})}
	jobs := {"apiVersion": "jobset.x-k8s.io/v1", "kind": "JobSet", "spec": {"jobs": [one, other]}}
	paths := {v.path | some v in found(jobs, {"exempt_runtime_classes": ["kata"]})}
	paths == {["spec", "jobs", 1, "template", "spec", "hostPID"]}
}

test_fragments_are_judged_for_what_they_say if {
	kafka := {"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "spec": {"kafkaContainer": {"securityContext": {
		"privileged": true,
		"runAsNonRoot": false,
	}}}}
	controls(kafka, "restricted", "latest") == {"privileged", "runAsNonRoot"}
}

test_every_finding_says_what_to_do if {
	every resource, _ in object.union(baseline, restricted) {
		every violation in found(resource, {}) {
			endswith(violation.fix, ".")
		}
	}
}

test_the_version_of_kubernetes_stands_in_for_that_of_the_standards if {
	resource := pod_context({"sysctls": [{"name": "net.ipv4.tcp_rmem"}]})
	count(found(resource, {"level": "baseline", "kubernetes_version": "1.31"})) == 1
	found(resource, {"level": "baseline", "kubernetes_version": "1.31", "version": "v1.32"}) == set()
}
