package attest.organization_test

import data.attest.organization

found(resource, parameters) := {[v.message, v.path] |
	some v in organization.violation with input as {"resource": resource, "parameters": parameters}
	v.severity == "low"
	v.fix != ""
}

workload(metadata) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": object.union({"name": "web"}, metadata),
	"spec": {"template": {"spec": {"containers": []}}},
}

test_namespaces if {
	every namespace in ["default", "kube-system"] {
		found(workload({"namespace": namespace}), {}) == {[
			sprintf("Deployment 'web' is put into namespace '%s', which is not for applications", [namespace]),
			["metadata", "namespace"],
		]}
		found(workload({"namespace": namespace}), {"forbidden_namespaces": []}) == set()
	}
	found(workload({"namespace": "shop"}), {}) == set()
	found(workload({}), {}) == set()
	role := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"namespace": "kube-system"}}
	found(role, {}) == set()
}

test_a_namespace_must_be_stated if {
	every metadata in [{}, {"namespace": ""}] {
		found(workload(metadata), {"require_namespace": true}) == {[
			"Deployment 'web' states no namespace, and goes wherever it is applied",
			["metadata"],
		]}
	}
	found(workload({"namespace": "shop"}), {"require_namespace": true}) == set()
	count(found({"apiVersion": "v1", "kind": "Service", "metadata": {}}, {"require_namespace": true})) == 1
}

test_labels if {
	parameters := {"required_labels": ["owner", "tier=front|back"]}
	found(workload({"labels": {"owner": "a", "tier": "back"}}), parameters) == set()
	found(workload({"labels": {"owner": "", "tier": "backs"}}), parameters) == {
		["Deployment 'web' lacks the label owner", ["metadata", "labels"]],
		["Deployment 'web' lacks the label tier=front|back", ["metadata", "labels"]],
	}
	found(workload({}), {"required_labels": ["owner=("]}) == {["Deployment 'web' lacks the label owner=(", ["metadata"]]}
}

test_annotations if {
	parameters := {"required_annotations": ["email=.+@company[.]com"]}
	found(workload({"annotations": {"email": "web@company.com"}}), parameters) == set()
	found(workload({"annotations": {"email": "web"}}), parameters) == {[
		"Deployment 'web' lacks the annotation email=.+@company[.]com",
		["metadata", "annotations"],
	]}
	found({"kind": "Service"}, parameters) == set()
}
