package attest.secrets_test

import data.attest.secrets

pod(fields) := {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [object.union({"name": "web"}, fields)]}}

variable(name, value) := pod({"env": [{"name": name, "value": value}]})

config(data_) := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data_}

found(resource, parameters) := {[v.severity, v.message, v.path] |
	some v in secrets.violation with input as {"resource": resource, "parameters": parameters}
	v.secret == true
	v.fix != ""
}

at(resource) := {path | some [_, _, path] in found(resource, {})}

test_variables_called_secrets if {
	every name in [
		"DB_PASSWORD", "dbPassword", "PGPASSWD", "API_TOKEN", "apiKey", "AWS_SECRET_ACCESS_KEY", "ACCESS_KEY",
		"client-secret", "ROOT_PASSWORD_2", "CREDENTIALS", "SSH_PASSPHRASE",
	] {
		found(variable(name, "corr3ct-h0rse-9"), {}) == {[
			"high",
			sprintf("A secret in plain text: variable %s of Container 'web'", [name]),
			["spec", "containers", 0, "env", 0, "value"],
		]}
	}
}

test_names_that_only_speak_of_secrets if {
	every name in [
		"PASSWORD_FILE", "TOKEN_TTL", "SECRET_NAME", "PUBLIC_KEY", "PUBLIC_ACCESS_TOKEN", "MAX_TOKEN", "TOKENS",
		"KEYBOARD", "AWS_ACCESS_KEY_ID",
	] {
		at(variable(name, "corr3ct-h0rse-9")) == set()
	}
}

test_values_that_are_no_secret if {
	every value in [
		"", "true", "disabled", "$(PASSWORD)", "${PASSWORD}", "x-${PASSWORD}", "{{ .Values.password }}", "<password>",
		"***", "xxxx", "/run/secrets/password", "./password", "vault:secret/data/db", "vault:/x", "file:///run/x",
		"tls.key", "REDACTED", "%PASSWORD%", "1",
	] {
		at(variable("PASSWORD", value)) == {p | value == "vault:secret/data/db"; p := ["spec", "containers", 0, "env", 0, "value"]}
	}
}

test_names_of_secrets_are_no_secrets if {
	every value in ["web-tls", "shop/web-tls", "4096", "token", "DB_TOKEN"] {
		at(variable("TLS_SECRET", value)) == set()
		at(variable("ACCESS_TOKEN", value)) == set()
	}
	every name in ["CLIENT_SECRET", "APP_SECRET", "PASSWORD"] {
		count(at(variable(name, "web-tls"))) == 1
	}
	count(at(variable("ACCESS_TOKEN", "a1b2c3d4-e5f6"))) == 1
}

test_names_that_are_allowed if {
	found(variable("DEMO_TOKEN", "a1b2c3d4e5f6"), {"allowed_names": ["DEMO_TOKEN"]}) == set()
}

known := {
	"A token of a known service": [
		concat("", ["AKIA", "IOSFODNN7EXAMPLE"]),
		concat("", ["ghp", "_0123456789abcdefghijklmnopqrstuvwxyz"]),
		concat("", ["glpat", "-0123456789abcdefghij"]),
		concat("", ["eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlIQ"]),
	],
	"A URL with its password": ["amqp://shop:horse@mq", "redis://:horse@cache:6379"],
	"A private key": ["-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuv\n"],
}

test_values_that_look_like_secrets_whatever_they_are_called if {
	every what, values in known {
		every value in values {
			every resource in [variable("X", value), pod({"args": [value]}), config({"x": sprintf("a: %s", [value])})] {
				some [_, message, _] in found(resource, {})
				startswith(message, sprintf("%s in plain text: ", [what]))
			}
		}
	}
}

test_values_that_look_almost_like_secrets if {
	every value in [
		"http://user@host", "http://host:80/a@b", "amqp://shop:$(PASSWORD)@mq", "amqp://shop:<password>@mq",
		"-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuv",
		"AKIA", "eyJ.eyJ.x",
	] {
		at(variable("X", value)) == set()
		at(config({"x": value})) == set()
	}
}

test_options if {
	every args, i in {["--password=horse"]: 0, ["-token=a1b2c3d4"]: 0, ["--password", "horse"]: 1} {
		at(pod({"args": args})) == {["spec", "containers", 0, "args", i]}
	}
	every args in [["--password", "--verbose"], ["password", "horse"], ["--password-file", "/x"], ["--password"]] {
		at(pod({"args": args})) == set()
	}
	found(pod({"command": ["sh", "export DB_PASSWORD=horse\nrun"]}), {}) == {[
		"high",
		"A secret in plain text: command[1] of Container 'web'",
		["spec", "containers", 0, "command", 1],
	]}
}

test_lines_of_files if {
	every line in [
		"password: horse", "  db.password = horse", "\"password\": \"horse\"", "export DB_PASSWORD='horse'",
		"- client_secret: horse", "aws_secret_access_key=a1b2c3",
	] {
		at(config({"f": sprintf("a: b\n%s\nc: d", [line])})) == {["data", "f"]}
	}
	every line in ["password:", "password: ${PASSWORD}", "# ask for a password", "passwordFile: /x", "password: true"] {
		at(config({"f": sprintf("a: b\n%s\nc: d", [line])})) == set()
	}
}

secret(fields) := object.union({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}, fields)

test_secrets if {
	found(secret({"stringData": {"password": "horse", "user": "shop"}}), {}) == {[
		"high",
		"A secret in plain text: password of Secret 's'",
		["stringData", "password"],
	]}
	encoded := secret({"data": {"password": base64.encode("horse"), "token": "%", "user": base64.encode("shop")}})
	found(encoded, {}) == set()
	count(found(encoded, {"scan_encoded": true})) == 1
	found(object.union(encoded, {"apiVersion": "shop.io/v1"}), {"scan_encoded": true}) == set()
}
