package attest.operations_test

import data.attest.operations

# One parameter at a time: the others are off.
off := {
	"require_job_ttl": false, "require_deadline": false, "require_rolling_update": false, "require_priority_class": false,
	"require_pull_policy": false, "min_autoscaled_replicas": 1, "require_eviction_policy": false,
	"require_instance_label": false, "lowest_port": 0, "forbidden_ports": [], "forbid_secret_variables": false,
}

found(resource, parameters) := {[v.severity, v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
	some v in operations.violation with input as {"resource": resource, "parameters": object.union(off, parameters)}
	v.fix != ""
}

resource(kind, spec) := {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "shop"}, "spec": spec}

container(fields) := resource("Pod", {"containers": [object.union({"name": "web", "image": "web:1"}, fields)]})

test_finished_jobs if {
	asked := {"require_job_ttl": true}
	every case in [[resource("Job", {}), "spec"], [resource("CronJob", {"jobTemplate": {}}), "spec/jobTemplate"]] {
		[resource_, path] := case
		found(resource_, asked) == {[
			"low",
			sprintf("%s 'x' leaves its finished Jobs behind: it has no ttlSecondsAfterFinished", [resource_.kind]),
			path,
		]}
		found(resource_, {}) == set()
	}
	found(resource("Job", {"ttlSecondsAfterFinished": 0}), asked) == set()
	found(resource("Deployment", {}), asked) == set()
}

test_deadlines if {
	asked := {"require_deadline": true}
	found(resource("CronJob", {}), asked) == {[
		"low",
		"CronJob 'x' has no deadline: what was missed is started however late it is",
		"spec",
	]}
	found(resource("CronJob", {}), {}) == set()
	found(resource("CronJob", {"startingDeadlineSeconds": 60}), asked) == set()
}

test_updates if {
	asked := {"require_rolling_update": true}
	found(resource("Deployment", {"strategy": {"type": "Recreate"}}), asked) == {[
		"low",
		"Deployment 'x' stops all pods before an update starts new ones",
		"spec/strategy/type",
	]}
	found(resource("Deployment", {"strategy": {"type": "Recreate"}}), {}) == set()
	found(resource("Deployment", {"strategy": {"type": "RollingUpdate"}}), asked) == set()
	found(resource("Deployment", {}), asked) == set()
}

test_priorities if {
	asked := {"require_priority_class": true}
	found(resource("Pod", {"containers": []}), asked) == {[
		"low",
		"Pod 'x' states no priority: it is evicted with all that state none",
		"spec",
	]}
	found(resource("Pod", {"containers": []}), {}) == set()
	found(resource("Pod", {"priorityClassName": "high"}), asked) == set()
}

test_pull_policies if {
	asked := {"require_pull_policy": true}
	message := "Container 'web' may run an old image of its tag: its pull policy is not Always"
	found(container({}), asked) == {["low", message, "spec/containers/0/image"]}
	found(container({}), {}) == set()
	found(container({"imagePullPolicy": "Never"}), asked) == {["low", message, "spec/containers/0/imagePullPolicy"]}
	every fields in [
		{"imagePullPolicy": "Always"},
		{"image": "web"},
		{"image": "web:latest"},
		{"image": sprintf("web@sha256:%064d", [1])},
	] {
		found(container(fields), asked) == set()
	}
}

autoscaler(spec) := resource("HorizontalPodAutoscaler", spec)

test_autoscalers if {
	found(autoscaler({"maxReplicas": 5}), {"min_autoscaled_replicas": 2}) == {[
		"low",
		"HorizontalPodAutoscaler 'x' may scale down to 1 pods",
		"spec",
	]}
	found(autoscaler({"maxReplicas": 5}), {}) == set()
	found(autoscaler({"minReplicas": 2, "maxReplicas": 5}), {"min_autoscaled_replicas": 2}) == set()
	found(autoscaler({"minReplicas": 3, "maxReplicas": 3}), {}) == {[
		"low",
		"HorizontalPodAutoscaler 'x' scales nothing: its minimum and maximum are the same",
		"spec/maxReplicas",
	]}
}

budget(spec) := resource("PodDisruptionBudget", spec)

inventory(name, minimum) := {"namespace": {"shop": {"autoscaling/v2": {"HorizontalPodAutoscaler": {"a": {"spec": {
	"scaleTargetRef": {"name": name},
	"minReplicas": minimum,
}}}}}}}

test_budgets_of_autoscalers if {
	blocked := found(budget({"minAvailable": 2}), {}) with data.inventory as inventory("x", 2)
	blocked == {[
		"medium",
		"PodDisruptionBudget 'x' lets no pod be evicted where its autoscaler has scaled down: minAvailable is 2",
		"spec/minAvailable",
	]}
	enough := found(budget({"minAvailable": 2}), {}) with data.inventory as inventory("x", 3)
	enough == set()
	another := found(budget({"minAvailable": 2}), {}) with data.inventory as inventory("y", 2)
	another == set()
}

test_evictions if {
	asked := {"require_eviction_policy": true}
	message := "PodDisruptionBudget 'x' keeps nodes from being drained for pods that are not healthy anyway"
	found(budget({}), asked) == {["low", message, "spec"]}
	found(budget({}), {}) == set()
	found(budget({"unhealthyPodEvictionPolicy": "IfHealthyBudget"}), asked) == {
		["low", message, "spec/unhealthyPodEvictionPolicy"],
	}
	found(budget({"unhealthyPodEvictionPolicy": "AlwaysAllow"}), asked) == set()
}

instance(value) := object.union(resource("Pod", {"containers": []}), {"metadata": {"labels": {
	"app.kubernetes.io/instance": value,
}}})

test_instances if {
	asked := {"require_instance_label": true}
	found(instance("y"), asked) == {[
		"low",
		"Pod 'x' says that it is the instance 'y'",
		"metadata/labels/app.kubernetes.io/instance",
	]}
	found(instance("y"), {}) == set()
	found(instance("x"), asked) == set()
	found(resource("Pod", {"containers": []}), asked) == set()
}

ports(port) := container({"ports": [{"containerPort": port}, {"containerPort": 53, "protocol": "UDP"}, {}]})

test_ports if {
	asked := {"lowest_port": 1024, "forbidden_ports": [22]}
	at := "spec/containers/0/ports/0/containerPort"
	found(ports(80), asked) == {["low", "Container 'web' listens on port 80, which is one of the system's", at]}
	found(ports(22), asked) == {["medium", "Container 'web' listens on port 22, which is not for containers", at]}
	found(ports(22), {}) == set()
	found(ports(1024), asked) == set()
}

test_secrets_in_variables if {
	asked := {"forbid_secret_variables": true}
	message := "Container 'web' has Secret 'db' in its variables, where logs and child processes find it"
	whole := container({"envFrom": [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "c"}}]})
	found(whole, asked) == {["low", message, "spec/containers/0/envFrom/0/secretRef"]}
	found(whole, {}) == set()
	one := container({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}, {"name": "B"}]})
	found(one, asked) == {["low", message, "spec/containers/0/env/0/valueFrom/secretKeyRef"]}
}
