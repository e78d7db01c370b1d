# METADATA
# title: Access control
# description: >-
#   Every workload in production has an identity of its own. The ServiceAccount `default` is shared by whatever runs in
#   a namespace, so no rights are bound to it, in any namespace, and a workload in production uses it only without its
#   token. Production is as in `attest-deployment`.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/service-accounts/
#     description: Service accounts
# custom:
#   name: access-control
#   severity: medium
#   remediation: Give the workload a ServiceAccount of its own, or set automountServiceAccountToken to false.
#   controls:
#     - SOC2-CC6.1
#     - SOC2-CC6.3
#     - CIS-1.12-5.1.5
#     - CIS-1.12-5.1.6
#   profiles: [recommended, strict, nsa, cis]
#   checks:
#     checkov: [CKV_K8S_41, CKV_K8S_42]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.access_control

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.account, "cause": "token", "controls": ["SOC2-CC6.1", "CIS-1.12-5.1.5", "CIS-1.12-5.1.6"]} if {
	lib.is_production_namespace
	some pod_path, pod in lib.pods
	not lib.is_loose(pod_path)
	lib.field(pod, "serviceAccountName", "default") in {"", "default"}
	lib.field(pod, "automountServiceAccountToken", true) != false
	path := lib.deepest(pod_path, ["serviceAccountName"])
	message := sprintf("%s uses the token of the ServiceAccount 'default', which it shares with others", [lib.this])
}

violation contains {"message": message, "severity": "high", "path": ["subjects", i, "name"], "fix": fixes.subject, "controls": ["SOC2-CC6.3", "CIS-1.12-5.1.5"]} if {
	input.resource.kind in {"RoleBinding", "ClusterRoleBinding"}
	some i, subject in input.resource.subjects
	subject.kind == "ServiceAccount"
	subject.name == "default"
	message := sprintf(
		"%s grants rights to every workload without a ServiceAccount of its own in namespace '%v'",
		[lib.this, lib.field(subject, "namespace", "")],
	)
}

fixes := {
	"account": "Set automountServiceAccountToken of the pod to `false`, or serviceAccountName to an account of its own.",
	"subject": "Set name of the subject to a ServiceAccount that the workload has for itself, in its serviceAccountName.",
}
