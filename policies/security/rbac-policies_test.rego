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

test_rights_by_another_spelling if {
	every rule, power in {
		{"resources": ["*/exec"], "verbs": ["create"]}: "run commands in every container",
		{"resources": ["pods/ephemeralcontainers"], "verbs": ["patch"]}: "put containers of their own into every pod",
		{"resources": ["pods/portforward"], "verbs": ["create"]}: "reach every port of every pod, past all NetworkPolicies",
		{"resources": ["services/proxy"], "verbs": ["get"]}: "reach every pod and Service, past all NetworkPolicies",
		{"resources": ["pods/proxy"], "verbs": ["create"]}: "reach every pod and Service, past all NetworkPolicies",
	} {
		summary(role("Role", rule), {}) == {sprintf("high rules/0/resources/0: Role 'reader' lets its subjects %s", [power])}
	}
}

test_rights_that_controllers_have if {
	every rule in [
		{"resources": ["replicationcontrollers"], "verbs": ["create"]},
		{"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["update"]},
		{"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["patch"]},
		{"apiGroups": ["admissionregistration.k8s.io"], "resources": ["mutatingadmissionpolicies"], "verbs": ["create"]},
		{"resources": ["namespaces"], "verbs": ["patch"]},
		{"apiGroups": ["apiregistration.k8s.io"], "resources": ["apiservices"], "verbs": ["create"]},
	] {
		summary(role("ClusterRole", rule), {}) == set()
		count(summary(role("ClusterRole", rule), {"allowed_powers": []})) == 1
	}
}

gathering(selector) := {
	"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "all"},
	"aggregationRule": {"clusterRoleSelectors": [selector]}, "rules": [],
}

test_roles_that_gather_powerful_ones if {
	every selector in [
		{},
		{"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}},
		{"matchExpressions": [{"key": "kubernetes.io/bootstrapping", "operator": "Exists"}]},
		{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
	] {
		summary(gathering(selector), {}) == {concat("", [
			"high aggregationRule/clusterRoleSelectors/0: ",
			"ClusterRole 'all' gathers the rights of roles that Kubernetes brings, or of all there are",
		])}
	}
	summary(gathering({"matchLabels": {"company.com/aggregate-to-shop": "true"}}), {}) == set()
	own := gathering({"matchLabels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}})
	summary(object.union(own, {"metadata": {"name": "admin"}}), {}) == set()
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
	"isolation": {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["delete"]},
	"endpoints": {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["update"]},
	"nodes": {"resources": ["nodes/status"], "verbs": ["patch"]},
	"roles": {
		"apiGroups": ["rbac.authorization.k8s.io"],
		"resources": ["clusterrolebindings"],
		"verbs": ["create"],
	},
	"secrets": {"resources": ["secrets"], "verbs": ["patch"]},
	"signers": {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"], "verbs": ["approve"]},
}

# Those that roles may grant by default, as controllers do.
granted_by_default := {
	"apiservices", "endpoints", "isolation", "jobs", "namespaces", "nodes", "pods", "roles", "secrets", "volumes",
	"webhooks", "workloads",
}

test_powers if {
	every name, rule in powerful {
		found := summary(role("Role", rule), {"allowed_powers": []})
		count(found) == 1
		every text in found {
			startswith(text, "high rules/0/resources/0: Role 'reader' lets its subjects ")
		}
		summary(role("Role", rule), {"allowed_powers": [name]}) == set()
		count(summary(role("Role", rule), {})) == count({name} - granted_by_default)
		summary(role("Role", object.union(rule, {"verbs": ["list"]})), {"allowed_powers": []}) == set()
		summary(role("Role", object.union(rule, {"apiGroups": ["company.com"]})), {"allowed_powers": []}) == set()
		summary(role("Role", object.union(rule, {"resourceNames": ["web"]})), {"allowed_powers": []}) == set()
	}
}

test_powers_by_other_verbs_and_resources if {
	every power, rules in {
		"webhooks": [
			{"resources": ["validatingwebhookconfigurations"], "verbs": ["delete"]},
			{"resources": ["mutatingadmissionpolicybindings"], "verbs": ["update"]},
			{"resources": ["validatingadmissionpolicies"], "verbs": ["deletecollection"]},
		],
		"signers": [{"resources": ["signers"], "verbs": ["sign"]}],
		"certificates": [{"resources": ["certificatesigningrequests/status"], "verbs": ["update"]}],
		"nodes": [{"resources": ["nodes"], "verbs": ["delete"]}, {"resources": ["*/status"], "verbs": ["patch"]}],
		"pods": [{"resources": ["pods"], "verbs": ["patch"]}, {"resources": ["replicationcontrollers"], "verbs": ["update"]}],
		"roles": [{"resources": ["roles"], "verbs": ["update"]}],
		"secrets": [{"resources": ["secrets"], "verbs": ["delete"]}],
		"isolation": [{"resources": ["networkpolicies"], "verbs": ["patch"]}],
		"endpoints": [{"apiGroups": [""], "resources": ["endpoints"], "verbs": ["create"]}],
		"workloads": [{"apiGroups": ["extensions"], "resources": ["deployments"], "verbs": ["create"]}],
	} {
		every rule in rules {
			given := role("Role", object.union(powerful[power], rule))
			count(summary(given, {"allowed_powers": []})) == 1
			summary(given, {"allowed_powers": [power]}) == set()
		}
	}
}

test_reading_and_changing_secrets_is_one_finding if {
	rule := {"resources": ["secrets"], "verbs": ["get", "create"]}
	count(summary(role("ClusterRole", rule), {"allowed_powers": []})) == 1
}

test_all_urls if {
	found := summary(role("ClusterRole", {"nonResourceURLs": ["/healthz", "/*"]}), {})
	found == {"high rules/0/nonResourceURLs/1: ClusterRole 'reader' allows every URL: '/*'"}
	summary(role("ClusterRole", {"resources": ["/*"]}), {}) == set()
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
