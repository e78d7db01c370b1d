# METADATA
# title: Namespaces and labels
# description: >-
#   Resources stand where they belong and say whose they are. Nothing is put into the namespace `default`, where teams and
#   tools get into each other's way, nor into those of Kubernetes itself. `require_namespace` asks that manifests state
#   their namespace at all; `required_labels` and `required_annotations` ask for what the project uses, as a name or as
#   `name=pattern` with a regular expression that all of the value must match. By default there are none.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
#     description: Namespaces
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
#     description: Recommended labels
# custom:
#   name: organization
#   severity: low
#   remediation: Set metadata.namespace to a namespace of the application, and state the labels that the project asks for.
#   profiles: [strict, nsa, cis]
#   controls:
#     - CIS-1.12-5.6.1
#     - CIS-1.12-5.6.4
#   checks:
#     kube-linter: [required-annotation-email, required-label-owner, use-namespace]
#     trivy: [KSV-0037, KSV-0110]
#     checkov: [CKV_K8S_21]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       forbidden_namespaces:
#         type: array
#         items: {type: string}
#         default: [default, kube-node-lease, kube-public, kube-system]
#         description: Namespaces that nothing may be put into.
#       require_namespace:
#         type: boolean
#         default: false
#         description: Whether workloads, Services and ConfigMaps must state their namespace.
#       required_labels:
#         type: array
#         items: {type: string, minLength: 1}
#         default: []
#         description: Labels that workloads need, such as `owner` or `tier=front|back`.
#       required_annotations:
#         type: array
#         items: {type: string, minLength: 1}
#         default: []
#         description: Annotations that workloads need, such as `email=.+@company[.]com`.
package attest.organization

import data.attest.lib

violation contains {"message": message, "severity": "low", "path": ["metadata", "namespace"], "fix": fixes.namespace, "controls": controls.namespace} if {
	is_judged
	namespace := input.resource.metadata.namespace
	namespace in lib.parameter("forbidden_namespaces", ["default", "kube-node-lease", "kube-public", "kube-system"])
	message := sprintf("%s is put into namespace '%s', which is not for applications", [lib.this, namespace])
}

violation contains {"message": message, "severity": "low", "path": ["metadata"], "fix": fixes.namespace, "controls": controls.namespace} if {
	lib.parameter("require_namespace", false) == true
	is_judged
	lib.field(input.resource, ["metadata", "namespace"], "") == ""
	message := sprintf("%s states no namespace, and goes wherever it is applied", [lib.this])
}

is_judged if lib.pod

is_judged if {
	input.resource.kind in {"Service", "ConfigMap", "Secret", "Ingress", "PersistentVolumeClaim"}
	lib.api_group in {"", "networking.k8s.io", "extensions"}
}

violation contains {"message": message, "severity": "low", "path": lib.deepest(["metadata"], [field]), "fix": fix, "controls": []} if {
	lib.pod
	some field, parameter in {"labels": "required_labels", "annotations": "required_annotations"}
	some entry in lib.parameter(parameter, [])
	[key, pattern] := asked(entry)
	not has(field, key, pattern)
	message := sprintf("%s lacks the %s %s", [lib.this, trim_suffix(field, "s"), entry])
	fix := sprintf("Set metadata.%s['%s']%s.", [field, key, wanted(pattern)])
}

wanted(".") := ""

wanted(pattern) := sprintf(" to a value that matches `%s`", [pattern]) if pattern != "."

# `owner` asks for any value, `tier=front|back` for one that the pattern matches.
asked(entry) := [substring(entry, 0, indexof(entry, "=")), pattern] if {
	is_string(entry)
	contains(entry, "=")
	pattern := sprintf("^(%s)$", [substring(entry, indexof(entry, "=") + 1, -1)])
} else := [entry, "."] if is_string(entry)

has(field, key, pattern) if {
	value := lib.text(input.resource.metadata[field][key])
	regex.is_valid(pattern)
	regex.match(pattern, value)
}

fixes := {"namespace": "Set metadata.namespace to a namespace of the application, such as `shop`."}

controls := {
	"namespace": ["CIS-1.12-5.6.1", "CIS-1.12-5.6.4"],
}
