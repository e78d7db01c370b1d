# METADATA
# title: Roles and bindings
# description: >-
#   Roles that hand out more than anyone needs, and bindings that hand it to too many. Refused are wildcards, but over the
#   kinds that an operator brings itself; verbs with which a subject raises its own rights (`escalate`, `bind`,
#   `impersonate`); reading all Secrets of the cluster; commands in containers and ways around NetworkPolicies (`pods/exec`,
#   `pods/ephemeralcontainers`, `pods/portforward`, proxies; `*/exec` as well), tokens of others, the kubelet's API and the
#   approval of certificates; roles of such powers that are aggregated to `admin`, `edit` or `view`, and roles that gather
#   the rights of those; bindings of `cluster-admin`; and subjects that stand for nobody in particular (anonymous users, everyone who is signed in,
#   `system:masters`, all ServiceAccounts). `allowed_powers` says what roles may grant: by default pods,
#   workloads, volumes, webhooks, roles, nodes, endpoints, network policies, labels of namespaces, servers of the API and
#   changes of Secrets, as controllers do. Roles of other API groups (OpenShift) are not judged.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
#     description: Good practices for role based access control
# custom:
#   name: rbac
#   severity: high
#   remediation: Name the verbs, resources and subjects that the work needs, and bind them in one namespace.
#   controls:
#     - CIS-1.12-5.1.1
#     - CIS-1.12-5.1.2
#     - CIS-1.12-5.1.3
#     - CIS-1.12-5.1.4
#     - CIS-1.12-5.1.7
#     - CIS-1.12-5.1.8
#     - CIS-1.12-5.1.9
#     - CIS-1.12-5.1.10
#     - CIS-1.12-5.1.11
#     - CIS-1.12-5.1.12
#     - CIS-1.12-5.1.13
#     - SOC2-CC6.3
#   profiles:
#     minimal: {}
#     recommended: {}
#     strict: &strict {allowed_powers: [], judge_own_groups: true, judge_secrets_of_roles: true}
#     nsa: {}
#     cis: *strict
#   checks:
#     kube-linter: [access-to-create-pods, access-to-secrets, cluster-admin-role-binding, wildcard-in-rules]
#     polaris:
#       [
#         clusterrolePodExecAttach, clusterrolebindingClusterAdmin, clusterrolebindingPodExecAttach,
#         rolePodExecAttach, rolebindingClusterAdminClusterRole, rolebindingClusterAdminRole,
#         rolebindingClusterRolePodExecAttach, rolebindingRolePodExecAttach,
#       ]
#     trivy:
#       [
#         KSV-0041, KSV-0043, KSV-0044, KSV-0045, KSV-0046, KSV-0047, KSV-0048, KSV-0050, KSV-0051, KSV-0052,
#         KSV-0053, KSV-0054, KSV-0056, KSV-0111, KSV-0112, KSV-0113, KSV-0114, KSV-0122, KSV-0123, KSV-01011,
#       ]
#     checkov: [CKV_K8S_49, CKV_K8S_155, CKV_K8S_156, CKV_K8S_157, CKV_K8S_158]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       judge_own_groups:
#         type: boolean
#         default: false
#         description: Whether wildcards over groups that Kubernetes does not bring are judged as well.
#       judge_secrets_of_roles:
#         type: boolean
#         default: false
#         description: Whether roles of one namespace may not read all its Secrets either.
#       allowed_powers:
#         type: array
#         items:
#           enum:
#             [
#               apiservices, attach, certificates, debug, endpoints, exec, isolation, jobs, namespaces, node-proxy, nodes,
#               pods, port-forward, proxy, roles, secrets, signers, tokens, volumes, webhooks, workloads,
#             ]
#         default:
#           [
#             apiservices, endpoints, isolation, jobs, namespaces, nodes, pods, roles, secrets, volumes, webhooks,
#             workloads,
#           ]
#         description: What roles may grant that makes their subjects more than they seem.
#       allowed_admins:
#         type: array
#         items: {type: string}
#         default: []
#         description: >-
#           Subjects that may be cluster-admin, as `Group/name`, `User/name` or `ServiceAccount/namespace/name`.
package attest.rbac

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": ["rules", i, field, j], "fix": fix, "controls": controls.wildcard} if {
	is_role
	some i, rule in input.resource.rules
	not is_of_own_group(rule)
	some field, thing in {"verbs": "verb", "resources": "resource", "apiGroups": "API group", "nonResourceURLs": "URL"}
	some j, item in rule[field]
	is_wildcard(field, item)
	severity := wildcard_severity(rule)
	message := sprintf("%s allows every %s: '%s'", [lib.this, thing, item])
	fix := sprintf("List in rules[%d].%s those that the work needs, in place of `%s`.", [i, field, item])
}

is_wildcard(_, "*")

is_wildcard("nonResourceURLs", "/*")

# All verbs on all resources of the core group, or of all groups, is cluster-admin by another name.
wildcard_severity(rule) := "critical" if {
	"*" in rule.verbs
	"*" in rule.resources
	not is_narrow(rule)
} else := "high"

is_narrow(rule) if {
	some group in rule.apiGroups
	group != null
	count({"", "*", null} & {group_ | some group_ in rule.apiGroups}) == 0
}

# A controller may do everything with the kinds that it brings itself.
is_of_own_group(rule) if {
	not lib.parameter("judge_own_groups", false)
	is_narrow(rule)
	every group in rule.apiGroups {
		contains(lib.text(group), ".")
		not group in lib.own_groups
	}
}

violation contains {"message": message, "severity": "high", "path": ["rules", i, "verbs", j], "fix": fix, "controls": controls.raising} if {
	is_role
	some i, rule in input.resource.rules
	some j, verb in rule.verbs
	verb in raising_verbs[resource_group(lib.text(rule.apiGroups[_]))]
	message := sprintf("%s lets its subjects raise their own rights: verb '%s'", [lib.this, verb])
	fix := sprintf("Remove `%s` from verbs, or name what it is for in resourceNames.", [verb])
}

raising_verbs := {
	"rbac.authorization.k8s.io": {"bind", "escalate"},
	"": {"impersonate"},
	"*": {"bind", "escalate", "impersonate"},
}

resource_group("authentication.k8s.io") := ""

resource_group(group) := group if group != "authentication.k8s.io"

violation contains {"message": message, "severity": "high", "path": ["rules", i, "resources", j], "fix": fixes.secrets, "controls": controls.secrets} if {
	is_role
	input.resource.kind == "ClusterRole"
	some i, rule in input.resource.rules
	lib.text(rule.apiGroups[_]) == ""
	some j, "secrets" in rule.resources
	reads(rule)
	lib.field(rule, "resourceNames", []) == []
	message := sprintf("%s may read every Secret where it is bound: name them in resourceNames", [lib.this])
}

# What else makes its holder more than it seems: verbs on resources of a group, and what comes of it.
powers := {
	"exec": [{"create", "get"}, {"pods/exec", "*/exec"}, {""}, "run commands in every container"],
	"attach": [{"create", "get"}, {"pods/attach", "*/attach"}, {""}, "attach to every container"],
	"debug": [
		{"patch", "update"}, {"pods/ephemeralcontainers", "*/ephemeralcontainers"}, {""},
		"put containers of their own into every pod",
	],
	"port-forward": [
		{"create", "get"}, {"pods/portforward", "*/portforward"}, {""},
		"reach every port of every pod, past all NetworkPolicies",
	],
	"proxy": [
		{"create", "get", "update"}, {"pods/proxy", "services/proxy"}, {""},
		"reach every pod and Service, past all NetworkPolicies",
	],
	"tokens": [{"create"}, {"serviceaccounts/token", "*/token"}, {""}, "make tokens of every ServiceAccount"],
	"node-proxy": [{"create", "get"}, {"nodes/proxy", "*/proxy"}, {""}, "command the kubelet of every node"],
	"namespaces": [{"patch", "update"}, {"namespaces"}, {""}, "take away the labels of namespaces that Pod Security goes by"],
	"apiservices": [
		{"create", "patch", "update"}, {"apiservices"}, {"apiregistration.k8s.io"},
		"answer requests to the cluster's API in place of others",
	],
	"certificates": [
		{"patch", "update"},
		{"certificatesigningrequests/approval", "certificatesigningrequests/status", "*/approval"},
		{"certificates.k8s.io"}, "approve certificates of whomever it likes, or issue them",
	],
	"pods": [
		{"create", "patch", "update"}, {"pods", "replicationcontrollers"}, {""},
		"create pods or change them, and with them use every Secret and ServiceAccount of the namespace",
	],
	"workloads": [
		{"create", "patch", "update"}, {"daemonsets", "deployments", "replicasets", "statefulsets"}, {"apps", "extensions"},
		"create workloads or change them, and with them use every Secret and ServiceAccount of the namespace",
	],
	"jobs": [
		{"create", "patch", "update"}, {"cronjobs", "jobs"}, {"batch"},
		"create Jobs or change them, and with them use every Secret and ServiceAccount of the namespace",
	],
	"volumes": [{"create"}, {"persistentvolumes"}, {""}, "create volumes of folders of a node"],
	"webhooks": [
		{"create", "delete", "deletecollection", "patch", "update"},
		{
			"mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations",
			"validatingadmissionpolicies", "validatingadmissionpolicybindings", "validatingwebhookconfigurations",
		},
		{"admissionregistration.k8s.io"}, "decide what the cluster admits, and read and change all that is written to the cluster",
	],
	"endpoints": [
		{"create", "patch", "update"}, {"endpoints", "endpointslices"}, {"", "discovery.k8s.io"},
		"lead what is sent to Services to any address, past NetworkPolicies",
	],
	"isolation": [
		{"delete", "deletecollection", "patch", "update"}, {"networkpolicies"}, {"extensions", "networking.k8s.io"},
		"take away the NetworkPolicies that isolate pods",
	],
	"nodes": [
		{"create", "delete", "deletecollection", "patch", "update"}, {"nodes", "nodes/status", "*/status"}, {""},
		"change nodes, and with that where pods run",
	],
	"roles": [
		{"create", "patch", "update"}, {"clusterrolebindings", "clusterroles", "rolebindings", "roles"},
		{"rbac.authorization.k8s.io"}, "hand on all rights that they have",
	],
	"secrets": [
		{"create", "delete", "deletecollection", "patch", "update"}, {"secrets"}, {""},
		"change Secrets, and make those that hold tokens of every ServiceAccount",
	],
	"signers": [
		{"approve", "sign"}, {"signers"}, {"certificates.k8s.io"}, "have certificates of every signer",
	],
}

# What a rule of a role lets its holder do, and by which resource.
granted contains [i, j, name, rule] if {
	is_role
	some i, rule in input.resource.rules
	some name, [verbs, resources, groups, _] in powers
	some j, resource in rule.resources
	resource in resources
	(groups | {"*"}) & {lib.text(entry) | some entry in rule.apiGroups} != set()
	verbs & {verb | some verb in rule.verbs} != set() # a wildcard has a violation of its own
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls[name]} if {
	some [i, j, name, rule] in granted
	not name in lib.parameter("allowed_powers", default_powers)
	not is_told_of_reading(name, rule)
	lib.field(rule, "resourceNames", []) == []
	path := ["rules", i, "resources", j]
	message := sprintf("%s lets its subjects %s", [lib.this, powers[name][3]])
	fix := sprintf("Remove `%s` from resources of the rule, or name the objects in resourceNames.", [rule.resources[j]])
}

default_powers := {
	"apiservices", "endpoints", "isolation", "jobs", "namespaces", "nodes", "pods", "roles", "secrets", "volumes",
	"webhooks", "workloads",
}

# Who may read all Secrets is told of that alone.
is_told_of_reading("secrets", rule) if {
	reads(rule)
	is_judged_for_secrets
}

reads(rule) if count({"get", "list", "watch"} & {verb | some verb in rule.verbs}) > 0

is_judged_for_secrets if input.resource.kind == "ClusterRole"

is_judged_for_secrets if lib.parameter("judge_secrets_of_roles", false)

violation contains {"message": message, "severity": "medium", "path": ["rules", i, "resources", j], "fix": fixes.secrets, "controls": controls.secrets} if {
	lib.parameter("judge_secrets_of_roles", false)
	is_role
	input.resource.kind == "Role"
	some i, rule in input.resource.rules
	some j, "secrets" in rule.resources
	lib.text(rule.apiGroups[_]) in {"", "*"}
	reads(rule)
	lib.field(rule, "resourceNames", []) == []
	message := sprintf("%s may read every Secret of its namespace: name them in resourceNames", [lib.this])
}

violation contains {"message": message, "severity": "high", "path": ["metadata", "labels", label], "fix": fixes.aggregate, "controls": controls.aggregate} if {
	is_role
	input.resource.kind == "ClusterRole"
	some label in [
		"rbac.authorization.k8s.io/aggregate-to-admin",
		"rbac.authorization.k8s.io/aggregate-to-edit",
		"rbac.authorization.k8s.io/aggregate-to-view",
	]
	input.resource.metadata.labels[label] == "true"
	is_powerful
	role := trim_prefix(label, "rbac.authorization.k8s.io/aggregate-to-")
	message := sprintf("%s gives its rights to whoever has the role %s anywhere", [lib.this, role])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.gather, "controls": controls.aggregate} if {
	is_role
	not input.resource.metadata.name in {"admin", "edit", "view"} # those of Kubernetes
	some i, selector in input.resource.aggregationRule.clusterRoleSelectors
	gathers_powerful(lib.element(selector))
	path := ["aggregationRule", "clusterRoleSelectors", i]
	message := sprintf("%s gathers the rights of roles that Kubernetes brings, or of all there are", [lib.this])
}

gathers_powerful(selector) if lib.field(selector, "matchLabels", {})[powerful_labels[_]]

gathers_powerful(selector) if {
	some expression in selector.matchExpressions
	expression.key in powerful_labels
	expression.operator in {"Exists", "In"}
}

# What only says which labels a role may not have selects almost all.
gathers_powerful(selector) if {
	lib.field(selector, "matchLabels", {}) == {}
	every expression in lib.field(selector, "matchExpressions", []) {
		expression.operator in {"DoesNotExist", "NotIn"}
	}
}

powerful_labels := {
	"kubernetes.io/bootstrapping",
	"rbac.authorization.k8s.io/aggregate-to-admin",
	"rbac.authorization.k8s.io/aggregate-to-edit",
}

is_powerful if granted[_]

is_powerful if {
	some rule in input.resource.rules
	not is_of_own_group(rule)
	some field in ["verbs", "resources"]
	"*" in rule[field]
}

is_powerful if {
	some rule in input.resource.rules
	some resource in rule.resources
	resource in {"rolebindings", "clusterrolebindings", "secrets"}
}

violation contains {"message": message, "severity": "critical", "path": ["roleRef", "name"], "fix": fixes.admin, "controls": controls.admin} if {
	is_binding
	input.resource.roleRef.kind == "ClusterRole"
	input.resource.roleRef.name == "cluster-admin"
	some subject in input.resource.subjects
	name := subject_name(subject)
	not name in lib.parameter("allowed_admins", [])
	message := sprintf("%s makes %s a cluster-admin", [lib.this, name])
}

violation contains {"message": message, "severity": severity, "path": ["subjects", i, "name"], "fix": fixes.group, "controls": controls.group} if {
	is_binding
	some i, subject in input.resource.subjects
	severity := unspecific_subjects[subject.kind][subject.name]
	message := sprintf("%s grants rights to %s, which is nobody in particular", [lib.this, subject_name(subject)])
}

violation contains {"message": message, "severity": "medium", "path": ["subjects", i, "name"], "fix": fixes.group, "controls": controls.group} if {
	is_binding
	some i, subject in input.resource.subjects
	subject.kind == "Group"
	startswith(lib.text(subject.name), "system:serviceaccounts:")
	message := sprintf("%s grants rights to every ServiceAccount of a namespace: %s", [lib.this, subject_name(subject)])
}

unspecific_subjects := {
	"User": {"system:anonymous": "critical"},
	"Group": {
		"system:unauthenticated": "critical",
		"system:masters": "critical",
		"system:authenticated": "high",
		"system:serviceaccounts": "high",
	},
}

is_role if {
	input.resource.kind in {"Role", "ClusterRole"}
	lib.api_group == "rbac.authorization.k8s.io"
}

is_binding if {
	input.resource.kind in {"RoleBinding", "ClusterRoleBinding"}
	lib.api_group == "rbac.authorization.k8s.io"
}

# "ServiceAccount/shop/web", or without a namespace "User/jane".
subject_name(subject) := sprintf(
	"%v%s/%v",
	[lib.field(subject, "kind", ""), namespace_part(subject), lib.field(subject, "name", "")],
)

namespace_part(subject) := sprintf("/%v", [namespace]) if {
	namespace := lib.field(subject, "namespace", "")
	namespace != ""
} else := ""

fixes := {
	"admin": "Set roleRef.name to a role that names what the work needs, or add the subject to the parameter allowed_admins.",
	"secrets": "Set resourceNames of the rule to the Secrets that the work needs.",
	"aggregate": "Remove the label from metadata.labels, and bind the role to those who need it.",
	"gather": "Set matchLabels of the selector to a label of the roles that are meant, one of your own.",
	"group": "Set kind of the subject to `ServiceAccount`, and name and namespace to the one that needs the rights.",
}

controls := {
	"wildcard": ["CIS-1.12-5.1.3", "SOC2-CC6.3"],
	"secrets": ["CIS-1.12-5.1.2", "SOC2-CC6.3"],
	"aggregate": ["SOC2-CC6.3"],
	"group": ["CIS-1.12-5.1.7", "SOC2-CC6.3"],
	"raising": ["CIS-1.12-5.1.8", "SOC2-CC6.3"],
	"admin": ["CIS-1.12-5.1.1", "SOC2-CC6.3"],
	"apiservices": ["SOC2-CC6.3"],
	"attach": ["SOC2-CC6.3"],
	"certificates": ["CIS-1.12-5.1.11"],
	"debug": ["SOC2-CC6.3"],
	"endpoints": ["SOC2-CC6.3"],
	"exec": ["SOC2-CC6.3"],
	"isolation": ["SOC2-CC6.3"],
	"jobs": ["CIS-1.12-5.1.4"],
	"namespaces": ["SOC2-CC6.3"],
	"node-proxy": ["CIS-1.12-5.1.10"],
	"nodes": ["SOC2-CC6.3"],
	"pods": ["CIS-1.12-5.1.4"],
	"port-forward": ["SOC2-CC6.3"],
	"proxy": ["SOC2-CC6.3"],
	"roles": ["SOC2-CC6.3"],
	"signers": ["CIS-1.12-5.1.11"],
	"tokens": ["CIS-1.12-5.1.13"],
	"volumes": ["CIS-1.12-5.1.9"],
	"webhooks": ["CIS-1.12-5.1.12"],
	"workloads": ["CIS-1.12-5.1.4"],
}
