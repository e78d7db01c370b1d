package attest.minimum_necessary_test

import data.attest.minimum_necessary

phi := {"hipaa.attest.continuu.ms/phi": "true"}

pod(fields) := {
	"kind": "Pod",
	"metadata": {"name": "records", "labels": phi},
	"spec": object.union({"automountServiceAccountToken": false, "containers": [{"name": "web"}]}, fields),
}

summary(resource, parameters) := {text |
	some v in minimum_necessary.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %s: %s", [v.severity, concat(" ", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_a_workload_with_the_minimum_passes if {
	summary(pod({"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "all"}}]}]}), {}) == set()
	summary(pod({"automountServiceAccountToken": true}), {}) == set()
}

test_workloads_get_single_keys_of_secrets if {
	resource := pod({"containers": [{"name": "web", "envFrom": [{"configMapRef": {}}, {"secretRef": {"name": "db"}}]}]})
	summary(resource, {}) == {concat("", [
		"medium spec containers 0 envFrom 1 secretRef: ",
		"Container 'web' gets every key of Secret 'db': name the keys it needs",
	])}
	summary(object.union(resource, {"metadata": {"labels": {"hipaa.attest.continuu.ms/phi": "false"}}}), {}) == set()
}

test_workloads_say_whether_they_need_a_token if {
	unsaid := object.remove(pod({}).spec, ["automountServiceAccountToken"])
	resource := object.union(object.remove(pod({}), ["spec"]), {"spec": unsaid})
	summary(resource, {}) == {concat("", [
		"medium spec: Pod 'records' handles PHI and does not say whether it needs a token of the Kubernetes API",
	])}
	summary(object.remove(resource, ["metadata"]), {}) == set()
}

role(kind, rule) := {"kind": kind, "metadata": {"name": "records", "annotations": phi}, "rules": [rule]}

test_roles_name_what_they_allow if {
	every kind in ["Role", "ClusterRole"] {
		every field in ["verbs", "resources"] {
			summary(role(kind, {field: ["get", "*"]}), {}) == {sprintf(
				"high rules 0 %s 1: %s 'records' allows more than PHI work needs: '*' in %s",
				[field, kind, field],
			)}
		}
		summary(role(kind, {"verbs": ["get"], "resources": ["pods"]}), {}) == set()
		summary(object.remove(role(kind, {"verbs": ["*"]}), ["metadata"]), {}) == set()
	}
}

binding(ref) := {"kind": "RoleBinding", "metadata": {"name": "records", "annotations": phi}, "roleRef": ref}

test_bindings_hand_out_no_broad_roles if {
	every name in ["cluster-admin", "admin", "edit"] {
		summary(binding({"kind": "ClusterRole", "name": name}), {}) == {sprintf(
			"high roleRef name: RoleBinding 'records' hands out more than PHI work needs: role '%s'",
			[name],
		)}
		summary(binding({"kind": "Role", "name": name}), {}) == set()
		summary(object.remove(binding({"kind": "ClusterRole", "name": name}), ["metadata"]), {}) == set()
	}
	summary(binding({"kind": "ClusterRole", "name": "view"}), {}) == set()
	count(summary(binding({"kind": "ClusterRole", "name": "view"}), {"broad_roles": ["view"]})) == 1
}
