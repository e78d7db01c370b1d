package attest.authentication_test

import data.attest.authentication

ingress(namespace, annotations) := {
	"apiVersion": "networking.k8s.io/v1",
	"kind": "Ingress",
	"metadata": {"name": "web", "namespace": namespace, "annotations": annotations},
}

found(resource, parameters) := {[v.message, v.severity, v.path] |
	some v in authentication.violation with input as {"resource": resource, "parameters": parameters}
}

open := {["Ingress 'web' lets everyone in: nothing authenticates its users", "medium", ["metadata", "annotations"]]}

test_an_ingress_in_production_authenticates_its_users if {
	every annotations in [{}, {"kubernetes.io/ingress.class": "nginx"}, {"alb.ingress.kubernetes.io/auth-type": "none"}] {
		found(ingress("production", annotations), {}) == open
		found(ingress("shop", annotations), {}) == set()
	}
	every annotations in [
		{"nginx.ingress.kubernetes.io/auth-url": "https://sso.company.com/auth"},
		{"alb.ingress.kubernetes.io/auth-type": "oidc"},
		{"soc2.attest.continuu.ms/authentication": "application"},
		{"soc2.attest.continuu.ms/public": "true"},
	] {
		found(ingress("production", annotations), {}) == set()
	}
}

test_the_annotations_are_a_parameter if {
	parameters := {"authentication_annotations": ["company.com/sso"]}
	found(ingress("production", {"company.com/sso": "on"}), parameters) == set()
	found(ingress("production", {"alb.ingress.kubernetes.io/auth-type": "oidc"}), parameters) == open
}

test_a_password_alone_is_no_second_factor if {
	key := "nginx.ingress.kubernetes.io/auth-type"
	found(ingress("production", {key: "basic"}), {}) == {[
		sprintf("Ingress 'web' asks for a password alone, not for a second factor: %s is basic", [key]),
		"medium",
		["metadata", "annotations", key],
	]}
}

test_where_nobody_needs_to_sign_in_a_password_will_do if {
	basic := {"nginx.ingress.kubernetes.io/auth-type": "basic"}
	found(ingress("shop", basic), {}) == set()
	found(ingress("production", object.union(basic, {"soc2.attest.continuu.ms/public": "true"})), {}) == set()
}

secret(type) := {"kind": "Secret", "metadata": {"name": "ci"}, "type": type}

test_tokens_expire if {
	found(secret("kubernetes.io/service-account-token"), {}) == {
		["Secret 'ci' is a token that never expires", "medium", ["type"]],
	}
	found(secret("Opaque"), {}) == set()
}

pod(arguments) := {"kind": "Pod", "spec": {"containers": [{"name": "web", "command": ["serve"], "args": arguments}]}}

test_servers_keep_their_authentication_on if {
	every argument in [
		"--anonymous-auth", "--anonymous-auth=true", "--authorization-mode=AlwaysAllow", "--enable-skip-login",
		"--disable-auth=true", "--token-auth-file=/etc/tokens.csv",
	] {
		found(pod(["--v=2", argument]), {}) == {[
			sprintf("Container 'web' is started with its authentication off: %s", [argument]),
			"high",
			["spec", "containers", 0, "args", 1],
		]}
	}
	found(pod(["--anonymous-auth=false", "--authorization-mode=RBAC", 7]), {}) == set()
}

test_flags_within_scripts if {
	script := "/usr/local/bin/kube-apiserver --secure-port=443 --token-auth-file=/srv/tokens.csv  --anonymous-auth=false"
	{v.message | some v in authentication.violation with input.resource as pod(["-c", script])} == {
		"Container 'web' is started with its authentication off: --token-auth-file=/srv/tokens.csv",
	}
}
