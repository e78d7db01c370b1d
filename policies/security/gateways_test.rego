package attest.gateways_test

import data.attest.gateways

found(resource, inventory) := {[v.severity, v.message, concat("/", [sprintf("%v", [key]) | some key in v.path])] |
	some v in gateways.violation with input as {"resource": resource} with data.inventory as inventory
	v.fix != ""
}

resource(kind, spec) := {
	"apiVersion": "gateway.networking.k8s.io/v1",
	"kind": kind,
	"metadata": {"name": "x", "namespace": "shop"},
	"spec": spec,
}

listener(fields) := resource("Gateway", {"listeners": [object.union(
	{"name": "web", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "web"}]}},
	fields,
)]})

test_certificates_of_listeners if {
	found(listener({}), {}) == set()
	every protocol in ["HTTPS", "TLS"] {
		bare := resource("Gateway", {"listeners": [{"protocol": protocol}]})
		message := sprintf("Gateway 'x' has a listener for %s without a certificate", [protocol])
		found(bare, {}) == {["medium", message, "spec/listeners/0"]}
	}
	every tls in [{"mode": "Passthrough"}, {"options": {"a": "b"}}] {
		found(resource("Gateway", {"listeners": [{"protocol": "TLS", "tls": tls}]}), {}) == set()
	}
	found(resource("Gateway", {"listeners": [{"protocol": "HTTP"}]}), {}) == set()
	found(listener({"tls": {"certificateRefs": [{"name": "web", "namespace": "pay"}]}}), {}) == {[
		"medium",
		"Gateway 'x' uses a certificate of namespace 'pay'",
		"spec/listeners/0/tls/certificateRefs/0/namespace",
	]}
	found(listener({"tls": {"certificateRefs": [{"name": "web", "namespace": "shop"}]}}), {}) == set()
}

test_routes_of_a_listener if {
	found(listener({"allowedRoutes": {"namespaces": {"from": "All"}}}), {}) == {[
		"medium",
		"Gateway 'x' takes routes of every namespace",
		"spec/listeners/0/allowedRoutes/namespaces/from",
	]}
	found(listener({"allowedRoutes": {"namespaces": {"from": "Same"}}}), {}) == set()
}

test_clients if {
	mode := {"validation": {"mode": "AllowInsecureFallback"}}
	every frontend, path in {
		{"default": mode}: "default/validation/mode",
		{"perPort": [{"tls": mode}]}: "perPort/0/tls/validation/mode",
	} {
		found(resource("Gateway", {"tls": {"frontend": frontend}}), {}) == {[
			"high",
			"Gateway 'x' lets clients in whose certificate does not hold",
			sprintf("spec/tls/frontend/%s", [path]),
		]}
	}
}

route(fields) := resource("HTTPRoute", object.union({"hostnames": ["shop.company.com"]}, fields))

test_hosts if {
	found(route({}), {}) == set()
	every hosts, path in {[]: "spec/hostnames", ["a.b", "*.b"]: "spec/hostnames/1"} {
		found(route({"hostnames": hosts}), {}) == {[
			"medium",
			"HTTPRoute 'x' takes the traffic of hosts that nobody named",
			path,
		]}
	}
	found(object.union(route({"hostnames": []}), {"apiVersion": "example.com/v1"}), {}) == set()
}

to(backend) := route({"rules": [{"backendRefs": [backend]}]})

test_backends_of_other_namespaces if {
	expected := {[
		"medium",
		"HTTPRoute 'x' forwards to a backend of namespace 'pay'",
		"spec/rules/0/backendRefs/0/namespace",
	]}
	found(to({"name": "web", "namespace": "pay"}), {}) == expected
	found(object.remove(to({"name": "web", "namespace": "pay"}), ["metadata"]), {}) == {[
		"medium",
		"HTTPRoute '' forwards to a backend of namespace 'pay'",
		"spec/rules/0/backendRefs/0/namespace",
	]}
	found(to({"name": "web", "namespace": "shop"}), {}) == set()
}

around(kinds) := {"namespace": {"shop": {"v1": kinds}}}

gateway := around({"Gateway": {"web": {"spec": {"listeners": [
	{"name": "plain", "port": 80, "protocol": "HTTP"},
	{"name": "tls", "port": 443, "protocol": "HTTPS"},
]}}}})

test_listeners_in_plain_text if {
	message := "HTTPRoute 'x' is served in plain text by Gateway 'web'"
	every parent in [{"name": "web"}, {"name": "web", "sectionName": "plain"}, {"name": "web", "port": 80}] {
		found(route({"parentRefs": [parent]}), gateway) == {["medium", message, "spec/parentRefs/0/name"]}
	}
	redirect := [{"filters": [{"requestRedirect": {"scheme": "https"}}]}]
	every fields in [
		{"parentRefs": [{"name": "web", "sectionName": "tls"}]},
		{"parentRefs": [{"name": "web", "port": 443}]},
		{"parentRefs": [{"name": "other"}]},
		{"parentRefs": [{"name": "web"}], "rules": redirect},
	] {
		found(route(fields), gateway) == set()
	}
}

test_backends_in_plain_text if {
	expected := {["medium", "HTTPRoute 'x' speaks plain text with port 443 of 'web'", "spec/rules/0/backendRefs/0/port"]}
	found(to({"name": "web", "port": 443}), {}) == expected
	every kind in ["BackendTLSPolicy", "BackendConfigPolicy"] {
		found(to({"name": "web", "port": 443}), around({kind: {"p": {"spec": {"targetRefs": [{"name": "web"}]}}}})) == set()
	}
	found(to({"name": "web", "port": 8080}), {}) == set()
}

policy(skip) := object.union(
	resource("BackendConfigPolicy", {"tls": {"insecureSkipVerify": skip}}),
	{"apiVersion": "gateway.kgateway.dev/v1alpha1"},
)

test_certificates_of_backends if {
	found(policy(true), {}) == {[
		"high",
		"BackendConfigPolicy 'x' takes any certificate of a backend",
		"spec/tls/insecureSkipVerify",
	]}
	found(policy(false), {}) == set()
}
