# METADATA
# title: System monitoring
# description: >-
#   Workloads in production are watched: a Deployment, StatefulSet or DaemonSet carries one of
#   `monitoring_annotations` with the value `true`, on itself, its pod template or its Namespace. In any namespace, an
#   API server keeps an audit log. Production is as in `attest-deployment`.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
#     description: Auditing
# custom:
#   name: system-monitoring
#   severity: medium
#   remediation: Let your monitoring collect metrics of the workload, and annotate it accordingly.
#   controls:
#     - SOC2-CC7.2
#   profiles: [strict]
#   checks:
#     checkov: [CKV_K8S_91]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       monitoring_annotations:
#         type: array
#         items: {type: string}
#         default: [prometheus.io/scrape, monitoring.company.com/enabled, attest.continuu.ms/monitored]
#         description: Annotations or labels of which one, with the value `true`, shows that a workload is watched.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.system_monitoring

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": lib.annotations_path, "fix": fix, "cause": "unwatched"} if {
	input.resource.kind in {"Deployment", "StatefulSet", "DaemonSet"}
	lib.is_production_namespace
	not is_watched
	message := sprintf("%s runs in production without monitoring", [lib.this])
}

fix := sprintf("Set metadata.annotations['%v'] to `\"true\"` once your monitoring watches it.", [annotations[0]])

fix := "List in the parameter monitoring_annotations what shows it, and set it in metadata.annotations." if annotations == []

is_watched if {
	some key in annotations
	lib.is_marked(key)
}

annotations := lib.parameter("monitoring_annotations", [
	"prometheus.io/scrape",
	"monitoring.company.com/enabled",
	"attest.continuu.ms/monitored",
])

violation contains {"message": message, "severity": "high", "path": container_path, "fix": audit_fix} if {
	audit_fix := "Add `--audit-log-path=/var/log/kubernetes/audit.log` and an `--audit-policy-file` to command."
	some container_path, container in lib.container_parts
	arguments := [argument | some field in ["command", "args"]; some argument in container[field]; is_string(argument)]
	starts_api_server(arguments)
	not keeps_audit_log(arguments)
	message := sprintf("%s is an API server without an audit log", [lib.describe(container_path)])
}

keeps_audit_log(arguments) if {
	some argument in arguments
	regex.match(`(^|[\s"'])--audit-(log-path|webhook-config-file)=`, argument)
}

# As an argument, with or without its folder, or within the script of a shell.
starts_api_server(arguments) if {
	some argument in arguments
	regex.match(`(^|[\s"';/])kube-apiserver($|[\s"';])`, argument)
}
