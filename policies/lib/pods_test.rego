package attest.lib_test

import data.attest.lib

custom(fields) := object.union({"apiVersion": "shop.company.com/v1", "kind": "Till"}, fields)

pod_like := {"containers": [{"name": "web", "image": "nginx"}]}

pods_of(resource) := paths if {
	found := lib.pods with input.resource as resource
	paths := object.keys(found)
}

test_what_has_the_shape_of_a_pod_is_one_in_a_custom_kind if {
	every fields, paths in {
		{"spec": pod_like}: {["spec"]},
		{"spec": {"jobs": [{"template": {"spec": pod_like}}, {"template": {"spec": pod_like}}]}}: {
			["spec", "jobs", 0, "template", "spec"],
			["spec", "jobs", 1, "template", "spec"],
		},
		{"spec": {"containers": [null, {"securityContext": {}}]}}: {["spec"]},
		{"spec": {"containers": [{"name": "web"}]}}: set(),
		{"spec": {"containers": ["web"]}}: set(),
		{"spec": {"containers": {"image": "nginx"}}}: set(),
		{"status": pod_like}: set(),
		{"metadata": pod_like}: set(),
		{"containers": pod_like.containers}: {[]},
	} {
		pods_of(custom(fields)) == paths
	}
}

test_in_other_kinds_it_is_none if {
	every version in [
		"v1", "apps/v1", "apiextensions.k8s.io/v1", "settings.k8s.io/v1alpha1", "kyverno.io/v1", "policies.kyverno.io/v1",
		"mutations.gatekeeper.sh/v1",
	] {
		pods_of({"apiVersion": version, "kind": "Till", "spec": pod_like}) == set()
	}
}

test_configuration_names_where_pods_are if {
	resource := custom({"spec": {"boxes": [{"runs": {"hostNetwork": true}}, {"runs": 1}]}})
	found := lib.pods with input.resource as resource
		with data.attest.workload_kinds as [
			{"kind": "Till", "group": "shop.company.com", "path": ["spec", "boxes", "*", "runs"]},
			{"kind": "Other", "group": "shop.company.com", "path": ["spec"]},
			{"kind": "Till", "group": "company.com", "path": ["spec"]},
		]
	found == {["spec", "boxes", 0, "runs"]: {"hostNetwork": true}}
}
