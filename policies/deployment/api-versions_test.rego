package attest.api_versions_test

import data.attest.api_versions

found(version, kind, parameters) := {[v.severity, v.message, v.fix] |
	some v in api_versions.violation with input as {
		"resource": {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}},
		"parameters": parameters,
	}
	v.path == [place(kind)]
}

# A version of the API that is there without a kind is right; the kind is what to change.
place(kind) := "kind" if {
	kind in {"ComponentStatus", "Endpoints", "PodSecurityPolicy"}
} else := "apiVersion"

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

test_early_versions_that_are_gone if {
	every version, kind in {
		"auditregistration.k8s.io/v1alpha1": "AuditSink",
		"batch/v2alpha1": "CronJob",
		"rbac.authorization.k8s.io/v1alpha1": "ClusterRole",
		"settings.k8s.io/v1alpha1": "PodPreset",
	} {
		count(found(version, kind, {})) == 1
	}
}

test_kinds_that_are_deprecated_as_such if {
	every kind, said in {
		"ComponentStatus": ["1.19", "Remove the resource: components say themselves how they are."],
		"Endpoints": ["1.33", "Set kind to `EndpointSlice` and apiVersion to `discovery.k8s.io/v1`, and adapt the fields."],
	} {
		[since, fix] := said
		found("v1", kind, {"kubernetes_version": since}) == {[
			"low",
			sprintf("%s 'web' is of a kind that Kubernetes %s has deprecated", [kind, since]),
			fix,
		]}
		found("v1", kind, {"kubernetes_version": "1.18"}) == set()
		found("v1", kind, {"tell_deprecated": false}) == set()
		found("company.com/v1", kind, {}) == set()
	}
}
