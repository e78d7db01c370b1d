# METADATA
# title: Hardened containers
# description: >-
#   What a container can do without, it does not get: no writable root filesystem, no capabilities beyond those it names,
#   no system calls that the runtime's seccomp profile forbids, no way out of AppArmor and SELinux, no unmasked /proc, no
#   settings of the kernel that reach beyond the pod, no repository that the kubelet clones as root (`gitRepo`), no calls of
#   the kubelet to other hosts, and no token of the Kubernetes API where it shares the
#   ServiceAccount `default` with others. What must be said is asked for by a parameter of its own. Ephemeral containers, and Windows
#   pods, which have none of these fields, need not say it.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
#     description: Security contexts
#   - ref: https://kubernetes.io/docs/tutorials/security/seccomp/
#     description: Seccomp
# custom:
#   name: hardening
#   severity: medium
#   remediation: Set readOnlyRootFilesystem to true, capabilities.drop to [ALL] and seccompProfile.type to RuntimeDefault.
#   profiles:
#     strict: {}
#     nsa: {}
#     cis: {require_read_only_root: false}
#   controls:
#     - CIS-1.12-5.1.6
#     - CIS-1.12-5.2.8
#     - CIS-1.12-5.2.9
#     - CIS-1.12-5.6.2
#     - CIS-1.12-5.6.3
#   checks:
#     kube-linter:
#       [
#         default-service-account, drop-net-raw-capability, no-read-only-root-fs, unsafe-proc-mount,
#         unsafe-sysctls,
#       ]
#     polaris:
#       [
#         automountServiceAccountToken, insecureCapabilities, linuxHardening, notReadOnlyRootFilesystem, procMount,
#       ]
#     kube-score: [container-seccomp-profile, container-security-context-readonlyrootfilesystem]
#     trivy:
#       [
#         KSV-0002, KSV-0003, KSV-0004, KSV-0014, KSV-0025, KSV-0026, KSV-0027, KSV-0030, KSV-0036, KSV-0104,
#         KSV-0118,
#       ]
#     checkov: [CKV_K8S_22, CKV_K8S_28, CKV_K8S_29, CKV_K8S_30, CKV_K8S_31, CKV_K8S_37, CKV_K8S_38]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_read_only_root:
#         type: boolean
#         default: true
#         description: Whether the root filesystem of containers must be read-only.
#       required_drop_capabilities:
#         type: array
#         items: {type: string}
#         default: [ALL]
#         description: Capabilities that containers must drop; to drop ALL drops each.
#       require_seccomp:
#         type: boolean
#         default: true
#         description: Whether containers must run under a seccomp profile, that of the runtime or a local one.
#       allowed_sysctls:
#         type: array
#         items: {type: string}
#         default:
#           - kernel.shm_rmid_forced
#           - net.ipv4.ip_local_port_range
#           - net.ipv4.ip_local_reserved_ports
#           - net.ipv4.ip_unprivileged_port_start
#           - net.ipv4.ping_group_range
#           - net.ipv4.tcp_fin_timeout
#           - net.ipv4.tcp_keepalive_intvl
#           - net.ipv4.tcp_keepalive_probes
#           - net.ipv4.tcp_keepalive_time
#           - net.ipv4.tcp_rmem
#           - net.ipv4.tcp_syncookies
#           - net.ipv4.tcp_wmem
#         description: Settings of the kernel that pods may change; those that Kubernetes calls safe.
#       require_no_default_token:
#         type: boolean
#         default: true
#         description: Whether pods of the ServiceAccount `default` must refuse its token.
package attest.hardening

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.root, "controls": controls.root} if {
	lib.parameter("require_read_only_root", true)
	some container_path, _ in judged
	not says(container_path, ["readOnlyRootFilesystem"], {true})
	path := lib.deepest(container_path, ["securityContext", "readOnlyRootFilesystem"])
	message := sprintf("%s can write to its root filesystem", [lib.describe(container_path)])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.capabilities, "controls": controls.capabilities, "cause": "capabilities"} if {
	some container_path, container in judged
	dropped := {name(item) | some item in container.securityContext.capabilities.drop}
	not "ALL" in dropped
	missing := {name(item) | some item in lib.parameter("required_drop_capabilities", ["ALL"])} - dropped
	count(missing) > 0
	path := lib.deepest(container_path, ["securityContext", "capabilities", "drop"])
	message := sprintf("%s keeps capabilities: it does not drop %s", [lib.describe(container_path), lib.listed(sort(missing))])
}

name(capability) := trim_prefix(upper(lib.text(capability)), "CAP_")

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.seccomp, "controls": controls.seccomp, "cause": "seccompProfile"} if {
	lib.parameter("require_seccomp", true)
	some container_path, _ in judged
	[kind, path] := seccomp(container_path)
	not kind in {"RuntimeDefault", "Localhost"}
	whose := lib.describe_sayer(container_path, path)
	message := sprintf("%s may make every system call: it has no seccomp profile", [whose])
}

seccomp(container_path) := lib.in_context(container_path, ["seccompProfile", "type"])

seccomp(container_path) := ["", lib.deepest(container_path, ["securityContext", "seccompProfile"])] if {
	not lib.in_context(container_path, ["seccompProfile", "type"])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.token, "controls": controls.token, "cause": "token"} if {
	lib.parameter("require_no_default_token", true)
	some pod_path, pod in lib.pods
	lib.field(pod, "serviceAccountName", lib.field(pod, "serviceAccount", "default")) in {"", "default"}
	lib.field(pod, "automountServiceAccountToken", true) != false
	path := lib.deepest(pod_path, ["automountServiceAccountToken"])
	message := sprintf("%s gets a token of the Kubernetes API that it shares with others", [lib.this])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.proc, "controls": controls.proc, "cause": "procMount"} if {
	some container_path, container in lib.container_parts
	container.securityContext.procMount == "Unmasked"
	path := array.concat(container_path, ["securityContext", "procMount"])
	message := sprintf("%s sees all of /proc", [lib.describe(container_path)])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls.sysctl, "cause": "sysctls"} if {
	some path, setting in unsafe_sysctls
	message := sprintf("%s changes the kernel of its node: sysctl %s", [lib.this, setting])
	fix := sprintf("Remove it from securityContext.sysctls, or add `%s` to the parameter allowed_sysctls.", [setting])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.apparmor, "controls": controls.mandatory, "cause": "appArmorProfile"} if {
	some path, [whose, profile] in lib.loose_apparmor
	message := sprintf("%s is not held by AppArmor: its profile is '%v'", [whose, profile])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.selinux, "controls": controls.mandatory, "cause": "seLinuxOptions"} if {
	some path, [whose, field, value] in lib.loose_selinux
	not value in {type | field == "type"; some type in lib.container_types[_]}
	message := sprintf("%s is not held by SELinux like a container: its %s is '%v'", [whose, field, value])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.repository, "controls": controls.mandatory, "cause": "host path"} if {
	some volume_path, volume in lib.volumes
	is_object(volume.gitRepo)
	path := array.concat(volume_path, ["gitRepo"])
	message := sprintf("Volume '%v' is a repository that the kubelet clones as root of its node", [lib.field(volume, "name", "")])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.host, "controls": controls.mandatory, "cause": "hostProbesAndHostLifecycle"} if {
	some path, host in lib.probed_hosts
	message := sprintf("The kubelet is told to call host '%v' in place of the pod", [host])
}

# What a pod sets of the kernel without being allowed to, by the path to its name.
unsafe_sysctls[path] := lib.text(sysctl.name) if {
	some pod_path, pod in lib.pods
	some i, sysctl in pod.securityContext.sysctls
	not is_allowed_sysctl(lib.text(sysctl.name))
	path := array.concat(pod_path, ["securityContext", "sysctls", i, "name"])
}

is_allowed_sysctl("")

is_allowed_sysctl(name) if name in lib.parameter("allowed_sysctls", safe_sysctls)

safe_sysctls := {
	"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
	"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
	"net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
}

judged[path] := container if {
	some path, container in lib.containers
	path[count(path) - 2] != "ephemeralContainers"
	not lib.is_windows(path)
}

says(container_path, keys, values) if lib.said_in(container_path, keys)[0] in values

fixes := {
	"root": "Set securityContext.readOnlyRootFilesystem to `true`, and mount an emptyDir where the program writes.",
	"capabilities": "Set securityContext.capabilities.drop to `[ALL]`, and add back those that the program needs.",
	"seccomp": "Set securityContext.seccompProfile.type of the pod to `RuntimeDefault`.",
	"apparmor": "Set the AppArmor profile to `RuntimeDefault` (`runtime/default` in an annotation), or leave it out.",
	"host": "Remove host from the probe or hook, so that the kubelet calls the pod's own address.",
	"repository": "Replace gitRepo by an emptyDir, and clone the repository into it in an init container.",
	"selinux": "Remove user and role from seLinuxOptions, and set its type to `container_t` or leave it out.",
	"proc": "Set securityContext.procMount to `Default`, or leave it out.",
	"token": "Set automountServiceAccountToken of the pod to `false`, or serviceAccountName to an account of its own.",
}

controls := {
	"root": ["CIS-1.12-5.6.3"],
	"capabilities": ["CIS-1.12-5.2.8", "CIS-1.12-5.2.9"],
	"seccomp": ["CIS-1.12-5.6.2"],
	"mandatory": ["CIS-1.12-5.6.3"],
	"token": ["CIS-1.12-5.1.6"],
	"proc": ["CIS-1.12-5.6.3"],
	"sysctl": ["CIS-1.12-5.6.3"],
}
