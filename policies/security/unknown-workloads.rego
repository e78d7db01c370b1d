# METADATA
# title: Workloads that are not judged in full
# description: >-
#   In kinds that Kubernetes itself does not know, pods and containers are found by their shape, and all policies judge
#   them. This policy warns of what runs in such a resource and shows no policy how: an image that a controller makes a
#   container of (`imageName`), a patch of pods (`podSpecPatch`), and containers or settings of pods that are written as
#   a text. Name where the kind keeps its pods in `policy.workload_kinds`, or list the kind here once you have looked.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/
#     description: Custom resources
# custom:
#   name: unknown-workloads
#   severity: low
#   remediation: >-
#     Name where the kind keeps its pods in policy.workload_kinds, or add it to the parameter reviewed_kinds once you have
#     looked at what it runs.
#   profiles: [recommended, strict, pss-baseline, pss-restricted]
#   controls:
#     - CIS-1.12-5.2.1
#     - SOC2-CC6.8
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       reviewed_kinds:
#         type: array
#         items: {type: string}
#         default: []
#         description: Kinds that somebody looked at, each as `Kind.group`, such as `Cluster.postgresql.cnpg.io`.
package attest.unknown_workloads

import data.attest.lib

warn contains {"message": message, "severity": "low", "path": path, "fix": fix} if {
	some path, what in lib.unjudged
	not kind in lib.parameter("reviewed_kinds", [])
	message := sprintf("%s is not judged in full: no policy sees through %s", [lib.this, what])
}

kind := sprintf("%v.%s", [input.resource.kind, lib.api_group])

fix := sprintf(
	"Name where a %v keeps its pods in policy.workload_kinds, or add %s to the parameter reviewed_kinds.",
	[input.resource.kind, kind],
)
