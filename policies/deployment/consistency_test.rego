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
	every port in ["http", 8080, 9090] {
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

test_names_of_ports_stated_twice if {
	ports := [{"name": "http", "containerPort": 80}, {"name": "http", "containerPort": 81}, {"containerPort": 82}]
	found(container({"ports": ports})) == {["Container 'web' calls two ports 'http'", "spec/containers/0/ports/1/name"]}
	found(service([{"name": "a", "port": 80}, {"name": "a", "port": 81}])) == {[
		"Service 'web' calls two ports 'a'",
		"spec/ports/1/name",
	]}
	found(container({"ports": [{"containerPort": 80}, {"containerPort": 81}]})) == set()
}

of_type(type) := object.union(service([{"port": 80}]), {"spec": {"type": type}})

test_types_of_services if {
	found(of_type("Clusterip")) == {["Service 'web' can't have the type 'Clusterip'", "spec/type"]}
	every type in ["", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"] {
		found(of_type(type)) == set()
	}
}

named(api, kind, metadata) := {"apiVersion": api, "kind": kind, "metadata": metadata}

test_names_that_the_api_server_refuses if {
	every resource in [
		named("v1", "ConfigMap", {"name": "My_Config"}),
		named("v1", "ConfigMap", {"name": "-web"}),
		named("v1", "ConfigMap", {"name": "web..eu"}),
		named("v1", "Namespace", {"name": "shop.eu"}),
		named("v1", "Service", {"name": "web.eu"}),
		named("apps/v1", "Deployment", {"name": "Web"}),
		named("batch/v1", "CronJob", {"name": "a-name-of-more-than-fifty-two-letters-which-is-too-long"}),
		named("rbac.authorization.k8s.io/v1", "Role", {"name": "a/b"}),
		named("shop.company.com/v1", "Basket", {"name": "my basket"}),
	] {
		found(resource) == {[
			sprintf("%s has a name that Kubernetes refuses: '%s'", [resource.kind, resource.metadata.name]),
			"metadata/name",
		]}
	}
	found(named("v1", "ConfigMap", {"name": "web", "namespace": "Shop"})) == {[
		"ConfigMap has a namespace that Kubernetes refuses: 'Shop'",
		"metadata/namespace",
	]}
	found(named("v1", "ConfigMap", {"generateName": "Web-"})) == {[
		"ConfigMap has a name that Kubernetes refuses: 'Web-'",
		"metadata/generateName",
	]}
	every metadata in [{}, {"name": null, "namespace": "shop"}] {
		found(named("v1", "Service", metadata)) == {["Service has no name", "metadata"]}
	}
	found(named("v1", "Service", {"name": ""})) == {["Service has no name", "metadata/name"]}
}

test_names_that_the_api_server_takes if {
	every resource in [
		named("v1", "ConfigMap", {"name": "web.eu-1"}),
		named("v1", "ConfigMap", {"generateName": "web-"}),
		named("v1", "Service", {"name": "1web"}),
		named("v1", "Service", {"name": "{{ .Release.Name }}-web"}),
		named("rbac.authorization.k8s.io/v1", "ClusterRole", {"name": "system:Web_reader"}),
		named("networking.k8s.io/v1", "IPAddress", {"name": "2001:db8::1"}),
		named("user.openshift.io/v1", "Group", {"name": "Shop admins"}),
		named("kubelet.config.k8s.io/v1", "KubeletConfiguration", {}),
		named("shop.company.com/v1", "Basket", {}),
	] {
		found(resource) == set()
	}
}

test_names_of_containers_and_volumes if {
	found(pod({"containers": [{"name": "Web_1"}]})) == {[
		"Container 'Web_1' has a name that Kubernetes refuses",
		"spec/containers/0/name",
	]}
	found(pod({"containers": [{"name": "web"}], "initContainers": [{"name": "web"}]})) == {[
		"Two containers of Pod 'web' are called 'web'",
		"spec/initContainers/0/name",
	]}
	found(pod({"containers": [], "volumes": [{"name": "a"}, {"name": "A.b"}, {"name": "a"}]})) == {
		["Volume 'A.b' has a name that Kubernetes refuses", "spec/volumes/1/name"],
		["Two volumes of Pod 'web' are called 'a'", "spec/volumes/2/name"],
	}
	found(pod({"containers": [{}, {"name": "{{ .Chart.Name }}"}], "volumes": [{}, {}]})) == set()
}

test_keys_of_labels_and_annotations if {
	every field in ["labels", "annotations"] {
		found(named("v1", "Service", {"name": "web", field: {"my team": "a", "company.com/team": "b"}})) == {[
			sprintf("Service 'web' has a key of %s that Kubernetes refuses: 'my team'", [field]),
			sprintf("metadata/%s/my team", [field]),
		]}
		every key in ["team", "company.com/Team_1", "a.b/c.d"] {
			found(named("v1", "Service", {"name": "web", field: {key: "a"}})) == set()
		}
		every key in ["/team", "company.com/", "a/b/c", "Company.com/team", "-team"] {
			count(found(named("v1", "Service", {"name": "web", field: {key: "a"}}))) == 1
		}
	}
}

test_numbers_that_are_no_ports if {
	every port in [0, 65536, 80.5] {
		found(container({"ports": [{"containerPort": port}]})) == {[
			sprintf("Container 'web' names port %v, which is none", [port]), "spec/containers/0/ports/0/containerPort",
		]}
		found(service([{"port": port}])) == {[
			sprintf("Service 'web' names port %v, which is none", [port]),
			"spec/ports/0/port",
		]}
	}
	found(service([{"port": 80, "targetPort": 99999}])) == {[
		"Service 'web' names port 99999, which is none",
		"spec/ports/0/targetPort",
	]}
	found(container({"livenessProbe": {"httpGet": {"port": 0}}})) == {[
		"Container 'web' names port 0, which is none",
		"spec/containers/0/livenessProbe/httpGet/port",
	]}
	found(container({"livenessProbe": {"httpGet": {"port": "8080"}}})) == {[
		"Pod 'web' names a port '8080', which is no name of a port",
		"spec/containers/0/livenessProbe/httpGet/port",
	]}
}

test_hooks_at_ports if {
	hook := {"lifecycle": {"preStop": {"httpGet": {"port": "admin"}}}}
	found(container(hook)) == {[
		"Container 'web' is called at port 'admin', which it does not have",
		"spec/containers/0/lifecycle/preStop/httpGet/port",
	]}
	found(container(object.union(hook, {"ports": [{"name": "admin", "containerPort": 80}]}))) == set()
}

rolling(strategy) := of_kind("Deployment", {"strategy": {"rollingUpdate": strategy}, "template": {"spec": {"containers": [{"name": "web"}]}}})

test_numbers_that_nothing_can_come_of if {
	found(rolling({"maxUnavailable": 0, "maxSurge": "0%"})) == {[
		"Deployment 'web' can replace no pod: maxSurge and maxUnavailable are both 0",
		"spec/strategy/rollingUpdate",
	]}
	every strategy in [{"maxUnavailable": 0}, {"maxUnavailable": 0, "maxSurge": 1}, {"maxSurge": 0}, null] {
		found(rolling(strategy)) == set()
	}
	found(of_kind("StatefulSet", {"replicas": -1})) == {[
		"StatefulSet 'web' can't have -1 replicas",
		"spec/replicas",
	]}
	autoscaler := named("autoscaling/v2", "HorizontalPodAutoscaler", {"name": "web"})
	found(object.union(autoscaler, {"spec": {"maxReplicas": 0}})) == {[
		"HorizontalPodAutoscaler 'web' can't have 0 as its maxReplicas",
		"spec/maxReplicas",
	]}
}
