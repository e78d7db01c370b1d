# METADATA
# title: Pod Security Standards
# description: >-
#   Holds pods to a level of the Pod Security Standards, as Kubernetes' own admission does: every control of `baseline`, or
#   of `restricted`, in the version of the standards that a cluster enforces. Init and ephemeral containers are judged like
#   others, and so are workloads of other controllers. Namespaces and runtime classes are exempt where the parameters say
#   so; Windows pods and pods in a user namespace of their own are asked for less, as the versions of the standards have
#   it. It belongs to the profiles `pss-baseline` and `pss-restricted`; otherwise switch it on in the configuration.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/
#     description: Pod Security Standards
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-admission/
#     description: Pod Security Admission
# custom:
#   name: pod-security
#   severity: high
#   remediation: Set the field to a value that the level allows, or leave it out where the level does not ask for it.
#   profiles:
#     pss-baseline: {level: baseline}
#     pss-restricted: {level: restricted}
#   controls:
#     - CIS-1.12-5.2.2
#     - CIS-1.12-5.2.3
#     - CIS-1.12-5.2.4
#     - CIS-1.12-5.2.5
#     - CIS-1.12-5.2.6
#     - CIS-1.12-5.2.7
#     - CIS-1.12-5.2.8
#     - CIS-1.12-5.2.9
#     - CIS-1.12-5.2.10
#     - CIS-1.12-5.2.11
#     - CIS-1.12-5.2.12
#     - CIS-1.12-5.6.2
#     - CIS-1.12-5.6.3
#     - PSS-baseline-appArmorProfile
#     - PSS-baseline-capabilities
#     - PSS-baseline-hostNamespaces
#     - PSS-baseline-hostPathVolumes
#     - PSS-baseline-hostPorts
#     - PSS-baseline-hostProbesAndHostLifecycle
#     - PSS-baseline-privileged
#     - PSS-baseline-procMount
#     - PSS-baseline-seLinuxOptions
#     - PSS-baseline-seccompProfile
#     - PSS-baseline-sysctls
#     - PSS-baseline-windowsHostProcess
#     - PSS-restricted-allowPrivilegeEscalation
#     - PSS-restricted-capabilities
#     - PSS-restricted-restrictedVolumes
#     - PSS-restricted-runAsNonRoot
#     - PSS-restricted-runAsUser
#     - PSS-restricted-seccompProfile
#   checks:
#     kube-linter:
#       [
#         drop-net-raw-capability, host-ipc, host-network, host-pid, privilege-escalation-container,
#         privileged-container, run-as-non-root, unsafe-proc-mount, unsafe-sysctls,
#       ]
#     polaris:
#       [
#         dangerousCapabilities, hostIPCSet, hostNetworkSet, hostPIDSet, hostPathSet, hostPortSet, hostProcess,
#         insecureCapabilities, privilegeEscalationAllowed, procMount, runAsPrivileged, runAsRootAllowed,
#       ]
#     kube-score: [container-seccomp-profile, container-security-context-privileged]
#     trivy:
#       [
#         KSV-0001, KSV-0003, KSV-0005, KSV-0008, KSV-0009, KSV-0010, KSV-0012, KSV-0017, KSV-0022, KSV-0023,
#         KSV-0024, KSV-0025, KSV-0026, KSV-0027, KSV-0028, KSV-0030, KSV-0103, KSV-0104, KSV-0105, KSV-0106,
#       ]
#     checkov: [CKV_K8S_16, CKV_K8S_17, CKV_K8S_18, CKV_K8S_19, CKV_K8S_20, CKV_K8S_26, CKV_K8S_31, CKV_K8S_37]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       level:
#         type: string
#         enum: [baseline, restricted]
#         default: restricted
#         description: The level that pods are held to.
#       version:
#         type: string
#         pattern: ^(latest|v?1\.[0-9]{1,3}(\.[0-9]+)?)$
#         description: The version of the standards, that of a Kubernetes release such as `v1.33`, or `latest`.
#       kubernetes_version:
#         type: string
#         pattern: ^(latest|v?1\.[0-9]{1,3}(\.[0-9]+)?)$
#         default: latest
#         description: The version of Kubernetes that manifests are for, whose standards count where `version` says nothing.
#       exempt_namespaces:
#         type: array
#         items: {type: string}
#         default: []
#         description: Namespaces whose pods are not judged, by their exact names.
#       exempt_runtime_classes:
#         type: array
#         items: {type: string}
#         default: []
#         description: Runtime classes whose pods are not judged, by their exact names.
package attest.pod_security

import data.attest.lib

restricted if lib.parameter("level", "restricted") != "baseline"

minor := lib.minor_version(lib.parameter("version", lib.parameter("kubernetes_version", "latest")))

violation contains finding("hostNamespaces", "high", path, message) if {
	some path in lib.host_namespaces
	message := sprintf("The pod shares a namespace with its node: %s is true", [path[count(path) - 1]])
}

violation contains finding("privileged", "critical", path, message) if {
	some path, name in lib.privileged_fields
	path[count(path) - 1] == "privileged"
	message := sprintf("Container '%v' is privileged", [name])
}

violation contains finding("windowsHostProcess", "critical", path, message) if {
	some path, _ in lib.privileged_fields
	path[count(path) - 1] == "hostProcess"
	message := "Containers run as processes of the Windows node: hostProcess is true"
}

violation contains finding("capabilities", "high", path, message) if {
	some path, capability in lib.added_capabilities
	container_path := array.slice(path, 0, count(path) - 4)
	not may_add(container_path, capability)
	message := sprintf("%s may not add capability %s", [lib.describe(container_path), capability])
}

may_add(_, capability) if {
	not drops_capabilities
	capability in lib.default_capabilities
}

may_add(_, "NET_BIND_SERVICE") if drops_capabilities

may_add(container_path, _) if {
	drops_capabilities
	is_spared(container_path)
}

violation contains finding("capabilities", "medium", path, message) if {
	drops_capabilities
	some container_path, container in lib.containers
	not is_spared(container_path)
	not "ALL" in object.get(container, ["securityContext", "capabilities", "drop"], [])
	path := lib.deepest(container_path, ["securityContext", "capabilities", "drop"])
	message := sprintf("%s must drop ALL capabilities", [lib.describe(container_path)])
}

drops_capabilities if {
	restricted
	minor >= 22
}

violation contains finding("hostPathVolumes", "high", path, message) if {
	not restricted
	some volume_path, volume in lib.volumes
	is_object(volume.hostPath)
	path := lib.deepest(volume_path, ["hostPath", "path"])
	message := sprintf("Volume '%v' is a folder of the node", [lib.field(volume, "name", "")])
}

violation contains finding("restrictedVolumes", severity, path, message) if {
	restricted
	some volume_path, volume in lib.volumes
	some type, source in object.remove(volume, ["name"])
	source != null
	not type in lib.contained_volumes
	severity := object.get({"hostPath": "high"}, type, "medium")
	path := lib.deepest(volume_path, object.get({"hostPath": ["hostPath", "path"]}, type, [type]))
	message := sprintf("Volume '%v' is of type %s", [lib.field(volume, "name", ""), type])
}

violation contains finding("hostPorts", "high", path, message) if {
	some container_path, container in lib.container_parts
	some i, port in container.ports
	number := lib.field(port, "hostPort", 0)
	number != 0
	path := array.concat(container_path, ["ports", i, "hostPort"])
	message := sprintf("%s takes port %v of its node", [lib.describe(container_path), number])
}

violation contains finding("hostProbesAndHostLifecycle", "medium", path, message) if {
	minor >= 34
	some path, host in lib.probed_hosts
	message := sprintf("The kubelet may be told to call the container alone, not the host '%v'", [host])
}

violation contains finding("appArmorProfile", "high", path, message) if {
	some path, [whose, profile] in lib.loose_apparmor
	message := sprintf("%s may not set its AppArmor profile to '%v'", [whose, profile])
}

violation contains finding("seLinuxOptions", "high", path, message) if {
	some path, [whose, field, value] in lib.loose_selinux
	not is_container_type(field, value)
	message := sprintf("%s may not set its SELinux %s to '%v'", [whose, field, value])
}

is_container_type("type", value) if value in lib.allowed_in(lib.container_types, minor)

violation contains finding("procMount", "high", path, message) if {
	some owner_path, context in lib.security_contexts
	lib.field(context, "procMount", "Default") != "Default"
	not has_relaxed_mounts(owner_path)
	path := array.concat(owner_path, ["securityContext", "procMount"])
	message := sprintf("%s may not set procMount to '%v'", [lib.describe_owner(owner_path), context.procMount])
}

has_relaxed_mounts(owner_path) if {
	not restricted
	in_user_namespace(owner_path)
}

violation contains finding("seccompProfile", "high", path, message) if {
	minor >= 19
	some owner_path, context in lib.security_contexts
	is_object(context.seccompProfile)
	not needs_no_seccomp(owner_path)
	type := lib.field(context, ["seccompProfile", "type"], "")
	not type in {"RuntimeDefault", "Localhost"}
	path := lib.deepest(owner_path, ["securityContext", "seccompProfile", "type"])
	message := sprintf("%s may not set its seccomp profile to '%v'", [lib.describe_owner(owner_path), type])
}

needs_no_seccomp(owner_path) if {
	restricted
	is_spared(owner_path)
}

violation contains finding("seccompProfile", "medium", path, message) if {
	minor >= 19
	restricted
	some container_path, _ in lib.containers
	not is_spared(container_path)
	not lib.in_context(container_path, ["seccompProfile"])
	path := lib.deepest(container_path, ["securityContext"])
	message := sprintf("%s must set its seccomp profile to RuntimeDefault or Localhost", [lib.describe(container_path)])
}

violation contains finding("seccompProfile", "high", path, message) if {
	minor < 19
	some path, profile in lib.pod_annotations
	path[count(path) - 1] in lib.seccomp_annotations
	is_string(profile)
	not profile in {"docker/default", "runtime/default"}
	not startswith(profile, "localhost/")
	message := sprintf("A seccomp profile may not be '%s'", [profile])
}

violation contains finding("sysctls", "high", path, message) if {
	some pod_path, pod in lib.pods
	some i, entry in pod.securityContext.sysctls
	name := lib.field(entry, "name", "")
	not name in lib.allowed_in(lib.safe_sysctls, minor)
	path := lib.deepest(pod_path, ["securityContext", "sysctls", i, "name"])
	message := sprintf("The pod may not set the kernel parameter '%v'", [name])
}

violation contains finding("allowPrivilegeEscalation", "medium", path, message) if {
	restricted
	minor >= 8
	some container_path, container in lib.containers
	not is_spared(container_path)
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], true) != false
	not lib.templated(container_path, ["allowPrivilegeEscalation"])
	path := lib.deepest(container_path, ["securityContext", "allowPrivilegeEscalation"])
	message := sprintf("%s must set allowPrivilegeEscalation to false", [lib.describe(container_path)])
}

violation contains finding("runAsNonRoot", "medium", path, message) if {
	restricted
	some owner_path, context in lib.security_contexts
	context.runAsNonRoot == false
	not in_user_namespace(owner_path)
	path := array.concat(owner_path, ["securityContext", "runAsNonRoot"])
	message := sprintf("%s may not set runAsNonRoot to false", [lib.describe_owner(owner_path)])
}

violation contains finding("runAsNonRoot", "medium", path, message) if {
	restricted
	some container_path, _ in lib.containers
	not lib.in_context(container_path, ["runAsNonRoot"])
	not in_user_namespace(container_path)
	path := lib.deepest(container_path, ["securityContext"])
	message := sprintf("%s must set runAsNonRoot to true", [lib.describe(container_path)])
}

violation contains finding("runAsUser", "medium", path, message) if {
	restricted
	minor >= 23
	some owner_path, context in lib.security_contexts
	context.runAsUser == 0
	not in_user_namespace(owner_path)
	path := array.concat(owner_path, ["securityContext", "runAsUser"])
	message := sprintf("%s may not run as root: runAsUser is 0", [lib.describe_owner(owner_path)])
}

# Is it in a pod for Windows, which has no such settings?
is_spared(path) if {
	minor >= 25
	lib.pod_of(path).os.name == "windows"
}

# Is it in a pod whose users are not those of the node?
in_user_namespace(path) if {
	minor >= 35
	lib.pod_of(path).hostUsers == false
}

finding(control, severity, path, message) := {
	"message": message,
	"severity": severity,
	"path": path,
	"control": control,
	"cause": object.get(causes, control, control),
	"controls": array.concat(controls_of(control, path), standards_of(control, severity, path)),
	"fix": fixes[control],
} if {
	not is_exempt(path)
}

# The benchmark has a control for each of the namespaces, named here by the field.
controls_of(control, path) := controls[path[count(path) - 1]] if {
	control == "hostNamespaces"
} else := controls[control]

# What the level `baseline` allows speaks against `restricted` alone.
standards_of(control, severity, path) := [name |
	some name in standards[control]
	not startswith(name, "PSS-baseline-")
] if {
	is_allowed_by_baseline(control, severity, path)
} else := standards[control]

is_allowed_by_baseline("restrictedVolumes", _, path) if not path[count(path) - 1] in {"hostPath", "path"}

is_allowed_by_baseline("seccompProfile", "medium", _)

is_allowed_by_baseline("capabilities", "medium", _)

is_allowed_by_baseline("capabilities", "high", path) if {
	object.get(input.resource, path, "") in lib.default_capabilities
}

is_exempt(_) if in_exempt_namespace

is_exempt(path) if {
	some pod_path in exempt_pods
	array.slice(path, 0, count(pod_path)) == pod_path
}

in_exempt_namespace if lib.namespace in lib.parameter("exempt_namespaces", [])

exempt_pods contains pod_path if {
	some pod_path, pod in lib.pods
	pod.runtimeClassName in lib.parameter("exempt_runtime_classes", [])
}

# What other policies call the same fault of the same field.
causes := {
	"allowPrivilegeEscalation": "escalation",
	"hostPathVolumes": "host path",
	"restrictedVolumes": "host path",
	"runAsNonRoot": "root",
	"runAsUser": "root",
	"windowsHostProcess": "privileged",
}

fixes := {
	"allowPrivilegeEscalation": "Set securityContext.allowPrivilegeEscalation to `false`.",
	"appArmorProfile": "Set securityContext.appArmorProfile.type to `RuntimeDefault`, or leave the profile out.",
	"capabilities": "Set capabilities.drop to `[ALL]`, and remove from capabilities.add what the level does not allow.",
	"hostNamespaces": "Set hostNetwork, hostPID and hostIPC to `false`, or leave them out.",
	"hostPathVolumes": "Replace hostPath by an emptyDir, a persistentVolumeClaim or a configMap.",
	"hostPorts": "Remove hostPort, and reach the container by a Service.",
	"hostProbesAndHostLifecycle": "Remove host from httpGet or tcpSocket; the kubelet calls the pod's own address.",
	"privileged": "Set securityContext.privileged to `false`, or leave it out.",
	"procMount": "Set securityContext.procMount to `Default`, or leave it out.",
	"restrictedVolumes": "Replace the volume by a persistentVolumeClaim, or another type that the level allows.",
	"runAsNonRoot": "Set securityContext.runAsNonRoot to `true`, for the pod or for each container.",
	"runAsUser": "Set securityContext.runAsUser to a user other than 0, or leave it out.",
	"seLinuxOptions": "Remove user and role from seLinuxOptions, and set its type to `container_t`.",
	"seccompProfile": "Set securityContext.seccompProfile.type to `RuntimeDefault`.",
	"sysctls": "Remove it from securityContext.sysctls; those that belong to the pod alone may stay.",
	"windowsHostProcess": "Set securityContext.windowsOptions.hostProcess to `false`, or leave it out.",
}

controls := {
	"allowPrivilegeEscalation": ["CIS-1.12-5.2.6"],
	"appArmorProfile": ["CIS-1.12-5.6.3"],
	"capabilities": ["CIS-1.12-5.2.8", "CIS-1.12-5.2.9"],
	"hostIPC": ["CIS-1.12-5.2.4"],
	"hostNetwork": ["CIS-1.12-5.2.5"],
	"hostPID": ["CIS-1.12-5.2.3"],
	"hostPathVolumes": ["CIS-1.12-5.2.11"],
	"hostPorts": ["CIS-1.12-5.2.12"],
	"hostProbesAndHostLifecycle": [],
	"privileged": ["CIS-1.12-5.2.2"],
	"procMount": ["CIS-1.12-5.6.3"],
	"restrictedVolumes": ["CIS-1.12-5.2.11"],
	"runAsNonRoot": ["CIS-1.12-5.2.7"],
	"runAsUser": ["CIS-1.12-5.2.7"],
	"seLinuxOptions": ["CIS-1.12-5.6.3"],
	"seccompProfile": ["CIS-1.12-5.6.2"],
	"sysctls": ["CIS-1.12-5.6.3"],
	"windowsHostProcess": ["CIS-1.12-5.2.10"],
}

standards := {
	"allowPrivilegeEscalation": ["PSS-restricted-allowPrivilegeEscalation"],
	"appArmorProfile": ["PSS-baseline-appArmorProfile"],
	"capabilities": ["PSS-baseline-capabilities", "PSS-restricted-capabilities"],
	"hostNamespaces": ["PSS-baseline-hostNamespaces"],
	"hostPathVolumes": ["PSS-baseline-hostPathVolumes"],
	"hostPorts": ["PSS-baseline-hostPorts"],
	"hostProbesAndHostLifecycle": ["PSS-baseline-hostProbesAndHostLifecycle"],
	"privileged": ["PSS-baseline-privileged"],
	"procMount": ["PSS-baseline-procMount"],
	"restrictedVolumes": ["PSS-baseline-hostPathVolumes", "PSS-restricted-restrictedVolumes"],
	"runAsNonRoot": ["PSS-restricted-runAsNonRoot"],
	"runAsUser": ["PSS-restricted-runAsUser"],
	"seLinuxOptions": ["PSS-baseline-seLinuxOptions"],
	"seccompProfile": ["PSS-baseline-seccompProfile", "PSS-restricted-seccompProfile"],
	"sysctls": ["PSS-baseline-sysctls"],
	"windowsHostProcess": ["PSS-baseline-windowsHostProcess"],
}
