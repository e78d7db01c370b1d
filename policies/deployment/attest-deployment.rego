# METADATA
# title: Deployments of verified builds
# description: >-
#   Where there is evidence, every Deployment needs a valid ATTEST receipt for the image of each of its containers, and
#   Deployments in production run at least two replicas. Receipts count only as verified facts of the evidence document,
#   by the digest of the image, so an image named by tag has none; `require_receipt: true` asks for them without evidence,
#   too, when nothing has one. A Deployment that states no replicas has one, as Kubernetes fills it in; where an
#   autoscaler owns the number, set `allow_unset_replicas`. Production is the namespaces of `production_namespaces` by
#   name, or by the label `environment` of the Namespace object.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
#     description: Deployments
# custom:
#   severity: high
#   remediation: Deploy images by digest that a verified receipt covers, with two replicas or more in production.
#   controls:
#     - CIS-1.12-5.5.1
#     - SOC2-CC8.1
#     - SOC2-A1.2
#   evidence: [require_receipt]
#   checks:
#     kube-linter: [minimum-three-replicas]
#     polaris: [deploymentMissingReplicas]
#     kube-score: [deployment-replicas]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_receipt:
#         type: boolean
#         default: true
#         description: Whether every image of a Deployment needs a receipt in the evidence.
#       min_replicas:
#         type: integer
#         minimum: 1
#         default: 2
#         description: Fewest replicas of a Deployment in production.
#       allow_unset_replicas:
#         type: boolean
#         default: false
#         description: Whether a Deployment may leave its replicas to an autoscaler.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.deployment

import data.attest.lib

violation contains {"message": message, "severity": "critical", "path": lib.deepest(path, ["image"]), "fix": lib.attesting, "cause": "unproven image", "controls": ["CIS-1.12-5.5.1", "SOC2-CC8.1"]} if {
	input.resource.kind == "Deployment"
	lib.parameter("require_receipt", true)
	not has_attest_receipt
	some path in lib.containers_without_receipt
	message := sprintf(
		"Deployment must include valid ATTEST receipt: the evidence has none for image '%v' of container '%v'%s",
		[lib.image_text(path), lib.container_name(path), lib.why_no_receipt(path)],
	)
}

violation contains {"message": message, "severity": "medium", "path": lib.deepest(["spec"], ["replicas"]), "fix": fix, "cause": "few replicas", "controls": ["SOC2-A1.2"]} if {
	input.resource.kind == "Deployment"
	is_production_namespace
	minimum := lib.parameter("min_replicas", 2)
	stated_replicas < minimum
	message := sprintf(
		"Production deployments must have at least %v replicas for high availability, not %v",
		[minimum, stated_replicas],
	)
	fix := sprintf("Set spec.replicas to `%v` or more.", [minimum])
}

stated_replicas := lib.field(input.resource, ["spec", "replicas"], 1) if {
	not lib.parameter("allow_unset_replicas", false)
} else := input.resource.spec.replicas if input.resource.spec.replicas != null
