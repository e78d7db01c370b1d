package attest.consistency_test

import data.attest.consistency

found(resource) := found_with(resource, {})

found_with(resource, parameters) := {[v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
	some v in consistency.violation with input as {"resource": resource, "parameters": parameters}
	v.severity in {"high", "medium", "low"}
	v.fix != ""
}

of_kind(kind, spec) := {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}

pod(fields) := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": fields}

container(fields) := pod({"containers": [object.union({"name": "web"}, fields)], "volumes": [{"name": "a"}, {"name": "b"}]})

test_variables_stated_twice if {
	found(container({"env": [{"name": "A"}, {"name": "B"}, {"name": "A"}]})) == {[
		"Container 'web' states variable A twice: the later one wins",
		"spec/containers/0/env/2/name",
	]}
	found(container({"env": [{"name": "A"}, {"name": "B"}, {}]})) == set()
}

test_ports_stated_twice if {
	found(container({"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]})) == {[
		"Container 'web' states port 80/TCP twice",
		"spec/containers/0/ports/1/containerPort",
	]}
	found(container({"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}, {}, {}]})) == set()
}

service(ports) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": ports}}

test_ports_of_services if {
	found(service([{"port": 80}, {"port": 80}])) == {["Service 'web' states port 80/TCP twice", "spec/ports/1/port"]}
	found(service([{"port": 80}, {"port": 80, "protocol": "UDP"}, {}])) == set()
	found(service([{"port": 80, "targetPort": "Web"}])) == {[
		"Service 'web' names a port 'Web', which is no name of a port",
		"spec/ports/0/targetPort",
	]}
	found(object.union(service([{"port": 80}, {"port": 80}]), {"apiVersion": "serving.knative.dev/v1"})) == set()
}

test_volumes if {
	found(container({"volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "c", "mountPath": "/c"}]})) == {[
		"Container 'web' mounts volume 'c', which its pod does not have",
		"spec/containers/0/volumeMounts/1/name",
	]}
	found(container({"volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}]})) == {[
		"Container 'web' mounts two volumes at /a",
		"spec/containers/0/volumeMounts/1/mountPath",
	]}
	template := {"spec": {"containers": [{"name": "web", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}}
	claims := [{"metadata": {"name": "data"}}]
	found(of_kind("StatefulSet", {"template": template, "volumeClaimTemplates": claims})) == set()
	rollout := object.union(of_kind("Rollout", {"template": template}), {"apiVersion": "argoproj.io/v1"})
	found(rollout) == set()
}

probes(port) := container({"ports": [{"name": "http", "containerPort": 8080}], "startupProbe": {"tcpSocket": {"port": port}}})

test_probes if {
	ports := [{"name": "http", "containerPort": 8080}]
	found(container({"ports": ports, "livenessProbe": {"httpGet": {"port": "web"}}})) == {[
		"Container 'web' is probed at port 'web', which it does not have",
		"spec/containers/0/livenessProbe/httpGet/port",
	]}
	every port in ["http", "8080", 8080, 9090] {
		found(probes(port)) == set()
	}
	found_with(probes(9090), {"require_exposed_probe_ports": true}) == {[
		"Container 'web' is probed at port 9090, which is not among its ports",
		"spec/containers/0/startupProbe/tcpSocket/port",
	]}
	found_with(probes(8080), {"require_exposed_probe_ports": true}) == set()
}

test_selectors if {
	spec := {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "shop"}}}}
	found(of_kind("Deployment", spec)) == {[
		"Deployment 'web' does not select its own pods: their label app is not 'web'",
		"spec/selector/matchLabels/app",
	]}
	count(found(of_kind("Deployment", {"selector": {"matchLabels": {"app": "web"}}, "template": {}}))) == 1
	good := {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web", "a": "b"}}}}
	found(of_kind("Deployment", good)) == set()
}

restarting(policy) := {"template": {"spec": {"restartPolicy": policy, "containers": []}}}

test_restart_policies if {
	found(of_kind("Deployment", restarting("Never"))) == {[
		"Deployment 'web' can't have the restart policy Never",
		"spec/template/spec/restartPolicy",
	]}
	found(of_kind("Deployment", restarting("Always"))) == set()
	found(of_kind("Job", restarting("OnFailure"))) == set()
	count(found(of_kind("Job", {"template": {"spec": {"containers": []}}}))) == 1
	found(pod({"restartPolicy": "Never"})) == set()
}

test_autoscalers if {
	found(of_kind("HorizontalPodAutoscaler", {"minReplicas": 3, "maxReplicas": 2})) == {[
		"HorizontalPodAutoscaler 'web' scales to nothing: its minimum of 3 is above its maximum of 2",
		"spec/minReplicas",
	]}
	found(of_kind("HorizontalPodAutoscaler", {"minReplicas": 2, "maxReplicas": 2})) == set()
}

test_budgets if {
	found(of_kind("PodDisruptionBudget", {"minAvailable": 1, "maxUnavailable": 1})) == {[
		"PodDisruptionBudget 'web' states both minAvailable and maxUnavailable",
		"spec/minAvailable",
	]}
	found(of_kind("PodDisruptionBudget", {"minAvailable": 1})) == set()
}

test_names_of_ports if {
	every name in ["Http", "a--b", "80", "-a", "sixteen-letters-", "name_of_it"] {
		found(container({"ports": [{"name": name, "containerPort": 80}]})) == {[
			sprintf("Pod 'web' names a port '%s', which is no name of a port", [name]),
			"spec/containers/0/ports/0/name",
		]}
	}
	every name in ["", "http", "h2", "a-b-c"] {
		found(container({"ports": [{"name": name, "containerPort": 80}]})) == set()
	}
}

labelled(value) := object.union(pod({"containers": []}), {"metadata": {"labels": {"team": value}}})

test_labels if {
	every value in ["a b", "-a", "a/b", "a."] {
		found(labelled(value)) == {[
			sprintf("Pod 'web' has a label team whose value is none: '%s'", [value]),
			"metadata/labels/team",
		]}
	}
	every value in ["", "a", "a.b_c-D", "{{ .team }}"] {
		found(labelled(value)) == set()
	}
	template := {"template": {"metadata": {"labels": {"a": "?"}}, "spec": {"containers": []}}}
	{path | some [_, path] in found(of_kind("DaemonSet", template))} == {"spec/template/metadata/labels/a"}
}

test_the_old_field_of_the_account if {
	found(pod({"serviceAccount": "web"})) == {[
		"Pod 'web' names its ServiceAccount in the field serviceAccount, which is deprecated",
		"spec/serviceAccount",
	]}
	found(pod({"serviceAccount": "web", "serviceAccountName": "web"})) == set()
	found(pod({"serviceAccount": ""})) == set()
}

test_a_fix_names_the_volumes_that_there_are if {
	pod := {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "volumeMounts": [{"name": "a"}]}]}}
	every volumes, named in {[]: "that of one", [{"name": "b"}, {"name": "c"}]: "`b` or `c`"} {
		resource := object.union(pod, {"spec": object.union(pod.spec, {"volumes": volumes})})
		fixes := {v.fix | some v in consistency.violation with input.resource as resource}
		fixes == {sprintf("Add a volume called `a` to volumes of the pod, or set name of the mount to %s.", [named])}
	}
}
