package attest.unknown_workloads_test

import data.attest.unknown_workloads

cluster := {
	"apiVersion": "postgresql.cnpg.io/v1",
	"kind": "Cluster",
	"metadata": {"name": "db"},
	"spec": {"imageName": "postgres:16"},
}

warnings(parameters) := found if {
	found := unknown_workloads.warn with input as {"resource": cluster, "parameters": parameters}
}

test_what_no_policy_sees_through_is_a_warning if {
	every parameters in [{}, {"reviewed_kinds": []}, {"reviewed_kinds": ["Cluster.shop.company.com"]}] {
		warnings(parameters) == {{
			"message": "Cluster 'db' is not judged in full: no policy sees through the image that it names",
			"severity": "low",
			"path": ["spec", "imageName"],
			"fix": concat("", [
				"Name where a Cluster keeps its pods in policy.workload_kinds, or add Cluster.postgresql.cnpg.io to the ",
				"parameter reviewed_kinds.",
			]),
		}}
	}
}

test_a_reviewed_kind_is_none if {
	warnings({"reviewed_kinds": ["Cluster.postgresql.cnpg.io"]}) == set()
}
