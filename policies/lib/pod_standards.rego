package attest.lib

# What pods and containers ask of their node, and how much of it the Pod Security Standards allow: what the policies of
# security share. Tables are those of Kubernetes 1.36.

# Every security context, by the path of the pod or of the container that it belongs to.
security_contexts[path] := part.securityContext if {
	some path, part in container_parts
	is_object(part.securityContext)
}

security_contexts[path] := pod.securityContext if {
	some path, pod in pods
	is_object(pod.securityContext)
}

# "Container 'web'", or "The pod".
describe_owner(path) := describe(path) if {
	container_parts[path]
} else := "The pod"

# Whose field it is that holds for a container: its own, or that of the pod.
describe_sayer(container_path, path) := describe(container_path) if {
	array.slice(path, 0, count(container_path)) == container_path
} else := "The pod"

# The pod that something belongs to: a pod, a container, or a part of one.
pod_of(path) := pods[path]

pod_of(path) := pods[pod_path_of(path)] if not pods[path]

# Fields that make containers as good as their node, each by its path: whose.
privileged_fields[path] := container_name(container_path) if {
	some container_path, container in container_parts
	container.securityContext.privileged == true
	path := array.concat(container_path, ["securityContext", "privileged"])
}

privileged_fields[path] := container_name(container_path) if {
	some container_path, container in container_parts
	container.securityContext.windowsOptions.hostProcess == true
	path := array.concat(container_path, ["securityContext", "windowsOptions", "hostProcess"])
}

privileged_fields[path] := "all containers of the pod are host processes" if {
	some pod_path, pod in pods
	not container_parts[pod_path]
	pod.securityContext.windowsOptions.hostProcess == true
	path := array.concat(pod_path, ["securityContext", "windowsOptions", "hostProcess"])
}

# Fields that share a namespace with the node.
host_namespaces contains array.concat(pod_path, [field]) if {
	some pod_path, pod in pods
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	pod[field] == true
}

# The annotations of pods, or of their templates, by path.
pod_annotations[path] := text(value) if {
	some pod_path, _ in pods
	holder := array.concat(metadata_path_of(pod_path), ["annotations"])
	some key, value in object.get(input.resource, holder, {})
	path := array.concat(holder, [key])
}

# The annotations that set seccomp profiles before Kubernetes had a field for them.
seccomp_annotations contains "seccomp.security.alpha.kubernetes.io/pod"

seccomp_annotations contains concat("/", ["container.seccomp.security.alpha.kubernetes.io", container.name]) if {
	some _, container in containers
	is_string(container.name)
}

# AppArmor profiles that are neither the runtime's nor one of the node, each by its path: whose, and which.
loose_apparmor[path] := [describe_owner(owner_path), type] if {
	some owner_path, context in security_contexts
	is_object(context.appArmorProfile)
	type := field(context, ["appArmorProfile", "type"], "")
	not type in {"RuntimeDefault", "Localhost"}
	path := deepest(owner_path, ["securityContext", "appArmorProfile", "type"])
}

loose_apparmor[path] := ["A container", profile] if {
	some path, profile in pod_annotations
	is_string(profile)
	startswith(text(path[count(path) - 1]), "container.apparmor.security.beta.kubernetes.io/")
	not profile in {"", "runtime/default"}
	not startswith(profile, "localhost/")
}

# What is said of SELinux and is more than the types of containers, each by its path: whose, which field, and what.
loose_selinux[path] := [describe_owner(owner_path), name, value] if {
	some owner_path, context in security_contexts
	some name in ["role", "type", "user"]
	value := field(context, ["seLinuxOptions", name], "")
	not value in object.get({"type": container_types[0]}, name, {""})
	path := array.concat(owner_path, ["securityContext", "seLinuxOptions", name])
}

# The capabilities that containers add, each by its path.
added_capabilities[path] := text(capability) if {
	some container_path, container in container_parts
	some i, capability in container.securityContext.capabilities.add
	path := array.concat(container_path, ["securityContext", "capabilities", "add", i])
}

# Those that container runtimes grant anyway.
default_capabilities := {
	"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
	"NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}

# The volumes of pods, by path.
volumes[path] := element(entry) if {
	some pod_path, pod in pods
	some i, entry in pod.volumes
	path := array.concat(pod_path, ["volumes", i])
}

# Types of volumes that bring nothing of the node along.
contained_volumes := {
	"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}

# Kernel parameters that belong to the pod alone, by the minor version of Kubernetes since which they count as safe.
safe_sysctls := {
	0: {
		"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
		"net.ipv4.ping_group_range", "net.ipv4.tcp_syncookies",
	},
	27: {"net.ipv4.ip_local_reserved_ports"},
	29: {
		"net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
		"net.ipv4.tcp_keepalive_time",
	},
	32: {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"},
}

# SELinux types of containers, likewise.
container_types := {
	0: {"", "container_t", "container_init_t", "container_kvm_t"},
	31: {"container_engine_t"},
}

# What a table of versions allows in a minor version.
allowed_in(table, minor) := {value |
	some since, values in table
	since <= minor
	some value in values
}

# The hosts that the kubelet is told to call instead of the pod, each by its path.
probed_hosts[path] := host if {
	some container_path, container in container_parts
	some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
	some action in ["httpGet", "tcpSocket"]
	host := container[probe][action].host
	not host in {"", null}
	path := array.concat(container_path, [probe, action, "host"])
}

probed_hosts[path] := host if {
	some container_path, container in container_parts
	some hook in ["postStart", "preStop"]
	some action in ["httpGet", "tcpSocket"]
	host := container.lifecycle[hook][action].host
	not host in {"", null}
	path := array.concat(container_path, ["lifecycle", hook, action, "host"])
}

# The minor version in `v1.30`, `1.30` or `1.30.4`; one beyond all for `latest`, and for what is no version.
minor_version(version) := 1000 if {
	version == "latest"
} else := to_number(minor) if {
	is_string(version)
	some [_, minor] in regex.find_all_string_submatch_n(`^v?1\.([0-9]{1,3})(?:\.[0-9]+)?$`, version, 1)
} else := 1000
