# METADATA
# title: Gateways
# description: >-
#   Gateways and routes of the Gateway API serve named hosts by TLS and let nobody else in. A listener for TLS has its
#   certificates, in its own namespace, and takes routes of namespaces that somebody chose; clients whose certificate
#   does not hold stay out. A route names its hosts and backends of its own namespace, is not served in plain text but to
#   redirect, and speaks TLS with backends on ports of TLS, whose certificates are verified. Gateways, Services and
#   policies of backends are looked up among the files of the run.
# scope: package
# related_resources:
#   - ref: https://gateway-api.sigs.k8s.io/guides/tls/
#     description: TLS in the Gateway API
#   - ref: https://gateway-api.sigs.k8s.io/concepts/security-model/
#     description: Security model of the Gateway API
# custom:
#   name: gateways
#   severity: medium
#   remediation: Serve named hosts by TLS, with certificates and backends of the same namespace.
#   inventory: [BackendConfigPolicy, BackendTLSPolicy, Gateway]
#   profiles: [strict, nsa]
#   controls:
#     - SOC2-CC6.6
#     - SOC2-CC6.7
#   checks:
#     polaris:
#       [
#         gatewayAllowedRoutesAll, gatewayCrossNamespaceCertificateRef, gatewayInsecureFrontendValidation,
#         gatewayTLSMissing, httpRouteBackendTLSMissing, httpRouteCrossNamespaceBackendRef,
#         httpRouteInsecureListener, httpRouteWildcardOrEmptyHost, kgatewayBackendTLSVerificationDisabled,
#       ]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       tls_ports:
#         type: array
#         items: {type: integer}
#         default: [443, 6443, 8443, 9443]
#         description: Ports on which backends are taken to speak TLS.
package attest.gateways

import data.attest.lib

is_a(kind) if {
	input.resource.kind == kind
	lib.api_group in {"gateway.networking.k8s.io", "gateway.kgateway.dev"}
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.certificate, "controls": controls.transmission} if {
	is_a("Gateway")
	some i, listener in input.resource.spec.listeners
	listener.protocol in {"HTTPS", "TLS"}
	lib.field(listener, ["tls", "mode"], "Terminate") == "Terminate"
	lib.field(listener, ["tls", "certificateRefs"], []) == []
	lib.field(listener, ["tls", "options"], {}) == {}
	path := lib.deepest(["spec", "listeners", i], ["tls", "certificateRefs"])
	message := sprintf("%s has a listener for %s without a certificate", [lib.this, listener.protocol])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.routes, "controls": controls.boundary} if {
	is_a("Gateway")
	some i, listener in input.resource.spec.listeners
	listener.allowedRoutes.namespaces.from == "All"
	path := ["spec", "listeners", i, "allowedRoutes", "namespaces", "from"]
	message := sprintf("%s takes routes of every namespace", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.reference, "controls": controls.boundary} if {
	is_a("Gateway")
	some i, listener in input.resource.spec.listeners
	some j, reference in listener.tls.certificateRefs
	is_foreign(reference)
	path := ["spec", "listeners", i, "tls", "certificateRefs", j, "namespace"]
	message := sprintf("%s uses a certificate of namespace '%s'", [lib.this, reference.namespace])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.fallback, "controls": controls.boundary} if {
	is_a("Gateway")
	some path in ({["spec", "tls", "frontend", "default", "validation", "mode"]} | {p |
		some i, _ in input.resource.spec.tls.frontend.perPort
		p := ["spec", "tls", "frontend", "perPort", i, "tls", "validation", "mode"]
	})
	lib.field(input.resource, path, "") == "AllowInsecureFallback"
	message := sprintf("%s lets clients in whose certificate does not hold", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.hosts, "controls": controls.boundary} if {
	is_a("HTTPRoute")
	some path in unnamed_hosts
	message := sprintf("%s takes the traffic of hosts that nobody named", [lib.this])
}

unnamed_hosts contains lib.deepest(["spec"], ["hostnames"]) if {
	lib.field(input.resource, ["spec", "hostnames"], []) == []
}

unnamed_hosts contains ["spec", "hostnames", i] if {
	some i, host in input.resource.spec.hostnames
	startswith(lib.text(host), "*")
}

# The backends of a route, by where they stand.
backends[path] := reference if {
	is_a("HTTPRoute")
	some i, rule in input.resource.spec.rules
	some j, reference in rule.backendRefs
	path := ["spec", "rules", i, "backendRefs", j]
}

violation contains {"message": message, "severity": "medium", "path": array.concat(path, ["namespace"]), "fix": fixes.reference, "controls": controls.boundary} if {
	some path, reference in backends
	is_foreign(reference)
	message := sprintf("%s forwards to a backend of namespace '%s'", [lib.this, reference.namespace])
}

is_foreign(reference) if {
	is_string(reference.namespace)
	reference.namespace != ""
	reference.namespace != own_namespace
}

own_namespace := lib.namespace

own_namespace := "" if not lib.namespace

violation contains {"message": message, "severity": "medium", "path": ["spec", "parentRefs", i, "name"], "fix": fixes.listener, "controls": controls.transmission} if {
	is_a("HTTPRoute")
	not redirects
	some i, parent in input.resource.spec.parentRefs
	some listener in lib.around[_].Gateway[parent.name].spec.listeners
	lib.field(parent, "sectionName", lib.field(listener, "name", "")) == lib.field(listener, "name", "")
	lib.field(parent, "port", lib.field(listener, "port", 0)) == lib.field(listener, "port", 0)
	listener.protocol == "HTTP"
	message := sprintf("%s is served in plain text by Gateway '%s'", [lib.this, parent.name])
}

# Does the route nothing but send clients to HTTPS?
redirects if {
	input.resource.spec.rules[_]
	every rule in input.resource.spec.rules {
		some filter in rule.filters
		filter.requestRedirect.scheme == "https"
	}
}

violation contains {"message": message, "severity": "medium", "path": array.concat(path, ["port"]), "fix": fixes.backend, "controls": controls.transmission} if {
	some path, reference in backends
	reference.port in lib.parameter("tls_ports", [443, 6443, 8443, 9443])
	not has_tls(reference)
	message := sprintf("%s speaks plain text with port %v of '%v'", [lib.this, reference.port, lib.field(reference, "name", "")])
}

has_tls(reference) if {
	is_string(reference.name)
	some kind in ["BackendTLSPolicy", "BackendConfigPolicy"]
	some policy in lib.around[_][kind]
	some target in policy.spec.targetRefs
	target.name == reference.name
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.verify, "controls": controls.transmission} if {
	is_a("BackendConfigPolicy")
	path := ["spec", "tls", "insecureSkipVerify"]
	lib.field(input.resource, path, false) == true
	message := sprintf("%s takes any certificate of a backend", [lib.this])
}

fixes := {
	"certificate": "Set tls.certificateRefs of the listener to the Secret of the certificate.",
	"routes": "Set allowedRoutes.namespaces.from to `Same`, or to `Selector` with the labels of the namespaces that are meant.",
	"reference": "Remove namespace from the certificateRefs or backendRefs, and keep what is named beside the resource.",
	"fallback": "Set validation.mode to `AllowValidOnly`.",
	"hosts": "List in spec.hostnames the names that the service is reached by.",
	"listener": "Set sectionName to a listener for HTTPS, and redirect to it with a route of its own.",
	"backend": "Add a BackendTLSPolicy whose spec.targetRefs name the Service.",
	"verify": "Set spec.tls.insecureSkipVerify to `false`, and name the authority of the certificate.",
}

controls := {
	"boundary": ["SOC2-CC6.6"],
	"transmission": ["SOC2-CC6.7"],
}
