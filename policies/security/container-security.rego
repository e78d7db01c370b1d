# METADATA
# title: Container security
# description: >-
#   Refuses what lets a container out of its box (privileged mode, host namespaces, host paths, added capabilities,
#   privilege escalation, running as root), images whose tag can move, and images without an ATTEST attestation.
#   Where there is evidence, every image must be pinned by digest and attested in it; `require_attestation: true` asks
#   for that without evidence, too, when nothing is attested. Capabilities that container
#   runtimes grant anyway may be added; no host path is allowed. Windows pods are not asked for what Windows lacks.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/
#     description: Pod Security Standards
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
#     description: Security contexts
# custom:
#   severity: high
#   remediation: >-
#     Run the container as a non-root user without privileges of the host, and deploy an attested image by its digest.
#   controls:
#     - CIS-1.12-5.2.2
#     - CIS-1.12-5.2.3
#     - CIS-1.12-5.2.4
#     - CIS-1.12-5.2.5
#     - CIS-1.12-5.2.6
#     - CIS-1.12-5.2.7
#     - CIS-1.12-5.2.9
#     - CIS-1.12-5.2.10
#     - CIS-1.12-5.2.11
#     - SOC2-CC6.1
#     - SOC2-CC6.8
#   evidence: [require_attestation]
#   profiles:
#     minimal:
#       require_attestation: false
#       require_non_root: false
#       require_no_privilege_escalation: false
#       mutable_tags: []
#     recommended: {}
#     strict: {}
#     nsa: {}
#     cis: {}
#   checks:
#     kube-linter:
#       [
#         docker-sock, host-ipc, host-network, host-pid, latest-tag, privilege-escalation-container,
#         privileged-container, run-as-non-root, sensitive-host-mounts, writable-host-mount,
#       ]
#     polaris:
#       [
#         dangerousCapabilities, hostIPCSet, hostNetworkSet, hostPIDSet, hostPathSet, hostProcess,
#         privilegeEscalationAllowed, runAsPrivileged, runAsRootAllowed, tagNotSpecified,
#       ]
#     kube-score: [container-image-tag, container-security-context-privileged]
#     trivy:
#       [
#         KSV-0001, KSV-0005, KSV-0006, KSV-0008, KSV-0009, KSV-0010, KSV-0012, KSV-0013, KSV-0017, KSV-0022,
#         KSV-0023, KSV-0103, KSV-0105, KSV-0106, KSV-0119, KSV-0120,
#       ]
#     checkov:
#       [
#         CKV_K8S_14, CKV_K8S_16, CKV_K8S_17, CKV_K8S_18, CKV_K8S_19, CKV_K8S_20, CKV_K8S_23, CKV_K8S_25,
#         CKV_K8S_27, CKV_K8S_39,
#       ]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_attestation:
#         type: boolean
#         default: true
#         description: Whether every image needs an attestation in the evidence.
#       required_attestations:
#         type: array
#         items: {type: string}
#         default: []
#         description: Attestation types that every image needs, such as `attest/build`; when empty, any type will do.
#       require_non_root:
#         type: boolean
#         default: true
#         description: Whether containers must say that they do not run as root; user 0 is refused in any case.
#       require_no_privilege_escalation:
#         type: boolean
#         default: true
#         description: Whether containers must say that they forbid privilege escalation; `true` is refused in any case.
#       allowed_capabilities:
#         type: array
#         items: {type: string}
#         default:
#           - AUDIT_WRITE
#           - CHOWN
#           - DAC_OVERRIDE
#           - FOWNER
#           - FSETID
#           - KILL
#           - MKNOD
#           - NET_BIND_SERVICE
#           - SETFCAP
#           - SETGID
#           - SETPCAP
#           - SETUID
#           - SYS_CHROOT
#         description: Capabilities that containers may add.
#       allowed_host_paths:
#         type: array
#         items: {type: string}
#         default: []
#         description: Folders of the node that may be mounted, with all below them.
#       mutable_tags:
#         type: array
#         items: {type: string}
#         default: [latest]
#         description: Tags that move from image to image; an image without a tag means `latest`.
package attest.security

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": lib.deepest(path, ["image"]), "fix": lib.attesting, "cause": "unproven image", "controls": controls.attestation} if {
	lib.parameter("require_attestation", true)
	some path, reason in lib.unattested
	message := sprintf("Container image '%v' lacks required ATTEST attestation: %s", [lib.image_text(path), reason])
}

violation contains {"message": message, "severity": "critical", "path": path, "fix": fix, "cause": "privileged", "controls": controls[field]} if {
	some path, whose in lib.privileged_fields
	message := sprintf("Privileged containers are not allowed: %v", [whose])
	field := path[count(path) - 1]
	setting := {"privileged": "privileged", "hostProcess": "windowsOptions.hostProcess"}[field]
	fix := sprintf("Set securityContext.%s to `false`; what it really needs can stand in capabilities.add.", [setting])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "cause": "hostNamespaces", "controls": controls[field]} if {
	some path in lib.host_namespaces
	field := path[count(path) - 1]
	message := sprintf("Pods may not share the namespaces of their node: %s is true", [field])
	fix := sprintf("Set %s to `false`, or leave it out.", [field])
}

violation contains {"message": message, "severity": severity, "path": path, "fix": host_path_fix, "cause": "host path", "controls": controls.host_path} if {
	some path, source in host_paths
	not host_path_allowed(source)
	severity := host_path_severity(path, source)
	message := sprintf("Folders of the node may not be mounted: hostPath '%v'", [source])
}

host_paths[path] := source if some path, source in lib.host_paths

host_path_fix := fixes.local_volume if input.resource.kind == "PersistentVolume"

host_path_fix := fixes.host_path if input.resource.kind != "PersistentVolume"

host_paths[["spec", kind, "path"]] := source if {
	input.resource.kind == "PersistentVolume"
	some kind in ["hostPath", "local"]
	source := input.resource.spec[kind].path
	is_string(source)
}

host_path_allowed(source) if {
	not contains(source, "..")
	some folder in lib.parameter("allowed_host_paths", [])
	startswith(with_slash(source), with_slash(folder))
}

# Whoever can write here owns the node, or speaks to the runtime that does: to a socket also where it is mounted to be
# read alone.
host_path_severity(path, source) := "critical" if {
	owns_node(source)
	not is_read_only(path)
} else := "critical" if {
	regex.match(`^(/var)?/run/?$|\.sock/?$`, source)
} else := "high"

owns_node(source) if {
	some folder in ["/etc", "/proc", "/root", "/run", "/sys", "/var/lib/kubelet", "/var/lib/etcd", "/var/run"]
	startswith(with_slash(source), with_slash(folder))
}

owns_node(source) if with_slash(source) in {"/", "/var/", "/var/lib/", "/dev/"}

# Does every container that mounts the volume, of a path `…/volumes/0/hostPath/path`, mount it to be read alone?
is_read_only(path) if {
	pod_path := array.slice(path, 0, count(path) - 4)
	lib.pod_paths[input.resource.kind] == pod_path
	name := lib.pods[pod_path].volumes[path[count(path) - 3]].name
	mounts := [mount |
		some _, container in lib.containers
		some mount in container.volumeMounts
		mount.name == name
	]
	count(mounts) > 0
	every mount in mounts {
		mount.readOnly == true
	}
}

with_slash(folder) := sprintf("%s/", [trim_right(folder, "/")]) if is_string(folder)

violation contains {"message": message, "severity": severity, "path": path, "fix": fix, "cause": "capabilities", "controls": controls.capabilities} if {
	some path, capability in lib.added_capabilities
	name := trim_prefix(upper(capability), "CAP_")
	not name in lib.parameter("allowed_capabilities", lib.default_capabilities)
	severity := object.get({"ALL": "critical", "SYS_ADMIN": "critical"}, name, "high")
	container_path := array.slice(path, 0, count(path) - 4)
	message := sprintf("%s may not add capability %s", [lib.describe(container_path), name])
	fix := sprintf("Remove it from capabilities.add, or add `%s` to the parameter allowed_capabilities.", [name])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.escalation, "cause": "escalation", "controls": controls.escalation} if {
	some container_path, container in lib.container_parts
	container.securityContext.allowPrivilegeEscalation == true
	path := array.concat(container_path, ["securityContext", "allowPrivilegeEscalation"])
	message := sprintf("%s may not allow privilege escalation", [lib.describe(container_path)])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.escalation, "cause": "escalation", "controls": controls.escalation} if {
	lib.parameter("require_no_privilege_escalation", true)
	some container_path, container in lib.containers
	not lib.is_windows(container_path)
	not needs_escalation(container)
	object.get(container, ["securityContext", "allowPrivilegeEscalation"], null) == null
	not lib.templated(container_path, ["allowPrivilegeEscalation"])
	path := lib.deepest(container_path, ["securityContext"])
	message := sprintf("%s must set allowPrivilegeEscalation to false", [lib.describe(container_path)])
}

# Kubernetes refuses `false` beside these, which have violations of their own.
needs_escalation(container) if container.securityContext.privileged == true

needs_escalation(container) if "CAP_SYS_ADMIN" in container.securityContext.capabilities.add

needs_escalation(container) if "SYS_ADMIN" in container.securityContext.capabilities.add

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.root, "cause": "root", "controls": controls.root} if {
	some container_path, _ in lib.container_parts
	[user, path] := lib.in_context(container_path, ["runAsUser"])
	user == 0
	message := sprintf("%s may not run as root: runAsUser is 0", [lib.describe_sayer(container_path, path)])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.root, "cause": "root", "controls": controls.root} if {
	lib.parameter("require_non_root", true)
	some container_path, _ in lib.containers
	not lib.is_windows(container_path)
	not says_non_root(container_path)
	path := non_root_path(container_path)
	whose := lib.describe_sayer(container_path, path)
	message := sprintf("%s may run as root: runAsNonRoot is not true", [whose])
}

# Every user but 0 is no root; user 0 has a violation of its own.
says_non_root(container_path) if lib.in_context(container_path, ["runAsUser"])

says_non_root(container_path) if lib.in_context(container_path, ["runAsNonRoot"])[0] == true

# Root of a user namespace of its own is nobody on the node.
says_non_root(container_path) if lib.pods[lib.pod_path_of(container_path)].hostUsers == false

non_root_path(container_path) := path if {
	[_, path] := lib.in_context(container_path, ["runAsNonRoot"])
} else := lib.deepest(container_path, ["securityContext"])

violation contains {"message": message, "severity": "medium", "path": array.concat(path, ["image"]), "fix": fix, "cause": "loose image", "controls": controls.image} if {
	some path, image in lib.images
	image.digest == ""
	not startswith(image.repository, "[") # runtimes differ on the tags of a registry at an IPv6 address
	tag := object.get({"": "latest"}, image.tag, image.tag)
	tag in lib.parameter("mutable_tags", ["latest"])
	message := sprintf(
		"%s must name a version of its image '%v': the tag '%v' moves",
		[lib.describe(path), lib.image_text(path), tag],
	)
	fix := sprintf("Set image to a version, such as `%s:1.4.2`, or better to a digest.", [untagged(path, image)])
}

# The image as it is written, without its tag.
untagged(path, image) := trim_suffix(lib.image_text(path), concat("", [":", image.tag]))

fixes := {
	"host_path": "Replace hostPath by an emptyDir, a persistentVolumeClaim or a configMap.",
	"local_volume": "Replace the folder of a node by spec.csi, a volume of a storage driver.",
	"escalation": "Set securityContext.allowPrivilegeEscalation to `false`.",
	"root": "Set securityContext.runAsNonRoot to `true`, and runAsUser, if any, to a user other than 0.",
}

controls := {
	"attestation": ["SOC2-CC6.8"],
	"privileged": ["CIS-1.12-5.2.2", "SOC2-CC6.1"],
	"hostProcess": ["CIS-1.12-5.2.10", "SOC2-CC6.1"],
	"hostPID": ["CIS-1.12-5.2.3", "SOC2-CC6.1"],
	"hostIPC": ["CIS-1.12-5.2.4", "SOC2-CC6.1"],
	"hostNetwork": ["CIS-1.12-5.2.5", "SOC2-CC6.1"],
	"host_path": ["CIS-1.12-5.2.11", "SOC2-CC6.1"],
	"capabilities": ["CIS-1.12-5.2.9", "SOC2-CC6.1"],
	"escalation": ["CIS-1.12-5.2.6", "SOC2-CC6.1"],
	"root": ["CIS-1.12-5.2.7", "SOC2-CC6.1"],
	"image": ["SOC2-CC6.8"],
}
