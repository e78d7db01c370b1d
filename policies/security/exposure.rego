# METADATA
# title: Exposure
# description: >-
#   What can be reached from outside the cluster, and how. By default refused are snippets of configuration in annotations
#   of an Ingress that run code, read files or forward requests where nginx itself would not, and controllers that allow
#   snippets: with them whoever may write an Ingress reads the Secrets of the cluster. By parameters: every snippet, hosts
#   without TLS, hosts that are wildcards or missing, ports of nodes, and types of Services.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/ingress/
#     description: Ingress
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types
#     description: Types of services
#   - ref: https://github.com/kubernetes/ingress-nginx/issues/7837
#     description: Secrets of the cluster by way of snippets
# custom:
#   name: exposure
#   severity: medium
#   remediation: Serve named hosts by TLS through an Ingress, and keep all else inside the cluster.
#   profiles:
#     recommended: {}
#     strict: &strict
#       allow_snippets: false
#       allow_host_ports: false
#       allow_wildcard_hosts: false
#       require_tls: true
#       allowed_service_types: [ClusterIP, ExternalName]
#     nsa: *strict
#     cis: {allow_host_ports: false}
#   controls:
#     - CIS-1.12-5.2.12
#     - SOC2-CC6.6
#     - SOC2-CC6.7
#   checks:
#     kube-linter: [exposed-services]
#     polaris: [hostPortSet, tlsSettingsMissing]
#     kube-score: [service-type]
#     trivy: [KSV-0024]
#     checkov: [CKV_K8S_26, CKV_K8S_152, CKV_K8S_153, CKV_K8S_154]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       allow_snippets:
#         type: boolean
#         default: true
#         description: Whether an Ingress may bring snippets of configuration that hold nothing dangerous.
#       allow_host_ports:
#         type: boolean
#         default: true
#         description: Whether containers may take ports of their node.
#       allow_wildcard_hosts:
#         type: boolean
#         default: true
#         description: Whether an Ingress may serve all hosts, or all below a domain.
#       require_tls:
#         type: boolean
#         default: false
#         description: Whether every host of an Ingress needs TLS.
#       tls_annotations:
#         type: array
#         items: {type: string}
#         default:
#           - alb.ingress.kubernetes.io/certificate-arn
#           - appgw.ingress.kubernetes.io/appgw-ssl-certificate
#           - ingress.gcp.kubernetes.io/pre-shared-cert
#           - networking.gke.io/managed-certificates
#         description: Annotations by which a load balancer serves TLS without a `tls` section.
#       allowed_service_types:
#         type: array
#         items: {type: string}
#         default: [ClusterIP, ExternalName, LoadBalancer, NodePort]
#         description: Types that Services may have.
package attest.exposure

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.snippet, "controls": controls.snippet} if {
	some path, snippet in snippets
	word := dangerous_word(snippet)
	message := sprintf("%s brings a snippet into the configuration of its controller that holds '%s'", [lib.this, word])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.snippet, "controls": controls.snippet} if {
	not lib.parameter("allow_snippets", true)
	some path, snippet in snippets
	not dangerous_word(snippet)
	message := sprintf("%s brings a snippet into the configuration of its controller", [lib.this])
}

# Pieces of configuration in annotations of an Ingress, by where they stand.
snippets[path] := lib.text(value) if {
	lib.is_ingress
	some key, value in input.resource.metadata.annotations
	regex.match(`^(nginx\.ingress\.kubernetes\.io/[a-z-]*-snippet|nginx\.org/(server|location)-snippets)$`, key)
	path := ["metadata", "annotations", key]
}

dangerous_word(snippet) := min(words) if {
	words := {word |
		some word in regex.find_n(
			concat("", [
				`(?i)\b(\w+_by_lua\w*|lua_\w+|perl\w*|js_\w+|alias|root|include`,
				`|load_module|proxy_pass|ssl_engine|autoindex|dav_methods|client_body_in_file_only)\b|/var/run/secrets`,
			]),
			snippet, 20,
		)
	}
	count(words) > 0
}

violation contains {"message": message, "severity": "high", "path": ["data", key], "fix": fixes.controller, "controls": controls.controller} if {
	input.resource.kind == "ConfigMap"
	lib.api_group == ""
	some key in ["allow-snippet-annotations"]
	input.resource.data[key] == "true"
	message := sprintf("%s lets whoever writes an Ingress configure the controller: %s is true", [lib.this, key])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "controls": controls.tls, "cause": "no TLS"} if {
	lib.parameter("require_tls", false)
	not has_certificate
	some path, host in lib.hosts_without_tls
	message := sprintf("%s serves host '%v' without TLS", [lib.this, host])
	fix := lib.tls_fix(host)
}

has_certificate if {
	some key in lib.parameter("tls_annotations", [
		"alb.ingress.kubernetes.io/certificate-arn",
		"appgw.ingress.kubernetes.io/appgw-ssl-certificate",
		"ingress.gcp.kubernetes.io/pre-shared-cert",
		"networking.gke.io/managed-certificates",
	])
	lib.text(input.resource.metadata.annotations[key]) != ""
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.host, "controls": controls.host} if {
	not lib.parameter("allow_wildcard_hosts", true)
	lib.is_ingress
	some i, entry in input.resource.spec.rules
	host := lib.host_of(lib.element(entry))
	startswith(host, "*")
	path := lib.deepest(["spec", "rules", i], ["host"])
	message := sprintf("%s takes the traffic of hosts that nobody named: '%s'", [lib.this, host])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.host_port, "controls": controls.host_port, "cause": "hostPorts"} if {
	not lib.parameter("allow_host_ports", true)
	some container_path, container in lib.container_parts
	not lib.pods[lib.pod_path_of(container_path)].hostNetwork == true
	some i, port in container.ports
	is_number(port.hostPort)
	port.hostPort > 0
	path := array.concat(container_path, ["ports", i, "hostPort"])
	message := sprintf("%s takes port %v of its node", [lib.describe(container_path), port.hostPort])
}

violation contains {"message": message, "severity": "medium", "path": ["spec", "type"], "fix": fixes.service, "controls": controls.service, "cause": "exposed"} if {
	input.resource.kind == "Service"
	lib.api_group == ""
	type := lib.text(input.resource.spec.type)
	type in service_types # no other is a type at all
	not type in lib.parameter("allowed_service_types", service_types)
	message := sprintf("%s can be reached from outside the cluster: its type is %s", [lib.this, type])
}

service_types := ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]

fixes := {
	"snippet": "Remove it from metadata.annotations; most of what snippets do has an annotation of its own.",
	"controller": "Set data.allow-snippet-annotations to `\"false\"`.",
	"host": "Set host of the rule to the name that the service is reached by, such as `shop.company.com`.",
	"host_port": "Remove hostPort, and reach the pod through a Service.",
	"service": "Set spec.type to `ClusterIP`, and serve it through an Ingress.",
}

controls := {
	"snippet": ["SOC2-CC6.6"],
	"controller": ["SOC2-CC6.6"],
	"tls": ["SOC2-CC6.7"],
	"host": ["SOC2-CC6.6"],
	"host_port": ["CIS-1.12-5.2.12"],
	"service": ["SOC2-CC6.6"],
}
