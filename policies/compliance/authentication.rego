# METADATA
# title: Authentication
# description: >-
#   Nobody comes in unasked. An Ingress in production has its users authenticated (`authentication_annotations` lists by
#   which annotations ingress controllers do that), with more than a password, or declares to be public with
#   `soc2.attest.continuu.ms/public: "true"`; where the application itself signs its users in, it declares that with
#   `soc2.attest.continuu.ms/authentication: application`. In any namespace, servers may not be started with their
#   authentication off, and tokens of ServiceAccounts expire. Production is as in `attest-deployment`.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/controlling-access/
#     description: Controlling access to the Kubernetes API
# custom:
#   name: authentication
#   severity: medium
#   remediation: Have an identity provider ask for a second factor before the Ingress, and use tokens that expire.
#   controls:
#     - SOC2-CC6.1
#     - SOC2-CC6.6
#   profiles:
#     recommended: {require_authentication: false}
#     strict: {}
#     nsa: {require_authentication: false}
#   checks:
#     checkov: [CKV_K8S_68, CKV_K8S_70, CKV_K8S_74, CKV_K8S_138, CKV_K8S_139]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_authentication:
#         type: boolean
#         default: true
#         description: Whether an Ingress in production must have its users authenticated.
#       authentication_annotations:
#         type: array
#         items: {type: string}
#         default:
#           - nginx.ingress.kubernetes.io/auth-url
#           - nginx.ingress.kubernetes.io/auth-tls-secret
#           - nginx.ingress.kubernetes.io/auth-type
#           - traefik.ingress.kubernetes.io/router.middlewares
#           - alb.ingress.kubernetes.io/auth-type
#           - haproxy.org/auth-type
#           - konghq.com/plugins
#           - soc2.attest.continuu.ms/authentication
#         description: Annotations with which an Ingress has its users authenticated.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.authentication

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": lib.annotations_path, "fix": fixes.open, "controls": ["SOC2-CC6.1"]} if {
	is_private_ingress
	count(authenticators) == 0
	message := sprintf("%s lets everyone in: nothing authenticates its users", [lib.this])
}

violation contains {"message": message, "severity": "medium", "path": ["metadata", "annotations", key], "fix": fixes.password, "controls": ["SOC2-CC6.1", "SOC2-CC6.6"]} if {
	is_private_ingress
	some key, value in authenticators
	value in {"basic", "basic-auth", "digest"}
	message := sprintf("%s asks for a password alone, not for a second factor: %s is %s", [lib.this, key, value])
}

authenticators[key] := value if {
	some key in lib.parameter("authentication_annotations", [
		"nginx.ingress.kubernetes.io/auth-url",
		"nginx.ingress.kubernetes.io/auth-tls-secret",
		"nginx.ingress.kubernetes.io/auth-type",
		"traefik.ingress.kubernetes.io/router.middlewares",
		"alb.ingress.kubernetes.io/auth-type",
		"haproxy.org/auth-type",
		"konghq.com/plugins",
		"soc2.attest.continuu.ms/authentication",
	])
	value := lib.text(input.resource.metadata.annotations[key])
	not value in {"", "none"}
}

is_private_ingress if {
	lib.parameter("require_authentication", true)
	lib.is_ingress
	lib.is_production_namespace
	not lib.is_marked("soc2.attest.continuu.ms/public")
}

violation contains {"message": message, "severity": "medium", "path": ["type"], "fix": fixes.token, "controls": ["SOC2-CC6.1"]} if {
	input.resource.kind == "Secret"
	input.resource.type == "kubernetes.io/service-account-token"
	message := sprintf("%s is a token that never expires", [lib.this])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "controls": ["SOC2-CC6.1"]} if {
	some path, argument in lib.arguments
	some [_, flag] in regex.find_all_string_submatch_n(switches_off, argument, 10)
	container_path := array.slice(path, 0, count(path) - 2)
	message := sprintf("%s is started with its authentication off: %s", [lib.describe(container_path), flag])
	fix := sprintf("Remove `%s` from %s of the container.", [flag, path[count(path) - 2]])
}

# Such a flag as an argument, or within the script of a shell.
switches_off := concat("", [
	`(?:^|[\s"'])(--(?:(?:anonymous-auth|enable-skip-login|disable-auth)(?:=true)?`,
	`|authorization-mode=AlwaysAllow|token-auth-file(?:=[^\s"';]*)?))(?:$|[\s"';])`,
])

fixes := {
	"open": concat("", [
		"Set metadata.annotations['nginx.ingress.kubernetes.io/auth-url'], or that of your controller, to your single sign-on;",
		" `soc2.attest.continuu.ms/public: \"true\"` where everyone is meant.",
	]),
	"password": "Set `nginx.ingress.kubernetes.io/auth-url`, or that of your controller, to a sign-on with a second factor.",
	"token": "Remove the Secret, and mount a token that expires: `serviceAccountToken` among the sources of a projected volume.",
}
