package attest.lib

# Pods in kinds that Kubernetes itself does not know: a Rollout, a JobSet, a Service of Knative. Configuration names
# where such a kind keeps them (`policy.workload_kinds`), and whatever has the shape of a pod specification counts as
# one, wherever it stands (shapes.rego).

all_pod_paths contains pod_path_of(path) if some path, _ in shaped

all_pod_paths contains path if some path, _ in node_sharing

all_pod_paths contains path if some path in named_paths

named_paths contains path if {
	some entry in data.attest.workload_kinds
	entry.kind == input.resource.kind
	entry.group == api_group
	some path in places(entry.path)
}

# The places that a path such as `spec.tasks.*.template.spec` names, each `*` being every element of a list.
places(pattern) := {path |
	walk(input.resource, [path, _])
	count(path) == count(pattern)
	every i, key in pattern {
		key in {"*", path[i]}
	}
}

# Is the kind one that a controller brings, and that may run something? In the groups of policies, what looks like a pod
# is a pattern that pods are compared with.
is_custom if {
	contains(api_group, ".")
	not api_group in own_groups
	not endswith(api_group, ".gatekeeper.sh")
	not endswith(concat("", [".", api_group]), ".kyverno.io")
}

own_groups := {
	"admission.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io",
	"apiserver.config.k8s.io", "apiserver.k8s.io", "audit.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
	"certificates.k8s.io", "config.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io",
	"flowcontrol.apiserver.k8s.io", "imagepolicy.k8s.io", "internal.apiserver.k8s.io", "kubelet.config.k8s.io",
	"kustomize.config.k8s.io", "networking.k8s.io", "node.k8s.io", "openreports.io", "policy.networking.k8s.io",
	"rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "settings.k8s.io", "storage.k8s.io",
	"storagemigration.k8s.io", "wgpolicyk8s.io",
}
