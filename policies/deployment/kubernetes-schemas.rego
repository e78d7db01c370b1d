# METADATA
# title: Types of Kubernetes
# description: >-
#   Resources have the fields that their kind has in the version of Kubernetes that they are for
#   (`policy.kubernetes_version`, else the newest), with values of the right types, and the API version is served there.
#   Custom resources are held to their CustomResourceDefinition where that is among the inputs or in the inventory.
#   `--schemas` asks for it under every profile.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
#     description: API versions that are gone, by version of Kubernetes
# custom:
#   name: kubernetes-schemas
#   severity: high
#   remediation: Correct the name of the field or kind, or write the value as its type wants it.
#   profiles: [strict]
#   controls:
#     - SOC2-CC8.1
#   checks:
#     kube-linter: [schema-validation]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       excluded_kinds:
#         type: array
#         items: {type: string}
#         default: []
#         description: Kinds that are not held to their types.
package attest.schemas

import data.attest.lib

# What does not fit is found by the engine, from the types of Kubernetes themselves.
violation contains {"message": message, "severity": "high", "path": error.path, "fix": error.fix, "cause": "unfit"} if {
	not input.resource.kind in lib.parameter("excluded_kinds", [])
	some error in input.schema_errors
	message := sprintf("%s does not fit its type: %s", [lib.this, error.message])
}
