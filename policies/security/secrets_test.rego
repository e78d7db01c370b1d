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
		"client-secret", "ROOT_PASSWORD_2", "CREDENTIALS", "SSH_PASSPHRASE", "DB_PASS", "MYSQL_PWD", "smtp.pass", "dbPass",
		"PASS",
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
		"KEYBOARD", "AWS_ACCESS_KEY_ID", "BYPASS", "COMPASS", "encompass", "OLDPWD",
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
		concat("", ["sk", "-proj-0123456789abcdefghijklmnopqrstuvwxyz0123456789"]),
		concat("", ["sk", "-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz0123456789"]),
		concat("", ["hf", "_abcdefghijklmnopqrstuvwxyzABCDEFGH"]),
		concat("", ["dckr", "_pat_0123456789abcdefghijklmnopq"]),
		concat("", ["pypi", "-AgEIcHlwaS5vcmc0123456789abcdefghijklmnopqrstuvwxyz0123456789"]),
		concat("", ["https://hooks.slack.com", "/services/T01234567/B01234567/0123456789abcdefghijklmn"]),
	],
	"A password in a connection string": [
		"Server=db;User Id=shop;Password=c0rrect-horse;", "jdbc:mysql://db/shop?user=shop&password=c0rrect-horse",
		"AccountName=shop;AccountKey=aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8=;", "shop:c0rrect-horse@tcp(db:3306)/shop",
	],
	"Credentials of a request": [
		"Authorization: Bearer a1b2c3d4e5f6a7b8c9d0", "authorization: basic c2hvcDpjMHJyZWN0LWhvcnNl",
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
		"AKIA", "eyJ.eyJ.x", "Server=db;Password=$(PASSWORD);", "x?user=a&password=<password>", "a;password=;b",
		"shop:$(PASSWORD)@tcp(db:3306)/shop", "Authorization: Bearer $(TOKEN)", "Authorization: Bearer {{ .Token }}", "sk-short",
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

test_headers_of_probes_and_hooks if {
	header := {"name": "Authorization", "value": "Basic c2hvcDpjMHJyZWN0LWhvcnNl"}
	call := {"httpGet": {"port": 80, "httpHeaders": [header]}}
	every fields, path in {
		{"livenessProbe": call}: ["livenessProbe"],
		{"lifecycle": {"preStop": call}}: ["lifecycle", "preStop"],
	} {
		found(pod(fields), {}) == {[
			"high",
			"Credentials of a request in plain text: header Authorization of Container 'web'",
			array.concat(array.concat(["spec", "containers", 0], path), ["httpGet", "httpHeaders", 0, "value"]),
		]}
	}
	at(pod({"livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Accept", "value": "text/html"}]}}})) == set()
}

test_forms_of_files if {
	every text in [
		"<db>\n<password>horse</password></db>", "machine x login shop password horse",
		"{\"auths\": {\"r\": {\"auth\": \"c2hvcDpjMHJyZWN0LWhvcnNl\"}}}",
	] {
		at(config({"f": text})) == {["data", "f"]}
	}
	first := "password: ${PASSWORD}\ndb_password: horse"
	{v.line | some v in secrets.violation with input as {"resource": config({"f": first}), "parameters": {}}} == {2}
	every text in ["<password>${PASSWORD}</password>", "<password></password>", "{\"auth\": \"oidc\"}"] {
		at(config({"f": text})) == set()
	}
}

test_keys_that_are_encoded if {
	key := base64.encode(known["A private key"][0])
	binary := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "binaryData": {"k": key}}
	at(variable("X", key)) == {["spec", "containers", 0, "env", 0, "value"]}
	at(binary) == {["binaryData", "k"]}
	at(object.union(binary, {"binaryData": {"k": base64.encode("a picture")}})) == set()
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
}

annotated(annotations_) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "annotations": annotations_}}

test_annotations if {
	found(annotated({"company.com/db-password": "corr3ct-h0rse-9"}), {}) == {[
		"high",
		"A secret in plain text: annotation company.com/db-password of Service 's'",
		["metadata", "annotations", "company.com/db-password"],
	]}
	every value in [known["A token of a known service"][0], known["A URL with its password"][0]] {
		count(at(annotated({"company.com/note": value}))) == 1
	}
	template := {"metadata": {"annotations": {"password": "corr3ct-h0rse-9"}}, "spec": {"containers": []}}
	deployment := {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": template}}
	at(deployment) == {["spec", "template", "metadata", "annotations", "password"]}
	every key, value in {
		"checksum/secret": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"nginx.ingress.kubernetes.io/auth-secret": "shop/basic-auth",
		"vault.hashicorp.com/agent-inject-secret-db-password": "database/creds/db-app",
		"kubectl.kubernetes.io/last-applied-configuration": "{\"password\": \"corr3ct-h0rse-9\"}",
		"company.com/password": "see the runbook on how to set it",
	} {
		at(annotated({key: value})) == set()
	}
}

custom(spec) := {"apiVersion": "db.company.com/v1", "kind": "Database", "metadata": {"name": "d"}, "spec": spec}

test_kinds_of_others if {
	found(custom({"admin": {"password": "corr3ct-h0rse-9", "user": "shop"}}), {}) == {[
		"high",
		"A secret in plain text: spec.admin.password of Database 'd'",
		["spec", "admin", "password"],
	]}
	every spec, path in {
		{"sources": [{"url": known["A URL with its password"][0]}]}: ["sources", 0, "url"],
		{"parameters": [{"name": "auth.password", "value": "corr3ct-h0rse-9"}]}: ["parameters", 0, "value"],
		{"values": "auth:\n  password: corr3ct-h0rse-9\n"}: ["values"],
		{"apiKey": known["A token of a known service"][0]}: ["apiKey"],
		{"template": {"spec": {"containers": [{"image": "a", "env": [{"name": "DB_PASSWORD", "value": "horse"}]}]}}}: [
			"template", "spec", "containers", 0, "env", 0, "value",
		],
	} {
		at(custom(spec)) == {array.concat(["spec"], path)}
	}
	every spec in [
		{"secretKey": "dbPassword"}, {"secretKey": "password"}, {"passwordSecretRef": {"name": "db", "key": "password"}},
		{"tokenSecret": "web-token"}, {"password": "{{ .password }}"}, {"password": "ENC[AES256_GCM,data:x==]"},
		{"secret": "shop-db"}, {"password": {"name": "a"}}, {"password": true},
	] {
		at(custom(spec)) == set()
	}
	sealed := {"encryptedData": {"password": "AgBy3i4OJSWKPiTySYZZA9rO43cGDEq"}}
	at(object.union(custom(sealed), {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret"})) == set()
	at(object.union(custom({}), {"status": {"password": "corr3ct-h0rse-9"}})) == set()
}

test_parameters_of_storage if {
	at({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "parameters": {"restuserkey": "x", "password": "horse-9"}}) == {
		["parameters", "password"],
	}
	volume := {"csi": {"driver": "smb.csi.k8s.io", "volumeAttributes": {"password": "horse-9", "source": "//nas/shop"}}}
	at({"apiVersion": "v1", "kind": "PersistentVolume", "spec": volume}) == {["spec", "csi", "volumeAttributes", "password"]}
	at({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": [volume], "containers": []}}) == {
		["spec", "volumes", 0, "csi", "volumeAttributes", "password"],
	}
}

test_commands if {
	every line in [
		["curl", "-u", "shop:c0rrect-horse", "https://company.com"],
		["curl", "-sushop:c0rrect-horse", "https://company.com"],
		["curl", "-s", "--user=shop:c0rrect-horse", "https://company.com"],
		["curl", "--user", "shop:c0rrect-horse", "https://company.com"],
		["mysql", "-uroot", "-pc0rrect-horse"],
		["redis-cli", "-a", "c0rrect-horse", "ping"],
		["sshpass", "-p", "c0rrect-horse", "ssh", "nas"],
		["docker", "login", "-u", "shop", "-p", "c0rrect-horse", "company.com"],
		["mongosh", "-u", "shop", "-p", "c0rrect-horse"],
		["redis-server", "--requirepass", "c0rrect-horse"],
		["wget", "--password=c0rrect-horse", "https://company.com"],
	] {
		count(at(pod({"command": line}))) == 1
		at(pod({"command": ["sh", "-c", concat(" ", line)]})) == {["spec", "containers", 0, "command", 2]}
		at(config({"run.sh": sprintf("#!/bin/sh\nset -e\n%s\n", [concat(" ", line)])})) == {["data", "run.sh"]}
	}
	every line in [
		"cd / && PGPASSWORD=c0rrect-horse psql -h db", "java -Ddb.password=c0rrect-horse -jar shop.jar",
		"helm install web . --set auth.password=c0rrect-horse",
	] {
		at(pod({"args": ["-c", line]})) == {["spec", "containers", 0, "args", 1]}
	}
	every line in [
		"curl -u \"$USER:$PASSWORD\" https://company.com", "curl -u shop: https://company.com", "curl -u ${A}:${B} x",
		"mysql -uroot -p$PASSWORD", "mysql -p -uroot", "redis-cli -a \"${REDIS_PASSWORD}\"", "redis-cli -p 6379 ping",
		"docker login --password-stdin", "mkdir -p /data/shop", "mysql -uroot -p\"$(cat /run/password)\"",
		"echo \"password: $PASSWORD\"", "PGPASSWORD=$PASSWORD psql", "ssh -p 2222 nas", "docker run -p 8080:80 shop",
		"adduser --disabled-password shop", "test --password \"\" shop", "mysql --password=\"$P\"",
	] {
		at(pod({"command": ["sh", "-c", line]})) == set()
		at(pod({"command": split(line, " ")})) == set()
	}
}

test_commands_of_probes_and_hooks if {
	exec := {"exec": {"command": ["sh", "-c", "mysqladmin ping -uroot -pc0rrect-horse"]}}
	every fields, path in {
		{"livenessProbe": exec}: ["livenessProbe"],
		{"lifecycle": {"postStart": exec}}: ["lifecycle", "postStart"],
	} {
		found(pod(fields), {}) == {[
			"high",
			"A secret in plain text: command[2] of Container 'web'",
			array.concat(array.concat(["spec", "containers", 0], path), ["exec", "command", 2]),
		]}
	}
}

test_files_that_programs_know if {
	every name, value in {
		".pgpass": "db.company.com:5432:*:shop:c0rrect-horse",
		"pgpass.conf": "# hosts\n*:*:shop:shop:c0rrect-horse\n",
		".npmrc": "//npm.company.com/:_authToken=c0rrect-horse-9",
		"config.json": "{\"user\":\"shop\",\"password\":\"c0rrect-horse\"}",
		"wp-config.php": "define( 'DB_PASSWORD', 'c0rrect-horse' );",
		"db.php": "'password' => 'c0rrect-horse',",
	} {
		at(config({name: value})) == {["data", name]}
	}
	every name, value in {
		".pgpass": "db:5432:*:shop:${PASSWORD}", "hosts": "a:80:b:c:d", "config.json": "{\"password\": \"\"}",
		".npmrc": "//npm.company.com/:_authToken=${NPM_TOKEN}",
	} {
		at(config({name: value})) == set()
	}
}
