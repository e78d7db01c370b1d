# METADATA
# title: Roles and bindings
# description: >-
#   Roles that hand out more than anyone needs, and bindings that hand it to too many. Refused are wildcards, verbs with
#   which a subject raises its own rights (`escalate`, `bind`, `impersonate`), reading all Secrets of the cluster,
#   bindings of `cluster-admin`, and subjects that stand for nobody in particular (anonymous users, everyone who is
#   signed in, `system:masters`). Roles of other API groups (OpenShift) are not judged.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/
#     description: Good practices for role based access control
# custom:
#   name: rbac
#   severity: high
#   remediation: Name the verbs, resources and subjects that the work needs, and bind them in one namespace.
#   controls:
#     - CIS-5.1.1
#     - CIS-5.1.2
#     - CIS-5.1.3
#     - CIS-5.1.7
#     - CIS-5.1.8
#     - SOC2-CC6.1
#     - SOC2-CC6.3
#   profiles: [minimal, recommended, strict, nsa, cis]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       allowed_admins:
#         type: array
#         items: {type: string}
#         default: []
#         description: >-
#           Subjects that may be cluster-admin, as `Group/name`, `User/name` or `ServiceAccount/namespace/name`.
package attest.rbac

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": ["rules", i, field, j]} if {
	is_role
	some i, rule in input.resource.rules
	some field, thing in {"verbs": "verb", "resources": "resource", "apiGroups": "API group", "nonResourceURLs": "URL"}
	some j, item in rule[field]
	item == "*"
	severity := wildcard_severity(rule)
	message := sprintf("%s allows every %s: '*'", [lib.this, thing])
}

# All verbs on all resources is cluster-admin by another name.
wildcard_severity(rule) := "critical" if {
	"*" in rule.verbs
	"*" in rule.resources
} else := "high"

violation contains {"message": message, "severity": "high", "path": ["rules", i, "verbs", j]} if {
	is_role
	some i, rule in input.resource.rules
	some j, verb in rule.verbs
	verb in raising_verbs[resource_group(lib.text(rule.apiGroups[_]))]
	message := sprintf("%s lets its subjects raise their own rights: verb '%s'", [lib.this, verb])
}

raising_verbs := {
	"rbac.authorization.k8s.io": {"bind", "escalate"},
	"": {"impersonate"},
	"*": {"bind", "escalate", "impersonate"},
}

resource_group("authentication.k8s.io") := ""

resource_group(group) := group if group != "authentication.k8s.io"

violation contains {"message": message, "severity": "high", "path": ["rules", i, "resources", j]} if {
	is_role
	input.resource.kind == "ClusterRole"
	some i, rule in input.resource.rules
	lib.text(rule.apiGroups[_]) == ""
	some j, "secrets" in rule.resources
	count({"get", "list", "watch"} & {verb | some verb in rule.verbs}) > 0
	lib.field(rule, "resourceNames", []) == []
	message := sprintf("%s may read every Secret where it is bound: name them in resourceNames", [lib.this])
}

violation contains {"message": message, "severity": "critical", "path": ["roleRef", "name"]} if {
	is_binding
	input.resource.roleRef.kind == "ClusterRole"
	input.resource.roleRef.name == "cluster-admin"
	some subject in input.resource.subjects
	name := subject_name(subject)
	not name in lib.parameter("allowed_admins", [])
	message := sprintf("%s makes %s a cluster-admin", [lib.this, name])
}

violation contains {"message": message, "severity": severity, "path": ["subjects", i, "name"]} if {
	is_binding
	some i, subject in input.resource.subjects
	severity := unspecific_subjects[subject.kind][subject.name]
	message := sprintf("%s grants rights to %s, which is nobody in particular", [lib.this, subject_name(subject)])
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
