# METADATA
# title: Roles and bindings
# description: >-
#   Roles that hand out more than anyone needs, and bindings that hand it to too many. Refused are wildcards, but over the
#   kinds that an operator brings itself; verbs with which a subject raises its own rights (`escalate`, `bind`,
#   `impersonate`); reading all Secrets of the cluster; commands in containers, tokens of others, the kubelet's API and
#   the approval of certificates; roles of such powers that are aggregated to `admin`, `edit` or `view`; bindings of
#   `cluster-admin`; and subjects that stand for nobody in particular (anonymous users, everyone who is signed in,
#   `system:masters`, all ServiceAccounts). `allowed_powers` says what roles may grant: by default creating pods and
#   workloads, volumes and webhooks, as controllers do. Roles of other API groups (OpenShift) are not judged.
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
#         KSV-0041, KSV-0043, KSV-0044, KSV-0045, KSV-0046, KSV-0047, KSV-0048, KSV-0053, KSV-0054, KSV-0111,
#         KSV-0112, KSV-0113, KSV-0114, KSV-0122, KSV-0123, KSV-01011,
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
#         items: {enum: [attach, certificates, exec, jobs, node-proxy, pods, tokens, volumes, webhooks, workloads]}
#         default: [jobs, pods, volumes, webhooks, workloads]
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
	item == "*"
	severity := wildcard_severity(rule)
	message := sprintf("%s allows every %s: '*'", [lib.this, thing])
	fix := sprintf("List in rules[%d].%s those that the work needs, in place of `*`.", [i, field])
}

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
	count({"get", "list", "watch"} & {verb | some verb in rule.verbs}) > 0
	lib.field(rule, "resourceNames", []) == []
	message := sprintf("%s may read every Secret where it is bound: name them in resourceNames", [lib.this])
}

# What else makes its holder more than it seems: verbs on resources of a group, and what comes of it.
powers := {
	"exec": [{"create", "get"}, {"pods/exec"}, "", "run commands in every container"],
	"attach": [{"create", "get"}, {"pods/attach"}, "", "attach to every container"],
	"tokens": [{"create"}, {"serviceaccounts/token"}, "", "make tokens of every ServiceAccount"],
	"node-proxy": [{"create", "get"}, {"nodes/proxy"}, "", "command the kubelet of every node"],
	"certificates": [
		{"patch", "update"}, {"certificatesigningrequests/approval"}, "certificates.k8s.io",
		"approve certificates of whomever it likes",
	],
	"pods": [
		{"create"}, {"pods"}, "",
		"create pods, and with them use every Secret and ServiceAccount of the namespace",
	],
	"workloads": [
		{"create"}, {"daemonsets", "deployments", "replicasets", "statefulsets"}, "apps",
		"create workloads, and with them use every Secret and ServiceAccount of the namespace",
	],
	"jobs": [
		{"create"}, {"cronjobs", "jobs"}, "batch",
		"create Jobs, and with them use every Secret and ServiceAccount of the namespace",
	],
	"volumes": [{"create"}, {"persistentvolumes"}, "", "create volumes of folders of a node"],
	"webhooks": [
		{"create", "patch", "update"}, {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"},
		"admissionregistration.k8s.io", "read and change all that is written to the cluster",
	],
}

# What a rule of a role lets its holder do, and by which resource.
granted contains [i, j, name, rule] if {
	is_role
	some i, rule in input.resource.rules
	some name, [verbs, resources, group, _] in powers
	some j, resource in rule.resources
	resource in resources
	{group, "*"} & {lib.text(entry) | some entry in rule.apiGroups} != set()
	verbs & {verb | some verb in rule.verbs} != set() # a wildcard has a violation of its own
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": controls[name]} if {
	some [i, j, name, rule] in granted
	not name in lib.parameter("allowed_powers", default_powers)
	lib.field(rule, "resourceNames", []) == []
	path := ["rules", i, "resources", j]
	message := sprintf("%s lets its subjects %s", [lib.this, powers[name][3]])
	fix := sprintf("Remove `%s` from resources of the rule, or name the objects in resourceNames.", [rule.resources[j]])
}

default_powers := {"jobs", "pods", "volumes", "webhooks", "workloads"}

violation contains {"message": message, "severity": "medium", "path": ["rules", i, "resources", j], "fix": fixes.secrets, "controls": controls.secrets} if {
	lib.parameter("judge_secrets_of_roles", false)
	is_role
	input.resource.kind == "Role"
	some i, rule in input.resource.rules
	some j, "secrets" in rule.resources
	lib.text(rule.apiGroups[_]) in {"", "*"}
	count({"get", "list", "watch"} & {verb | some verb in rule.verbs}) > 0
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
	"group": "Set kind of the subject to `ServiceAccount`, and name and namespace to the one that needs the rights.",
}

controls := {
	"wildcard": ["CIS-1.12-5.1.3", "SOC2-CC6.3"],
	"secrets": ["CIS-1.12-5.1.2", "SOC2-CC6.3"],
	"aggregate": ["SOC2-CC6.3"],
	"group": ["CIS-1.12-5.1.7", "SOC2-CC6.3"],
	"raising": ["CIS-1.12-5.1.8", "SOC2-CC6.3"],
	"admin": ["CIS-1.12-5.1.1", "SOC2-CC6.3"],
	"attach": ["SOC2-CC6.3"],
	"certificates": ["CIS-1.12-5.1.11"],
	"exec": ["SOC2-CC6.3"],
	"jobs": ["CIS-1.12-5.1.4"],
	"node-proxy": ["CIS-1.12-5.1.10"],
	"pods": ["CIS-1.12-5.1.4"],
	"tokens": ["CIS-1.12-5.1.13"],
	"volumes": ["CIS-1.12-5.1.9"],
	"webhooks": ["CIS-1.12-5.1.12"],
	"workloads": ["CIS-1.12-5.1.4"],
}
