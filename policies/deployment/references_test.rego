package attest.references_test

import data.attest.references

complete := {"complete_kinds": ["ClusterRole", "ConfigMap", "Pod", "Role", "Secret", "Service", "ServiceAccount"]}

labels := {"app": "web"}

inventory := {
	"cluster": {"rbac.authorization.k8s.io/v1": {"ClusterRole": {"reader": {}}}},
	"namespace": {"shop": {
		"v1": {
			"ConfigMap": {"settings": {"data": {"a": "1"}, "binaryData": {"b": "2"}}},
			"Pod": {"job": {"metadata": {"labels": {"app": "job"}}}},
			"Secret": {"db": {"stringData": {"password": "x"}}},
			"Service": {"web": {"metadata": {"labels": labels}, "spec": {"ports": [{"port": 80}]}}, "any": {"spec": {}}},
			"ServiceAccount": {"web": {}},
		},
		"apps/v1": {"Deployment": {"web": {"spec": {"template": {"metadata": {"labels": labels}}}}}},
		"batch/v1": {"CronJob": {"c": {"spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"app": "cron"}}}}}}}}},
	}},
}

found(resource) := with_inventory(resource, inventory, {})

with_inventory(resource, inventory_, parameters) := {[v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
	some v in references.violation with input as {"resource": resource, "parameters": parameters}
		with data.inventory as inventory_
	v.severity == "medium"
	v.fix != ""
}

resource(api, kind, fields) := object.union(
	{"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "shop"}},
	fields,
)

pod(spec) := resource("v1", "Pod", {"spec": spec})

container(fields) := pod({"containers": [object.union({"name": "web"}, fields)]})

# What names something, with a gap for the name, and where the name stands.
naming(name) := [
	["ConfigMap", container({"envFrom": [{"configMapRef": {"name": name}}]}), "spec/containers/0/envFrom/0/configMapRef/name"],
	["Secret", container({"envFrom": [{"secretRef": {"name": name}}]}), "spec/containers/0/envFrom/0/secretRef/name"],
	[
		"Secret",
		container({"env": [{"valueFrom": {"secretKeyRef": {"name": name, "key": "password"}}}]}),
		"spec/containers/0/env/0/valueFrom/secretKeyRef/name",
	],
	["ConfigMap", pod({"volumes": [{"configMap": {"name": name}}]}), "spec/volumes/0/configMap/name"],
	["Secret", pod({"volumes": [{"secret": {"secretName": name}}]}), "spec/volumes/0/secret/secretName"],
	[
		"ConfigMap",
		pod({"volumes": [{"projected": {"sources": [{"configMap": {"name": name}}]}}]}),
		"spec/volumes/0/projected/sources/0/configMap/name",
	],
	["ServiceAccount", pod({"serviceAccountName": name}), "spec/serviceAccountName"],
	["Role", resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"kind": "Role", "name": name}}), "roleRef/name"],
	[
		"ClusterRole",
		resource("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {"roleRef": {"kind": "ClusterRole", "name": name}}),
		"roleRef/name",
	],
	[
		"ServiceAccount",
		resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"subjects": [{"kind": "ServiceAccount", "name": name}]}),
		"subjects/0/name",
	],
	[
		"Deployment",
		resource("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": name}}}),
		"spec/scaleTargetRef/name",
	],
	["Service", ingress({"defaultBackend": {"service": {"name": name}}}), "spec/defaultBackend/service/name"],
	["Service", ingress({"backend": {"serviceName": name}}), "spec/backend/serviceName"],
	[
		"Service",
		ingress({"rules": [{"http": {"paths": [{"backend": {"service": {"name": name}}}]}}]}),
		"spec/rules/0/http/paths/0/backend/service/name",
	],
]

ingress(spec) := resource("networking.k8s.io/v1", "Ingress", {"spec": spec})

test_names_of_what_is_not_there if {
	every case in naming("gone") {
		[kind, resource_, path] := case
		with_inventory(resource_, inventory, complete) == {[
			sprintf("%s 'x' names %s 'gone', which is not there", [resource_.kind, kind]),
			path,
		]}
	}
}

there := {"ConfigMap": "settings", "Secret": "db", "ServiceAccount": "web", "ClusterRole": "reader", "Deployment": "web", "Service": "web"}

test_names_of_what_is_there if {
	every kind, name in there {
		every case in naming(name) {
			[kind_, resource_, _] := case
			passes(kind, kind_, resource_)
		}
	}
}

passes(kind, other, _) if kind != other

passes(kind, kind, resource_) if with_inventory(resource_, inventory, complete) == set()

test_kinds_of_which_there_is_none_live_elsewhere if {
	every case in naming("gone") {
		[_, resource_, _] := case
		with_inventory(resource_, {"namespace": {"shop": {"v1": {}}}}, {}) == set()
		with_inventory(resource_, {}, {}) == set()
	}
}

test_what_kubernetes_brings_and_what_is_optional if {
	every resource_ in [
		container({"envFrom": [{"configMapRef": {"name": "gone", "optional": true}}]}),
		pod({"volumes": [{"configMap": {"name": "kube-root-ca.crt"}}]}),
		pod({"serviceAccountName": "default"}),
		resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"kind": "ClusterRole", "name": "view"}}),
		resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"kind": "ClusterRole", "name": "system:x"}}),
		resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {
			"kind": "Role",
			"name": "extension-apiserver-authentication-reader",
		}}),
		resource("rbac.authorization.k8s.io/v1", "RoleBinding", {"subjects": [{
			"kind": "ServiceAccount",
			"name": "gone",
			"namespace": "elsewhere",
		}]}),
		resource("apps/v1", "StatefulSet", {"spec": {
			"volumeClaimTemplates": [{"metadata": {"name": "data"}}],
			"template": {"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}},
		}}),
		resource("autoscaling/v2", "HorizontalPodAutoscaler", {"spec": {"scaleTargetRef": {"kind": "Rollout", "name": "x"}}}),
	] {
		with_inventory(resource_, inventory, object.union(complete, {"complete_kinds": ["PersistentVolumeClaim", "Role"]})) == set()
	}
}

test_what_states_no_namespace_is_looked_for_among_the_same if {
	unplaced := object.remove(container({"envFrom": [{"configMapRef": {"name": "gone"}}]}), ["metadata"])
	with_inventory(unplaced, {"cluster": {"v1": {"ConfigMap": {"settings": {}}}}}, {}) == {[
		"Pod '' names ConfigMap 'gone', which is not there",
		"spec/containers/0/envFrom/0/configMapRef/name",
	]}
	with_inventory(unplaced, {"cluster": {"v1": {"ConfigMap": {"gone": {}}}}}, {}) == set()
}

test_keys if {
	every key in ["a", "b"] {
		found(container({"env": [{"valueFrom": {"configMapKeyRef": {"name": "settings", "key": key}}}]})) == set()
	}
	found(container({"env": [{"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "c"}}}]})) == {[
		"Pod 'x' takes key 'c' of ConfigMap 'settings', which does not have it",
		"spec/containers/0/env/0/valueFrom/configMapKeyRef/key",
	]}
	found(container({"env": [{"valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]})) == set()
}

test_ports_of_services if {
	found(ingress({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}})) == set()
	found(ingress({"defaultBackend": {"service": {"name": "web", "port": {"number": 81}}}})) == {[
		"Ingress 'x' forwards to port 81 of Service 'web', which does not have it",
		"spec/defaultBackend/service/port/number",
	]}
	found(ingress({"defaultBackend": {"service": {"name": "any", "port": {"number": 81}}}})) == set()
}

policy(spec) := resource("networking.k8s.io/v1", "NetworkPolicy", {"spec": spec})

selecting(selector) := [
	["spec/selector", resource("v1", "Service", {"spec": {"selector": object.get(selector, "matchLabels", {"app": "gone"})}})],
	["spec/selector", resource("policy/v1", "PodDisruptionBudget", {"spec": {"selector": selector}})],
	["spec/podSelector", policy({"podSelector": selector})],
	["spec/ingress/0/from/0/podSelector", policy({"ingress": [{"from": [{"podSelector": selector}]}]})],
	["spec/egress/0/to/0/podSelector", policy({"egress": [{"to": [{"podSelector": selector}]}]})],
]

test_selectors_that_select_nothing if {
	every selector in [
		{"matchLabels": {"app": "gone"}},
		{"matchLabels": {"app": "web", "tier": "front"}},
		{"matchExpressions": [{"key": "app", "operator": "In", "values": ["gone"]}]},
	] {
		every case in selecting(selector) {
			[path, resource_] := case
			found(resource_) == {[
				sprintf("%s 'x' selects no pods: no pod template has the labels of its selector", [resource_.kind]),
				path,
			]}
			with_inventory(resource_, {}, {}) == set()
			count(with_inventory(resource_, {"namespace": {}}, complete)) == 1
		}
	}
}

test_selectors_that_select_something if {
	every app in ["web", "job", "cron"] {
		every case in selecting({"matchLabels": {"app": app}}) {
			[_, resource_] := case
			found(resource_) == set()
		}
	}
	every resource_ in [
		resource("policy/v1", "PodDisruptionBudget", {"spec": {"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}}),
		policy({"podSelector": {}}),
		resource("v1", "Service", {"spec": {"selector": {}}}),
		policy({"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "gone"}}, "namespaceSelector": {}}]}]}),
	] {
		found(resource_) == set()
	}
}

monitor(spec) := resource("monitoring.coreos.com/v1", "ServiceMonitor", {"spec": spec})

test_monitors if {
	found(monitor({"selector": {"matchLabels": labels}})) == set()
	found(monitor({"selector": {"matchLabels": {"app": "gone"}}})) == {[
		"ServiceMonitor 'x' selects no Services: none has the labels of its selector",
		"spec/selector",
	]}
	found(monitor({"selector": {"matchLabels": {"app": "gone"}}, "namespaceSelector": {"any": true}})) == set()
}

test_what_one_of_several_definitions_has_is_there if {
	again := {"namespace": {"shop": {"v1 (2)": {
		"ConfigMap": {"settings": {"data": {"c": "3"}}},
		"Service": {"web": {"spec": {"ports": [{"port": 81}]}}},
	}}}}
	both := object.union(inventory, again)
	keyed := container({"env": [{"name": "C", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "c"}}}]})
	backend := {"service": {"name": "web", "port": {"number": 81}}}
	ingress := resource("networking.k8s.io/v1", "Ingress", {"spec": {"defaultBackend": backend}})
	every thing in [keyed, ingress] {
		count(found(thing)) == 1
		with_inventory(thing, both, {}) == set()
	}
}

test_targets_of_scaling_where_pods_are_complete if {
	scaler := {
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
		"metadata": {"name": "web", "namespace": "shop"},
		"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db"}},
	}
	with_inventory(scaler, inventory, {}) == set()
	with_inventory(scaler, inventory, {"complete_kinds": ["Pod"]}) == {[
		"HorizontalPodAutoscaler 'web' names StatefulSet 'db', which is not there",
		"spec/scaleTargetRef/name",
	]}
}

serving := {"namespace": {"shop": {
	"v1": {"Service": {"web": {"spec": {"ports": [{"name": "http", "port": 80}]}}}},
	"apps/v1": {"Deployment": {"web": {"spec": {"template": {
		"metadata": {"labels": labels},
		"spec": {
			"containers": [{"name": "web", "ports": [{"name": "http", "containerPort": 8080}]}],
			"initContainers": [{"name": "log", "ports": [{"name": "log", "containerPort": 9090}]}],
		},
	}}}}},
	"batch/v1": {"Job": {"web": {"spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}}}},
}}}

forwarding(port) := resource("v1", "Service", {"spec": {"selector": labels, "ports": [{"port": 80, "targetPort": port}]}})

test_targets_of_services if {
	with_inventory(forwarding("web"), serving, {}) == {[
		"Service 'x' forwards to port 'web', which none of its pods has",
		"spec/ports/0/targetPort",
	]}
	every port in ["http", "log", 8080, 9999, "8080", null, ""] {
		with_inventory(forwarding(port), serving, {}) == set()
	}
	elsewhere := resource("v1", "Service", {"spec": {"selector": {"app": "other"}, "ports": [{"port": 80, "targetPort": "web"}]}})
	every text, _ in with_inventory(elsewhere, serving, {}) {
		not contains(text, "forwards")
	}
	without_selector := resource("v1", "Service", {"spec": {"ports": [{"port": 80, "targetPort": "web"}]}})
	with_inventory(without_selector, serving, {}) == set()
	cron := {"namespace": {"shop": {"batch/v1": {"CronJob": {"c": {"spec": {"jobTemplate": {"spec": {"template": {
		"metadata": {"labels": labels},
		"spec": {"containers": [{"ports": [{"name": "http"}]}]},
	}}}}}}}}}}
	with_inventory(forwarding("http"), cron, {}) == set()
	count(with_inventory(forwarding("web"), cron, {})) == 1
}

test_names_of_ports_of_services if {
	every port in [{"name": "web"}, {"name": "HTTP"}] {
		backend := {"service": {"name": "web", "port": port}}
		with_inventory(ingress({"defaultBackend": backend}), serving, {}) == {[
			sprintf("Ingress 'x' forwards to port '%s' of Service 'web', which does not have it", [port.name]),
			"spec/defaultBackend/service/port/name",
		]}
	}
	every spec in [
		{"defaultBackend": {"service": {"name": "web", "port": {"name": "http"}}}},
		{"backend": {"serviceName": "web", "servicePort": "http"}},
		{"backend": {"serviceName": "web", "servicePort": "80"}},
	] {
		with_inventory(ingress(spec), serving, {}) == set()
	}
	count(with_inventory(ingress({"backend": {"serviceName": "web", "servicePort": "web"}}), serving, {})) == 1
}

route(backend) := resource("gateway.networking.k8s.io/v1", "HTTPRoute", {"spec": {"rules": [{"backendRefs": [backend]}]}})

test_routes if {
	with_inventory(route({"name": "wab", "port": 80}), serving, {}) == {[
		"HTTPRoute 'x' names Service 'wab', which is not there",
		"spec/rules/0/backendRefs/0/name",
	]}
	with_inventory(route({"name": "web", "port": 81}), serving, {}) == {[
		"HTTPRoute 'x' forwards to port 81 of Service 'web', which does not have it",
		"spec/rules/0/backendRefs/0/port",
	]}
	every backend in [
		{"name": "web", "port": 80}, {"name": "b", "kind": "Backend", "group": "company.com"}, {"name": "b", "namespace": "pay"},
	] {
		with_inventory(route(backend), serving, {}) == set()
	}
}

test_services_of_stateful_sets if {
	with_inventory(resource("apps/v1", "StatefulSet", {"spec": {"serviceName": "wab"}}), serving, {}) == {[
		"StatefulSet 'x' names Service 'wab', which is not there",
		"spec/serviceName",
	]}
	with_inventory(resource("apps/v1", "StatefulSet", {"spec": {"serviceName": "web"}}), serving, {}) == set()
}

test_keys_of_volumes if {
	files := pod({"volumes": [{"configMap": {"name": "settings", "items": [{"key": "a"}, {"key": "z"}]}}]})
	found(files) == {[
		"Pod 'x' takes key 'z' of ConfigMap 'settings', which does not have it",
		"spec/volumes/0/configMap/items/1/key",
	]}
	projected := {"sources": [{"secret": {"name": "db", "items": [{"key": "user"}]}}]}
	found(pod({"volumes": [{"projected": projected}]})) == {[
		"Pod 'x' takes key 'user' of Secret 'db', which does not have it",
		"spec/volumes/0/projected/sources/0/secret/items/0/key",
	]}
}
