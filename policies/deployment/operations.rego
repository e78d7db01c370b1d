# METADATA
# title: Operations
# description: >-
#   What whoever is on call would wish for: finished Jobs go away and don't pile up, CronJobs have a deadline, updates
#   replace pods one after the other, pods state their priority, images are pulled so that their registry is asked, an
#   autoscaler keeps two pods at least and has room to grow, a budget leaves an autoscaler's minimum room to move, pods
#   are not taken down that are not healthy anyway, containers listen neither on ports of the system nor for SSH, and
#   secrets are mounted as files and not given as variables. Each is asked for by a parameter of its own.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
#     description: Removing finished Jobs
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
#     description: Priority of pods
#   - ref: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
#     description: Disruption budgets
# custom:
#   name: operations
#   severity: low
#   remediation: Set the field that the message names, or switch its parameter off.
#   inventory: [HorizontalPodAutoscaler]
#   profiles:
#     strict: {}
#     cis:
#       forbid_secret_variables: true
#       require_job_ttl: false
#       require_deadline: false
#       require_rolling_update: false
#       require_priority_class: false
#       require_pull_policy: false
#       min_autoscaled_replicas: 1
#       require_eviction_policy: false
#       require_instance_label: false
#       lowest_port: 0
#       forbidden_ports: []
#   controls:
#     - CIS-1.12-5.4.1
#   checks:
#     kube-linter:
#       [
#         hpa-minimum-three-replicas, job-ttl-seconds-after-finished, no-rolling-update-strategy,
#         pdb-unhealthy-pod-eviction-policy, priority-class-name, privileged-ports, read-secret-from-env-var,
#         ssh-port,
#       ]
#     polaris:
#       [
#         hpaMaxAvailability, hpaMinAvailability, metadataAndInstanceMismatched,
#         pdbMinAvailableEqualToHPAMinReplicas, pdbMinAvailableGreaterThanHPAMaxReplicas,
#         pdbMinAvailableGreaterThanHPAMinReplicas, priorityClassNotSet, pullPolicyNotAlways,
#       ]
#     kube-score:
#       [
#         container-image-pull-policy, cronjob-has-deadline, deployment-strategy, horizontalpodautoscaler-replicas,
#       ]
#     trivy: [KSV-0117]
#     checkov: [CKV_K8S_15, CKV_K8S_35]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_job_ttl:
#         type: boolean
#         default: true
#         description: Whether Jobs must state when they are removed (`ttlSecondsAfterFinished`).
#       require_deadline:
#         type: boolean
#         default: true
#         description: Whether CronJobs must state how late they may start (`startingDeadlineSeconds`).
#       require_rolling_update:
#         type: boolean
#         default: true
#         description: Whether Deployments must update by replacing pods one after the other.
#       require_priority_class:
#         type: boolean
#         default: true
#         description: Whether pods must state their priority class.
#       require_pull_policy:
#         type: boolean
#         default: true
#         description: Whether containers must always ask the registry for their image (`imagePullPolicy`).
#       min_autoscaled_replicas:
#         type: integer
#         minimum: 1
#         default: 2
#         description: Fewest pods that an autoscaler may scale to; 3 is what some ask for.
#       require_eviction_policy:
#         type: boolean
#         default: true
#         description: Whether disruption budgets must let pods go that are not healthy (`AlwaysAllow`).
#       require_instance_label:
#         type: boolean
#         default: true
#         description: Whether the label `app.kubernetes.io/instance` of a workload must be its name, where both are stated.
#       lowest_port:
#         type: integer
#         minimum: 0
#         default: 1024
#         description: Lowest port that containers may listen on.
#       forbidden_ports:
#         type: array
#         items: {type: integer}
#         default: [22]
#         description: Ports that containers may not listen on.
#       forbid_secret_variables:
#         type: boolean
#         default: true
#         description: Whether secrets must be mounted instead of given as variables.
package attest.operations

import data.attest.lib

violation contains {"message": message, "severity": "low", "path": path, "fix": fix, "controls": []} if {
	lib.parameter("require_job_ttl", true)
	some kind, keys in {"Job": ["spec"], "CronJob": ["spec", "jobTemplate", "spec"]}
	input.resource.kind == kind
	lib.field(input.resource, array.concat(keys, ["ttlSecondsAfterFinished"]), null) == null
	path := lib.deepest([], keys)
	message := sprintf("%s leaves its finished Jobs behind: it has no ttlSecondsAfterFinished", [lib.this])
	fix := sprintf("Set %s.ttlSecondsAfterFinished to `86400` for a day.", [concat(".", keys)])
}

violation contains {"message": message, "severity": "low", "path": lib.deepest([], ["spec"]), "fix": fixes.deadline, "controls": []} if {
	lib.parameter("require_deadline", true)
	input.resource.kind == "CronJob"
	lib.field(input.resource, ["spec", "startingDeadlineSeconds"], null) == null
	message := sprintf("%s has no deadline: what was missed is started however late it is", [lib.this])
}

violation contains {"message": message, "severity": "low", "path": ["spec", "strategy", "type"], "fix": fixes.update, "cause": "recreate", "controls": []} if {
	lib.parameter("require_rolling_update", true)
	input.resource.kind == "Deployment"
	input.resource.spec.strategy.type == "Recreate"
	message := sprintf("%s stops all pods before an update starts new ones", [lib.this])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.priority, "controls": []} if {
	lib.parameter("require_priority_class", true)
	some path, pod in lib.pods
	lib.field(pod, "priorityClassName", "") == ""
	message := sprintf("%s states no priority: it is evicted with all that state none", [lib.this])
}

# What is not stated follows from the image's tag.
pull_path(container_path) := array.concat(container_path, ["imagePullPolicy"]) if {
	lib.field(lib.containers[container_path], "imagePullPolicy", "") != ""
} else := array.concat(container_path, ["image"])

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.pull, "controls": []} if {
	lib.parameter("require_pull_policy", true)
	some container_path, image in lib.images
	image.digest == ""
	lib.field(lib.containers[container_path], "imagePullPolicy", usual_policy(image)) != "Always"
	path := pull_path(container_path)
	message := sprintf("%s may run an old image of its tag: its pull policy is not Always", [lib.describe(container_path)])
}

usual_policy(image) := "Always" if {
	image.tag in {"", "latest"}
} else := "IfNotPresent"

violation contains {"message": message, "severity": "low", "path": lib.deepest(["spec"], ["minReplicas"]), "fix": fix, "controls": []} if {
	input.resource.kind == "HorizontalPodAutoscaler"
	fewest := lib.parameter("min_autoscaled_replicas", 2)
	minimum := lib.field(input.resource, ["spec", "minReplicas"], 1)
	minimum < fewest
	message := sprintf("%s may scale down to %v pods", [lib.this, minimum])
	fix := sprintf("Set spec.minReplicas to `%v` or more.", [fewest])
}

violation contains {"message": message, "severity": "low", "path": lib.deepest(["spec"], ["maxReplicas"]), "fix": fixes.room, "controls": []} if {
	input.resource.kind == "HorizontalPodAutoscaler"
	lib.field(input.resource, ["spec", "minReplicas"], 1) == input.resource.spec.maxReplicas
	message := sprintf("%s scales nothing: its minimum and maximum are the same", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": ["spec", "minAvailable"], "fix": fixes.budget, "controls": []} if {
	input.resource.kind == "PodDisruptionBudget"
	least := input.resource.spec.minAvailable
	is_number(least)
	is_string(input.resource.metadata.name)
	some name, autoscaler in lib.around[_].HorizontalPodAutoscaler
	autoscaler.spec.scaleTargetRef.name == input.resource.metadata.name

	# Of alternative installs one may leave room: which of them goes with this budget nobody says.
	every definition in lib.all_around("HorizontalPodAutoscaler", name) {
		lib.field(definition, ["spec", "minReplicas"], 1) <= least
	}
	message := sprintf("%s lets no pod be evicted where its autoscaler has scaled down: minAvailable is %v", [lib.this, least])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.eviction, "controls": []} if {
	lib.parameter("require_eviction_policy", true)
	input.resource.kind == "PodDisruptionBudget"
	lib.field(input.resource, ["spec", "unhealthyPodEvictionPolicy"], "IfHealthyBudget") != "AlwaysAllow"
	path := lib.deepest(["spec"], ["unhealthyPodEvictionPolicy"])
	message := sprintf("%s keeps nodes from being drained for pods that are not healthy anyway", [lib.this])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fix, "controls": []} if {
	lib.parameter("require_instance_label", true)
	lib.pod
	path := ["metadata", "labels", "app.kubernetes.io/instance"]
	instance := lib.text(input.resource.metadata.labels["app.kubernetes.io/instance"])
	name := lib.field(input.resource, ["metadata", "name"], "")
	name != ""
	not instance in {"", name}
	message := sprintf("%s says that it is the instance '%s'", [lib.this, instance])
	fix := sprintf("Set metadata.labels['app.kubernetes.io/instance'] to `%v`.", [name])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fix, "controls": []} if {
	some path, [container_path, port] in container_ports
	lowest := lib.parameter("lowest_port", 1024)
	port < lowest
	not port in lib.parameter("forbidden_ports", [22])
	message := sprintf("%s listens on port %v, which is one of the system's", [lib.describe(container_path), port])
	fix := sprintf("Set containerPort to `%v` or above; the port of the Service may stay what it is.", [lowest])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.forbidden, "controls": []} if {
	some path, [container_path, port] in container_ports
	port in lib.parameter("forbidden_ports", [22])
	message := sprintf("%s listens on port %v, which is not for containers", [lib.describe(container_path), port])
}

container_ports[path] := [container_path, entry.containerPort] if {
	some container_path, container in lib.containers
	some i, entry in container.ports
	is_number(entry.containerPort)
	lib.field(entry, "protocol", "TCP") == "TCP"
	path := array.concat(container_path, ["ports", i, "containerPort"])
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.mount, "controls": controls.mount, "cause": "secret variable"} if {
	lib.parameter("forbid_secret_variables", true)
	some path, [container_path, secret] in secret_variables
	message := sprintf(
		"%s has Secret '%v' in its variables, where logs and child processes find it",
		[lib.describe(container_path), secret],
	)
}

secret_variables[path] := [container_path, lib.field(source.secretRef, "name", "")] if {
	some container_path, container in lib.containers
	some i, source in container.envFrom
	is_object(source.secretRef)
	path := array.concat(container_path, ["envFrom", i, "secretRef"])
}

secret_variables[path] := [container_path, lib.field(reference, "name", "")] if {
	some container_path, container in lib.containers
	some i, variable in container.env
	reference := variable.valueFrom.secretKeyRef
	is_object(reference)
	path := array.concat(container_path, ["env", i, "valueFrom", "secretKeyRef"])
}

fixes := {
	"deadline": "Set spec.startingDeadlineSeconds to half of the time between two runs, such as `300`.",
	"update": "Set spec.strategy.type to `RollingUpdate`.",
	"priority": "Set priorityClassName of the pod to a PriorityClass of the cluster.",
	"pull": "Set imagePullPolicy to `Always`, or image to its digest.",
	"room": "Set spec.maxReplicas above spec.minReplicas.",
	"budget": "Replace spec.minAvailable by spec.maxUnavailable with the value `1`, or set it below the autoscaler's minReplicas.",
	"eviction": "Set spec.unhealthyPodEvictionPolicy to `AlwaysAllow`.",
	"forbidden": "Remove containerPort; `kubectl exec` and `kubectl debug` need none.",
	"mount": "Mount the Secret by volumeMounts in place of the variable, and read the file.",
}

controls := {
	"mount": ["CIS-1.12-5.4.1"],
}
