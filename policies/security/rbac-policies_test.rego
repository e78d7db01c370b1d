package attest.rbac_test

import data.attest.rbac

role(kind, rule) := {
	"apiVersion": "rbac.authorization.k8s.io/v1",
	"kind": kind,
	"metadata": {"name": "reader"},
	"rules": [object.union({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, rule)],
}

binding(name, subjects) := {
	"apiVersion": "rbac.authorization.k8s.io/v1",
	"kind": "ClusterRoleBinding",
	"metadata": {"name": "readers"},
	"roleRef": {"kind": "ClusterRole", "name": name},
	"subjects": subjects,
}

group(name) := {"kind": "Group", "name": name}

summary(resource, parameters) := {text |
	some v in rbac.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %s: %s", [v.severity, concat("/", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_a_role_that_names_what_it_allows_passes if {
	every kind in ["Role", "ClusterRole"] {
		summary(role(kind, {}), {}) == set()
	}
}

test_wildcards if {
	every field, thing in {"verbs": "verb", "resources": "resource", "apiGroups": "API group", "nonResourceURLs": "URL"} {
		summary(role("Role", {field: ["*"]}), {}) == {sprintf(
			"high rules/0/%s/0: Role 'reader' allows every %s: '*'",
			[field, thing],
		)}
	}
}

test_all_verbs_on_all_resources_are_critical if {
	found := summary(role("ClusterRole", {"verbs": ["*"], "resources": ["*"]}), {})
	count(found) == 2
	every text in found {
		startswith(text, "critical ")
	}
}

test_verbs_that_raise_rights if {
	every verb, groups in {
		"escalate": ["rbac.authorization.k8s.io"],
		"bind": ["rbac.authorization.k8s.io"],
		"impersonate": ["", "authentication.k8s.io"],
	} {
		every group_name in groups {
			summary(role("Role", {"verbs": ["get", verb], "apiGroups": [group_name]}), {}) == {sprintf(
				"high rules/0/verbs/1: Role 'reader' lets its subjects raise their own rights: verb '%s'",
				[verb],
			)}
		}
	}
	some text in summary(role("Role", {"verbs": ["bind"], "apiGroups": ["*"]}), {})
	contains(text, "raise their own rights")
	summary(role("Role", {"verbs": ["bind"], "apiGroups": ["company.com"]}), {}) == set()
}

test_reading_all_secrets if {
	rule := {"resources": ["configmaps", "secrets"], "verbs": ["list"]}
	summary(role("ClusterRole", rule), {}) == {concat("", [
		"high rules/0/resources/1: ",
		"ClusterRole 'reader' may read every Secret where it is bound: name them in resourceNames",
	])}
	every harmless in [
		role("Role", rule),
		role("ClusterRole", object.union(rule, {"resourceNames": ["token"]})),
		role("ClusterRole", object.union(rule, {"verbs": ["create"]})),
		role("ClusterRole", object.union(rule, {"apiGroups": ["company.com"]})),
	] {
		summary(harmless, {}) == set()
	}
}

test_cluster_admins if {
	subjects := [
		{"kind": "ServiceAccount", "name": "ci", "namespace": "build"},
		{"kind": "User", "name": "alice"},
	]
	summary(binding("cluster-admin", subjects), {"allowed_admins": ["User/alice"]}) == {concat("", [
		"critical roleRef/name: ClusterRoleBinding 'readers' makes ServiceAccount/build/ci a cluster-admin",
	])}
	count(summary(binding("cluster-admin", subjects), {})) == 2
	summary(binding("view", subjects), {}) == set()
	role_of_that_name := object.union(binding("cluster-admin", subjects), {"roleRef": {"kind": "Role"}})
	summary(role_of_that_name, {}) == set()
}

test_subjects_that_are_nobody_in_particular if {
	every subject, severity in {
		{"kind": "User", "name": "system:anonymous"}: "critical",
		group("system:unauthenticated"): "critical",
		group("system:masters"): "critical",
		group("system:authenticated"): "high",
		group("system:serviceaccounts"): "high",
	} {
		summary(binding("view", [subject]), {}) == {sprintf(
			"%s subjects/0/name: ClusterRoleBinding 'readers' grants rights to %s/%s, which is nobody in particular",
			[severity, subject.kind, subject.name],
		)}
	}
	summary(binding("view", [group("developers"), {"kind": "User", "name": "system:masters"}]), {}) == set()
}

test_other_groups_are_not_judged if {
	openshift := object.union(role("Role", {"verbs": ["*"]}), {"apiVersion": "authorization.openshift.io/v1"})
	summary(openshift, {}) == set()
	secrets := role("ClusterRole", {"resources": ["secrets"]})
	summary(object.union(secrets, {"apiVersion": "authorization.openshift.io/v1"}), {}) == set()
}

everything(groups) := {"verbs": ["*"], "resources": ["*"], "apiGroups": groups}

test_wildcards_over_the_groups_of_an_operator if {
	every groups in [["shop.company.com"], ["shop.company.com", "pay.company.com"]] {
		summary(role("ClusterRole", everything(groups)), {}) == set()
		count(summary(role("ClusterRole", everything(groups)), {"judge_own_groups": true})) == 2
	}
	every groups in [["apps"], ["rbac.authorization.k8s.io"], ["shop.company.com", "apps"]] {
		found := summary(role("ClusterRole", everything(groups)), {})
		count(found) == 2
		every text in found {
			startswith(text, "high ")
		}
	}
}

# A rule that grants a power, with the resource that it is told at.
powerful := {
	"exec": {"resources": ["pods/exec"], "verbs": ["create"]},
	"attach": {"resources": ["pods/attach"], "verbs": ["get"]},
	"tokens": {"resources": ["serviceaccounts/token"], "verbs": ["create"]},
	"node-proxy": {"resources": ["nodes/proxy"], "verbs": ["get"]},
	"certificates": {
		"apiGroups": ["certificates.k8s.io"],
		"resources": ["certificatesigningrequests/approval"],
		"verbs": ["update"],
	},
	"pods": {"resources": ["pods"], "verbs": ["create"]},
	"workloads": {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]},
	"jobs": {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
	"volumes": {"resources": ["persistentvolumes"], "verbs": ["create"]},
	"webhooks": {
		"apiGroups": ["admissionregistration.k8s.io"],
		"resources": ["mutatingwebhookconfigurations"],
		"verbs": ["patch"],
	},
}

test_powers if {
	every name, rule in powerful {
		found := summary(role("Role", rule), {"allowed_powers": []})
		count(found) == 1
		every text in found {
			startswith(text, "high rules/0/resources/0: Role 'reader' lets its subjects ")
		}
		summary(role("Role", rule), {"allowed_powers": [name]}) == set()
		count(summary(role("Role", rule), {})) == count({name} - {"jobs", "pods", "volumes", "webhooks", "workloads"})
		summary(role("Role", object.union(rule, {"verbs": ["list"]})), {"allowed_powers": []}) == set()
		summary(role("Role", object.union(rule, {"apiGroups": ["company.com"]})), {"allowed_powers": []}) == set()
		summary(role("Role", object.union(rule, {"resourceNames": ["web"]})), {"allowed_powers": []}) == set()
	}
}

test_secrets_of_a_namespace if {
	rule := {"resources": ["secrets"], "verbs": ["get"]}
	summary(role("Role", rule), {"judge_secrets_of_roles": true}) == {concat("", [
		"medium rules/0/resources/0: ",
		"Role 'reader' may read every Secret of its namespace: name them in resourceNames",
	])}
	named := object.union(rule, {"resourceNames": ["token"]})
	summary(role("Role", named), {"judge_secrets_of_roles": true}) == set()
}

label := "rbac.authorization.k8s.io/aggregate-to-view"

labels := {"metadata": {"labels": {label: "true"}}}

aggregated(rule) := object.union(role("ClusterRole", rule), labels)

test_powerful_roles_that_are_aggregated if {
	every rule in [powerful.webhooks, {"resources": ["secrets"], "verbs": ["delete"]}, {"verbs": ["*"]}] {
		some text in summary(aggregated(rule), {})
		text == sprintf(
			"high metadata/labels/%s: ClusterRole 'reader' gives its rights to whoever has the role view anywhere",
			[label],
		)
	}
	summary(aggregated({}), {}) == set()
}

test_groups_of_service_accounts if {
	summary(binding("reader", [group("system:serviceaccounts:shop")]), {}) == {concat("", [
		"medium subjects/0/name: ClusterRoleBinding 'readers' grants rights to every ServiceAccount of a namespace: ",
		"Group/system:serviceaccounts:shop",
	])}
}

test_a_wildcard_is_one_finding_and_not_each_of_what_it_grants if {
	role := {
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "web"},
		"rules": [{"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["*"]}],
	}
	found := {v.path | some v in rbac.violation with input as {
		"resource": role,
		"parameters": {"allowed_powers": [], "judge_secrets_of_roles": true},
	}}
	found == {["rules", 0, "verbs", 0]}
}
