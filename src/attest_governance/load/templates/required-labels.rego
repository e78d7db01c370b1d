# METADATA
# title: Required labels
# description: Workloads carry the labels that say whose they are. A first policy to change or to replace.
# scope: package
# custom:
#   name: required-labels
#   severity: low
#   remediation: Add the label under metadata.labels.
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       labels:
#         type: array
#         items: {type: string}
#         default: ["app.kubernetes.io/name"]
#         description: Keys of the labels that every workload must carry.
package project.required_labels

workloads := {"Deployment", "StatefulSet", "DaemonSet", "CronJob"}

# `path` names the field to blame, so that reports point at its line.
violation contains {"message": message, "path": ["metadata", "labels"]} if {
	input.resource.kind in workloads
	some label in required
	not input.resource.metadata.labels[label]
	message := sprintf("%s '%s' lacks the label '%s'", [input.resource.kind, input.resource.metadata.name, label])
}

required := object.get(input, ["parameters", "labels"], ["app.kubernetes.io/name"])
