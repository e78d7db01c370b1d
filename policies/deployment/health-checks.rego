# METADATA
# title: Health checks
# description: >-
#   Containers of long-running workloads say when they are ready for traffic and when they need a restart. Judged are
#   Deployments, StatefulSets, DaemonSets, and what other controllers keep running (a Rollout, a CloneSet, a Service of
#   Knative); Jobs and bare Pods come and go, and init containers run to their end. A probe without an action (`exec`,
#   `httpGet`, `tcpSocket`, `grpc`) checks nothing and counts as none.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/pods/probes/
#     description: Probes
# custom:
#   name: health-checks
#   severity: medium
#   remediation: Give the container a readinessProbe and a livenessProbe that ask the application itself.
#   controls:
#     - SOC2-A1.2
#     - SOC2-CC7.2
#   profiles:
#     recommended: {require_liveness: false, require_without_ports: false}
#     strict: {}
#   checks:
#     kube-linter: [no-liveness-probe, no-readiness-probe]
#     polaris: [livenessProbeMissing, readinessProbeMissing]
#     kube-score: [pod-probes]
#     checkov: [CKV_K8S_8, CKV_K8S_9]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_readiness:
#         type: boolean
#         default: true
#         description: Whether containers need a readinessProbe.
#       require_liveness:
#         type: boolean
#         default: true
#         description: Whether containers need a livenessProbe.
#       require_without_ports:
#         type: boolean
#         default: true
#         description: Whether containers that state no ports, and so may serve nobody, are judged, too.
#       kinds:
#         type: array
#         items: {type: string}
#         default: [Deployment, StatefulSet, DaemonSet]
#         description: Kinds of workloads that are judged.
#       other_kinds:
#         type: boolean
#         default: true
#         description: Whether workloads of other controllers that keep their pods running are judged, too.
package attest.health_checks

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": path, "fix": fix} if {
	some container_path, container in lib.containers
	container_path[count(container_path) - 2] == "containers"
	is_judged(lib.pod_path_of(container_path))
	may_serve(container)
	some probe, severity in required_probes
	not has_action(container, probe)
	path := lib.deepest(container_path, [probe])
	message := sprintf("%s has no %s", [lib.describe(container_path), probe])
	fix := sprintf("Set %s to what asks the application itself, such as `%s`.", [probe, example(container)])
}

# A probe of the first port that the container states.
example(container) := sprintf("httpGet: {path: /healthz, port: %v}", [port]) if {
	port := [entry.containerPort | some entry in container.ports][0]
} else := "exec: {command: [/bin/check]}"

may_serve(_) if lib.parameter("require_without_ports", true)

may_serve(container) if container.ports[_]

is_judged(_) if input.resource.kind in lib.parameter("kinds", ["Deployment", "StatefulSet", "DaemonSet"])

is_judged(pod_path) if {
	lib.parameter("other_kinds", true)
	lib.keeps_running(pod_path)
}

required_probes["readinessProbe"] := "medium" if lib.parameter("require_readiness", true)

required_probes["livenessProbe"] := "low" if lib.parameter("require_liveness", true)

has_action(container, probe) if {
	some action in ["exec", "httpGet", "tcpSocket", "grpc"]
	is_object(container[probe][action])
}
