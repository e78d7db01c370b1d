package attest.api_versions_test

import data.attest.api_versions

found(version, kind, parameters) := {[v.severity, v.message, v.fix] |
	some v in api_versions.violation with input as {
		"resource": {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}},
		"parameters": parameters,
	}
	v.path == ["apiVersion"]
}

removed := {[
	"high",
	"Ingress 'web' uses networking.k8s.io/v1beta1, which Kubernetes 1.22 has removed",
	"Set apiVersion to `networking.k8s.io/v1`, and adapt the fields that have changed.",
]}

deprecated := {[
	"low",
	"Ingress 'web' uses networking.k8s.io/v1beta1, which Kubernetes 1.22 removes",
	"Set apiVersion to `networking.k8s.io/v1`, and adapt the fields that have changed.",
]}

test_what_the_version_does_not_serve if {
	every version in ["1.22", "v1.22.3", "1.36", "1.100", "nonsense", 7] {
		found("networking.k8s.io/v1beta1", "Ingress", {"kubernetes_version": version}) == removed
	}
	found("networking.k8s.io/v1beta1", "Ingress", {}) == removed
}

test_what_will_be_removed if {
	every version in ["1.19", "1.21"] {
		found("networking.k8s.io/v1beta1", "Ingress", {"kubernetes_version": version}) == deprecated
	}
	found("networking.k8s.io/v1beta1", "Ingress", {"kubernetes_version": "1.21", "tell_deprecated": false}) == set()
	found("networking.k8s.io/v1beta1", "Ingress", {"kubernetes_version": "1.18"}) == set()
}

test_what_has_no_successor if {
	found("policy/v1beta1", "PodSecurityPolicy", {}) == {[
		"high",
		"PodSecurityPolicy 'web' uses policy/v1beta1, which Kubernetes 1.25 has removed",
		"Remove the resource: nothing of this apiVersion and kind takes its place.",
	]}
}

test_kinds_of_others_and_current_versions if {
	found("shop.company.com/v1beta1", "Ingress", {}) == set()
	found("networking.k8s.io/v1", "Ingress", {}) == set()
	found("networking.k8s.io/v1beta1", "Gateway", {}) == set()
}
