# METADATA
# title: Minimum necessary access
# description: >-
#   Who handles PHI (see `hipaa-encryption`) has access to no more than the work needs: a workload gets the keys of a
#   Secret that it uses and not all of them, and no token of the Kubernetes API unless it says that it uses one; a role
#   names its verbs and resources, and a binding does not hand out the broad roles that come with Kubernetes.
# scope: package
# related_resources:
#   - ref: https://www.ecfr.gov/current/title-45/section-164.502
#     description: Uses and disclosures of protected health information
# custom:
#   name: minimum-necessary
#   severity: medium
#   remediation: Give PHI workloads single keys of Secrets, no API token, and roles that name what they need.
#   controls:
#     - HIPAA-164.502(b)
#     - HIPAA-164.308(a)(4)
#     - HIPAA-164.312(a)(1)
#     - CIS-1.12-5.1.6
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       broad_roles:
#         type: array
#         items: {type: string}
#         default: [cluster-admin, admin, edit]
#         description: ClusterRoles that may not be bound where PHI is handled.
package attest.minimum_necessary

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.keys, "cause": "secret variable", "controls": controls.keys} if {
	lib.handles_phi
	some container_path, container in lib.container_parts
	some i, source in container.envFrom
	is_object(source.secretRef)
	path := array.concat(container_path, ["envFrom", i, "secretRef"])
	message := sprintf(
		"%s gets every key of Secret '%v': name the keys it needs",
		[lib.describe(container_path), lib.field(source.secretRef, "name", "")],
	)
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.token, "cause": "token", "controls": controls.token} if {
	some pod_path, pod in lib.pods
	not lib.is_loose(pod_path)
	lib.handles_phi
	not lib.field(pod, "automountServiceAccountToken", null) in {true, false}
	path := lib.deepest(pod_path, ["automountServiceAccountToken"])
	message := sprintf("%s handles PHI and does not say whether it needs a token of the Kubernetes API", [lib.this])
}

violation contains {"message": message, "severity": "high", "path": ["rules", i, field, j], "fix": fix, "controls": controls.role} if {
	input.resource.kind in {"Role", "ClusterRole"}
	lib.handles_phi
	some i, rule in input.resource.rules
	some field in ["verbs", "resources"]
	some j, "*" in rule[field]
	message := sprintf("%s allows more than PHI work needs: '*' in %s", [lib.this, field])
	fix := sprintf("List in rules[%d].%s those that the work needs, in place of `*`.", [i, field])
}

violation contains {"message": message, "severity": "high", "path": ["roleRef", "name"], "fix": fixes.role, "controls": controls.role} if {
	input.resource.kind in {"RoleBinding", "ClusterRoleBinding"}
	lib.handles_phi
	input.resource.roleRef.kind == "ClusterRole"
	input.resource.roleRef.name in lib.parameter("broad_roles", ["cluster-admin", "admin", "edit"])
	message := sprintf("%s hands out more than PHI work needs: role '%v'", [lib.this, input.resource.roleRef.name])
}

fixes := {
	"keys": "Replace secretRef of envFrom by the single keys, each in env by valueFrom.secretKeyRef.",
	"token": "Set automountServiceAccountToken of the pod to `false`, or to `true` where it uses the Kubernetes API.",
	"role": "Set roleRef.name to a role that names what the work needs.",
}

controls := {
	"keys": ["HIPAA-164.502(b)", "HIPAA-164.312(a)(1)"],
	"token": ["HIPAA-164.502(b)", "HIPAA-164.312(a)(1)", "CIS-1.12-5.1.6"],
	"role": ["HIPAA-164.502(b)", "HIPAA-164.308(a)(4)"],
}
