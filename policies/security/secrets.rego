# METADATA
# title: Secrets in plain text
# description: >-
#   Passwords, tokens and private keys do not stand in manifests, where whoever reads the repository reads them. Searched
#   are the variables and arguments of containers, the commands and headers of their probes, ConfigMaps, the `stringData` of
#   Secrets, annotations, parameters of storage, and all that kinds of others say,
#   for four things: values that look like a key or token of a known service, a private key (encoded as well), a URL or a
#   connection string with its password, or the credentials of a request; values whose variable, option, header or key is
#   called a password, secret or token; such lines within configuration files; and passwords that a command line gives to its
#   program (`curl -u`, `mysql -p`). What is left to be filled in (`$(VAR)`,
#   `${VAR}`, `{{ … }}`, `<…>`, `***`), paths and names of files are no secrets. Messages name where the secret stands and
#   never repeat it, and reports mask it. Encoded values of Secrets are read only with `scan_encoded`, since rendered charts
#   are full of them; the profile `strict` reads them.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/
#     description: Secrets
#   - ref: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
#     description: Good practices for Secrets
# custom:
#   name: secrets
#   severity: high
#   profiles:
#     recommended: {}
#     strict: {scan_encoded: true}
#   remediation: >-
#     Take the value out of the manifest, replace it by a reference to a Secret that is created elsewhere, and change the
#     secret, since it was readable.
#   controls:
#     - SOC2-CC6.1
#   checks:
#     kube-linter: [env-var-secret]
#     polaris: [sensitiveConfigmapContent, sensitiveContainerEnvVar]
#     trivy: [KSV-0109, KSV-01010]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       scan_encoded:
#         type: boolean
#         default: false
#         description: Whether the encoded values of Secrets (`data`) are searched as well.
#       allowed_names:
#         type: array
#         items: {type: string}
#         default: []
#         description: Variables, options and keys that are called like a secret and hold none, such as `PUBLIC_TOKEN`.
package attest.secrets

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": path, "line": line, "fix": fix, "secret": true} if {
	some path, [name, value] in candidates
	not name in lib.parameter("allowed_names", [])
	[what, severity, line] := kind_of(name, value)
	[where, fix] := described(path, name)
	message := sprintf("%s in plain text: %s", [what, where])
}

# Texts that may be secrets, by where they stand: what they are called, and what they say.
candidates[path] := [lib.text(lib.field(variable, "name", "")), variable.value] if some path, variable in lib.variables

candidates[path] := [path[1], value] if some path, value in lib.entries

candidates[path] := [key, value] if {
	input.resource.kind == "ConfigMap"
	lib.api_group == ""
	some key, value in input.resource.binaryData
	is_string(value)
	path := ["binaryData", key]
}

candidates[path] := [name, sprintf("%s: %s", [name, header.value])] if {
	some path, header in lib.headers
	name := lib.text(lib.field(header, "name", ""))
}

candidates[path] := [called(path[count(path) - 1], value), value] if some path, value in lib.annotations

# Names that speak of a sum, or of where an agent looks, say nothing of their value; and neither do those of sentences.
called(key, value) := "" if {
	regex.match(`(?i)(checksum|digest|hash|sha1|sha256)|^vault\.hashicorp\.com/`, key)
} else := "" if {
	regex.match(`\s`, value)
} else := key

candidates[path] := [path[count(path) - 1], value] if some path, value in storage_parameters

storage_parameters[["parameters", key]] := value if {
	input.resource.kind == "StorageClass"
	lib.api_group == "storage.k8s.io"
	some key, value in input.resource.parameters
	is_string(value)
}

storage_parameters[path] := value if {
	some volume_path, volume in attached
	some key, value in volume.csi.volumeAttributes
	is_string(value)
	path := array.concat(volume_path, ["csi", "volumeAttributes", key])
}

attached[path] := volume if some path, volume in lib.volumes

attached[["spec"]] := input.resource.spec if input.resource.kind == "PersistentVolume"

# What kinds of others say; of a pair of name and value, the name is what it is called.
candidates[path] := [name, value] if {
	lib.is_custom
	not is_encrypted
	walk(input.resource, [path, value])
	is_string(value)
	not lib.says_nothing(path)
	not speaks_as_container(path)
	name := name_of(path)
}

is_encrypted if input.resource.kind == "SealedSecret"

speaks_as_container(path) if lib.variables[path]

speaks_as_container(path) if lib.arguments[path]

speaks_as_container(path) if lib.exec_arguments[path]

speaks_as_container(path) if lib.headers[path]

speaks_as_container(path) if lib.annotations[path]

speaks_as_container(path) if storage_parameters[path]

name_of(path) := name if {
	path[count(path) - 1] == "value"
	name := object.get(input.resource, array.concat(array.slice(path, 0, count(path) - 1), ["name"]), null)
	is_string(name)
} else := sprintf("%v", [path[count(path) - 1]])

candidates[["data", key]] := [key, base64.decode(value)] if {
	lib.parameter("scan_encoded", false) == true
	input.resource.kind == "Secret"
	lib.api_group == ""
	some key, value in input.resource.data
	is_string(key)
	is_string(value)
	base64.is_valid(value)
}

# `--password=…`, `--password …`, and scripts.
candidates[path] := [name, value] if {
	some path, argument in all_arguments
	[name, value] := option_of(path, argument)
}

all_arguments := object.union(lib.arguments, lib.exec_arguments)

option_of(path, argument) := ["", command] if {
	not regex.match(`\s`, argument)
	speaking[list_of(path)]
	command := concat(" ", [all_arguments[before] | some i in numbers.range(0, path[count(path) - 1]); before := nth(path, i)])
	says_something(command_ends[_], command)
} else := [name, value] if {
	some [_, name, value] in regex.find_all_string_submatch_n(`^--?([A-Za-z][\w.-]*)=(.+)$`, argument, 1)
} else := [trim_left(flag, "-"), argument] if {
	not startswith(argument, "-")
	flag := all_arguments[nth(path, path[count(path) - 1] - 1)]
	regex.match(`^--[A-Za-z][\w.-]*$`, flag)
} else := ["", argument]

# The path of another element of the same list.
nth(path, i) := array.concat(list_of(path), [i])

list_of(path) := array.slice(path, 0, count(path) - 1)

# The lists of arguments that speak of a command that may be given a password.
speaking contains list if {
	some list in {list_of(path) | some path, _ in all_arguments}
	is_of_commands(concat(" ", [word | some word in object.get(input.resource, list, []); is_string(word)]))
}

# What a value is, how bad, and on which of its lines it says so (0 for the whole).
kind_of(name, value) := ["A private key", "critical", line_of(value, `PRIVATE KEY-----`)] if {
	contains(value, "PRIVATE KEY-----")
	regex.match(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=:,\s-]{40}`, value)
} else := ["A private key", "critical", line_of(value, encoded_key)] if {
	contains(value, "LS0tLS1CRUdJTi")
	regex.match(encoded_key, value)
} else := ["A token of a known service", "critical", line_of(value, pattern)] if {
	count(value) > 16
	some start, pattern in known_tokens
	contains(value, start)
	regex.match(pattern, value)
} else := ["A URL with its password", "high", line_of(value, url_with_password)] if {
	contains(value, "://")
	contains(value, "@")
	regex.match(url_with_password, value)
} else := ["A password in a connection string", "high", line_of(value, concat("|", connection_strings))] if {
	is_of_connections(value)
	says_something(connection_strings[_], value)
} else := ["Credentials of a request", "high", line_of(value, credentials)] if {
	contains(lower(value), "authorization")
	says_something(credentials, value)
} else := ["A secret", "high", 0] if {
	is_called_secret(name)
	is_filled_in(value)
	not is_reference(name, value)
} else := ["A secret", "high", number] if {
	is_of_secrets(value)
	number := first_secret_line(value)
} else := ["A secret", "high", line_of(value, concat("|", commands))] if {
	is_of_commands(value)
	says_something(commands[_], value)
} else := ["A secret", "high", line_of(value, pgpass)] if {
	contains(name, "pgpass")
	says_something(pgpass, value)
}

# Says a pattern something in a text that is more than a place to be filled in?
says_something(pattern, text) if {
	some [whole, value] in regex.find_all_string_submatch_n(pattern, text, 50)
	is_filled_in(value)
	not regex.match(`--(disabled|no|without)-`, whole)
}

first_secret_line(value) := 0 if {
	not contains(value, "\n")
	says_something(secret_forms[_], value)
} else := min(lines) if {
	lines := [number |
		some i, line in split(value, "\n")
		is_of_secrets(line)
		says_something(secret_forms[_], line)
		number := i + 1
	]
	count(lines) > 0
}

# The first line that has what was found.
line_of(value, pattern) := 1 + min([i | some i, line in split(value, "\n"); regex.match(pattern, line)]) if {
	contains(value, "\n")
} else := 0

url_with_password := "://[^\\s/:@\"'`<>]*:[^\\s/:@$<>{}*%\"'`][^\\s/@$<>{}*\"'`]+@"

# Each pattern catches the password.
connection_strings := [
	`(?i)[;&?]\s*(?:password|pwd|accountkey|sharedaccesskey)=([^;&\s"']{4,})`,
	`(?i)^(?:password|pwd)=([^;&\s"']{4,});`,
	`\b[\w.-]+:([^@:/\s]+)@(?:tcp|unix)\(`,
]

# What each of them has, which rules out most texts quickly.
is_of_connections(text) if {
	lowered := lower(text)
	some word in ["password=", "pwd=", "accountkey=", "sharedaccesskey=", "@tcp(", "@unix("]
	contains(lowered, word)
}

credentials := `(?i)\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+([\w+/=.~-]{16,})`

# The beginning of a private key of any kind, as base64 writes it.
encoded_key := `LS0tLS1CRUdJTi(?:BQUklWQVRFIEtF|BSU0EgUFJJVkFURSBL|BFQyBQUklWQVRFIEtF|BEU0EgUFJJVkFURSBL|BPUEVOU1NIIFBSSVZBVEUgS0VZ|BFTkNSWVBURUQgUFJJVkFURSBL|BQR1AgUFJJVkFURSBL)`

# By what they begin with, which rules out other values quickly.
known_tokens := {
	"AIza": `\bAIza[\w-]{35}`,
	"AKIA": `\bAKIA[A-Z0-9]{16}\b`,
	"ASIA": `\bASIA[A-Z0-9]{16}\b`,
	"SG.": `\bSG\.[\w-]{22}\.[\w-]{43}`,
	"_pat_": `\bdckr_pat_[\w-]{27}`,
	"dop_v1_": `\bdop_v1_[a-f0-9]{64}`,
	"hf_": `\bhf_[A-Za-z]{34}\b`,
	"hooks.slack.com": `\bhooks\.slack\.com/services/T\w+/B\w+/\w{20}`,
	"pypi-": `\bpypi-AgE[\w-]{50}`,
	"shpat_": `\bshpat_[a-f0-9]{32}`,
	"sk-": `\bsk-(?:(?:proj|svcacct|admin|ant-[a-z]+[0-9]+)-[\w-]{32}|[A-Za-z0-9]{48})`,
	"_live_": `\b[sr]k_live_\w{20}`,
	"eyJ": `\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10}`,
	"gh": `\bgh[pousr]_[A-Za-z0-9]{36}`,
	"github_pat_": `\bgithub_pat_\w{40}`,
	"glpat-": `\bglpat-[\w-]{20}`,
	"hvs.": `\bhvs\.[\w-]{24}`,
	"npm_": `\bnpm_[A-Za-z0-9]{36}`,
	"xox": `\bxox[abprs]-[\w-]{10}`,
}

is_called_secret(name) if {
	regex.match(secret_name, name)
	not regex.match(`(?i)(^|[_.-])(public|max|min|num)[_.-]?|^-*(disabled|no|without)[_.-]`, name)
}

secret_name := concat("", [
	`(?i)(passw(or)?d|passphrase|secret|token|credentials?`,
	`|(api|access|secret|private|encryption|signing|master|account|auth)[_.-]?key`,
	`|(^|[_.-])(pass|pwd)|(?-i:[a-z0-9](Pass|Pwd)))[_.-]?[0-9]?$`,
])

# Names of Secrets, of variables and of files are no secrets, and neither are numbers that are called tokens.
is_reference(name, value) if {
	regex.match(`(?i)(secret|token|credentials?|key)[_.-]?[0-9]?$`, name)
	regex.match(`^([0-9.]*|[a-z]+|[a-z][a-z0-9]*([-./][a-z0-9]+)+|[A-Z][A-Z_]*|[a-z]+([A-Z][a-z]+)+)$`, value)
	not regex.match(`[a-z][0-9]+[a-z].*[0-9]`, value)
	not regex.match(`(?i)(client|app|api)[_.-]?secret$`, name)
}

is_filled_in(value) if {
	value != ""
	not regex.match(blanks, value)
}

blanks := concat("|", [
	`(?i)^([01]|true|false|yes|no|none|null|nil|on|off|enabled|disabled|required|optional|string|[*x.\s-]+)$`,
	`^["']?[$%<|>&*@/]`, `^["']{2}$`, `^\{`, `^\.{1,2}/`, `\$\(`, `\$\{`, `\{\{`,
	`^[a-z][a-z0-9+.-]*:/`, `^ENC\[`,
	`\.(pem|key|crt|json|ya?ml|txt|conf|properties|env)$`,
	`(?i)(redacted|placeholder|replace|<.*>)`,
])

# Options of programs that are given a password, and variables before them; each pattern catches it.
commands := [
	concat("", [curl, `["']?[^\s:"'$]+:([^\s"']{3,})`]),
	concat("", [mysql, `["']?([^\s"']{4,})`]),
	concat("", [short, `\s+["']?([^\s"']{4,})`]),
	`\bsshpass\s+-p\s*["']?([^\s"']{3,})`,
	`(?i)\s--?[\w.-]*(?:passw(?:or)?d|passphrase|requirepass|masterauth)(?:=|\s+)["']?([^\s"'-][^\s"']{3,})`,
	`(?i)(?:^|[\s"',;&|-])[\w.-]*passw(?:or)?d=["']?([^\s"'&;,|]{4,})`,
]

# The same where each word is an argument of its own, and the last one is looked at.
command_ends := [sprintf("%s$", [pattern]) | some pattern in array.slice(commands, 0, 5)]

curl := `\bcurl\s(?:[^|;&\n]*\s)?(?:-[A-Za-z]*[uU]|--user|--proxy-user)[=\s]?\s*`

mysql := `\b(?:mysql|mysqladmin|mysqldump|mysqlsh|mariadb|mariadb-admin|mariadb-dump)\s(?:[^|;&\n]*\s)?-p`

short := concat("", [
	`\b(?:redis-cli\s(?:[^|;&\n]*\s)?-a|mongo(?:sh|dump|restore|export|import)?\s(?:[^|;&\n]*\s)?-p`,
	`|(?:buildah|docker|nerdctl|oras|podman|registry|skopeo)\s+login\s(?:[^|;&\n]*\s)?-p)`,
])

is_of_commands(text) if {
	lowered := lower(text)
	some word in ["curl", "login", "mariadb", "mongo", "mysql", "passw", "passphrase", "redis-cli", "requirepass", "masterauth", "sshpass"]
	contains(lowered, word)
}

# host:port:database:user:password
pgpass := `(?m)^[^\s:#]+:(?:[0-9]{1,5}|\*):[^\s:]+:[^\s:]+:(\S{4,})$`

# Does a text speak of secrets at all? It rules out most quickly.
is_of_secrets(text) if {
	lowered := lower(text)
	some word in words_of_secrets
	contains(lowered, word)
}

# One of them stands in whatever has one of the forms below.
words_of_secrets := {"passw", "passphrase", "secret", "token>", "\"auth\"", ":_auth"} | {sprintf("%s%s%s", [of, dash, what]) |
	some [of, what] in [["api", "key"], ["access", "key"], ["access", "token"], ["auth", "token"], ["bearer", "token"]]
	some dash in ["", "_", ".", "-"]
}

# How files give secrets: lines of settings, elements of XML, .netrc, the configuration of Docker.
secret_forms := [
	secret_line,
	`(?i)<[\w.:-]*(?:password|passphrase|secret|token)>\s*([^<\s]{4,})\s*</`,
	`(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{4,})`,
	`"auth"\s*:\s*"([A-Za-z0-9+/]{12,}={0,2})"`,
	`:_(?:authToken|auth|password)\s*=\s*(\S{8,})`,
	`(?i)[{,]\s*"[\w.-]*(?:passw(?:or)?d|passphrase|client[_.-]?secret|(?:secret|api|access)[_.-]?key)"\s*:\s*"([^"\s]{4,})"`,
	`(?i)["'][\w.-]*passw(?:or)?d["']\s*(?:,|=>)\s*["']([^"'\s]{4,})["']`,
]

secret_line := concat("", [
	`(?im)^[\t ]*(?:export[\t ]+|-[\t ]+)?["']?[\w.-]*(?:passw(?:or)?d|passphrase|client[_.-]?secret`,
	`|(?:secret|api|access)[_.-]?key|(?:access|auth|bearer)[_.-]?token)["']?[\t ]*[:=][\t ]*["']?([^\s"'#,;]{4,})`,
])

described(path, name) := [
	sprintf("annotation %v of %s", [path[count(path) - 1], lib.this]),
	"Take it out of annotations, which whoever may read the object reads, and change what was readable.",
] if {
	lib.annotations[path]
} else := [
	sprintf("header %s of %s", [name, lib.describe(owner(path))]),
	"Let the probe call an address that asks for no credentials, and change what was readable.",
] if {
	lib.headers[path]
} else := [
	sprintf("variable %s of %s", [name, lib.describe(owner(path))]),
	"Replace value by valueFrom.secretKeyRef with the name and key of a Secret, and change what was readable.",
] if {
	lib.variables[path]
} else := [
	sprintf("%s of %s", [option(path, name), lib.describe(owner(path))]),
	"Take it from a variable with valueFrom.secretKeyRef, or from a mounted Secret, and change what was readable.",
] if {
	all_arguments[path]
} else := [
	sprintf("%s of %s", [name, lib.this]),
	"Move it to a Secret that is created elsewhere, which the workload names by secretKeyRef, and change what was readable.",
] if {
	input.resource.kind == "ConfigMap"
} else := [
	sprintf("%s of %s", [name, lib.this]),
	"Remove it from stringData, let an operator bring the Secret (ExternalSecret, SealedSecret), and change what was readable.",
] if {
	input.resource.kind == "Secret"
} else := [
	sprintf("%s of %s", [concat(".", [sprintf("%v", [key]) | some key in path]), lib.this]),
	"Name a Secret there in place of the value, as the kind has it, and change what was readable.",
]

# The container that something belongs to.
owner(path) := [container_path |
	some container_path, _ in lib.container_parts
	array.slice(path, 0, count(container_path)) == container_path
][0]

option(path, "") := sprintf("%s[%d]", [path[last - 1], path[last]]) if last := count(path) - 1

option(_, name) := sprintf("option %s", [name]) if name != ""
