package attest.exposure_test

import data.attest.exposure

found(resource, parameters) := {[v.severity, v.message, v.path] |
	some v in exposure.violation with input as {"resource": resource, "parameters": parameters}
	v.fix != ""
}

ingress(annotations, spec) := {
	"apiVersion": "networking.k8s.io/v1",
	"kind": "Ingress",
	"metadata": {"name": "shop", "annotations": annotations},
	"spec": spec,
}

snippet := "nginx.ingress.kubernetes.io/configuration-snippet"

test_dangerous_snippets if {
	every text, word in {
		"alias /etc/;": "alias",
		"content_by_lua_block { x }": "lua",
		"location / { proxy_pass http://x; }": "proxy_pass",
		"root /; # /var/run/secrets": "/var/run/secrets",
	} {
		every key in [snippet, "nginx.org/location-snippets", "nginx.ingress.kubernetes.io/server-snippet"] {
			some [severity, message, path] in found(ingress({key: text}, {}), {})
			severity == "high"
			contains(message, "brings a snippet into the configuration of its controller that holds")
			contains(message, word)
			path == ["metadata", "annotations", key]
		}
	}
}

test_other_snippets if {
	harmless := ingress({snippet: "more_clear_headers Server;"}, {})
	found(harmless, {}) == set()
	found(harmless, {"allow_snippets": false}) == {[
		"medium",
		"Ingress 'shop' brings a snippet into the configuration of its controller",
		["metadata", "annotations", snippet],
	]}
	found(ingress({"nginx.ingress.kubernetes.io/rewrite-target": "/"}, {}), {"allow_snippets": false}) == set()
}

config(value) := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": value}

test_controllers_that_allow_snippets if {
	found(config({"allow-snippet-annotations": "true"}), {}) == {[
		"high",
		"ConfigMap 'c' lets whoever writes an Ingress configure the controller: allow-snippet-annotations is true",
		["data", "allow-snippet-annotations"],
	]}
	found(config({"allow-snippet-annotations": "false"}), {}) == set()
}

test_tls if {
	plain := {"rules": [{"host": "shop.company.com"}]}
	found(ingress({}, plain), {}) == set()
	found(ingress({}, plain), {"require_tls": true}) == {[
		"medium",
		"Ingress 'shop' serves host 'shop.company.com' without TLS",
		["spec", "rules", 0, "host"],
	]}
	found(ingress({}, object.union(plain, {"tls": [{}]})), {"require_tls": true}) == set()
	found(ingress({"networking.gke.io/managed-certificates": "shop"}, plain), {"require_tls": true}) == set()
	found(ingress({"tls": "yes"}, plain), {"require_tls": true, "tls_annotations": ["tls"]}) == set()
}

test_wildcard_hosts if {
	every rule, host in {{"host": "*.company.com"}: "*.company.com", {"http": {}}: "*"} {
		found(ingress({}, {"rules": [rule]}), {}) == set()
		some [severity, message, _] in found(ingress({}, {"rules": [rule]}), {"allow_wildcard_hosts": false})
		severity == "medium"
		message == sprintf("Ingress 'shop' takes the traffic of hosts that nobody named: '%s'", [host])
	}
	found(ingress({}, {"rules": [{"host": "a.b"}]}), {"allow_wildcard_hosts": false}) == set()
}

pod(fields) := {"kind": "Pod", "metadata": {"name": "web"}, "spec": object.union(
	{"containers": [{"name": "web", "ports": [{"containerPort": 80}, {"containerPort": 80, "hostPort": 8080}]}]},
	fields,
)}

test_ports_of_the_node if {
	found(pod({}), {}) == set()
	found(pod({}), {"allow_host_ports": false}) == {[
		"medium",
		"Container 'web' takes port 8080 of its node",
		["spec", "containers", 0, "ports", 1, "hostPort"],
	]}
	found(pod({"hostNetwork": true}), {"allow_host_ports": false}) == set()
}

service(spec) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}

test_types_of_services if {
	parameters := {"allowed_service_types": ["ClusterIP"]}
	every type in ["NodePort", "LoadBalancer"] {
		found(service({"type": type}), {}) == set()
		found(service({"type": type}), parameters) == {[
			"medium",
			sprintf("Service 'web' can be reached from outside the cluster: its type is %s", [type]),
			["spec", "type"],
		]}
	}
	found(service({}), parameters) == set()
	found(service({"type": "ClusterIP"}), parameters) == set()
	found(object.union(service({"type": "NodePort"}), {"apiVersion": "serving.knative.dev/v1"}), parameters) == set()
}

test_what_is_no_type_is_not_exposed if {
	every type, count_ in {"Clusterip": 0, "NodePort": 1} {
		service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"type": type}}
		parameters := {"allowed_service_types": ["ClusterIP"]}
		count(exposure.violation) == count_ with input as {"resource": service, "parameters": parameters}
	}
}
