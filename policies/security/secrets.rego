# METADATA
# title: Secrets in plain text
# description: >-
#   Passwords, tokens and private keys do not stand in manifests, where whoever reads the repository reads them. Searched
#   are the variables and arguments of containers, ConfigMaps, and the `stringData` of Secrets, for three things: values
#   that look like a key or token of a known service, a private key or a URL with its password; values whose variable,
#   option or key is called a password, secret or token; and such lines within configuration files. What is left to be
#   filled in (`$(VAR)`, `${VAR}`, `{{ … }}`, `<…>`, `***`), paths and names of files are no secrets. Messages name
#   where the secret stands and never repeat it, and reports mask it. Encoded values of Secrets are read only with
#   `scan_encoded`, since rendered charts are full of them.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/
#     description: Secrets
#   - ref: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
#     description: Good practices for Secrets
# custom:
#   name: secrets
#   severity: high
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
	some path, argument in lib.arguments
	[name, value] := option_of(path, argument)
}

option_of(path, argument) := [name, value] if {
	some [_, name, value] in regex.find_all_string_submatch_n(`^--?([A-Za-z][\w.-]*)=(.+)$`, argument, 1)
} else := [trim_left(flag, "-"), argument] if {
	not startswith(argument, "-")
	flag := lib.arguments[previous(path)]
	regex.match(`^--[A-Za-z][\w.-]*$`, flag)
} else := ["", argument]

previous(path) := array.concat(array.slice(path, 0, last), [path[last] - 1]) if last := count(path) - 1

# What a value is, how bad, and on which of its lines it says so (0 for the whole).
kind_of(name, value) := ["A private key", "critical", line_of(value, `PRIVATE KEY-----`)] if {
	contains(value, "PRIVATE KEY-----")
	regex.match(`-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=:,\s-]{40}`, value)
} else := ["A token of a known service", "critical", line_of(value, pattern)] if {
	count(value) > 16
	some start, pattern in known_tokens
	contains(value, start)
	regex.match(pattern, value)
} else := ["A URL with its password", "high", line_of(value, url_with_password)] if {
	contains(value, "://")
	regex.match(url_with_password, value)
} else := ["A secret", "high", 0] if {
	is_called_secret(name)
	is_filled_in(value)
	not is_reference(name, value)
} else := ["A secret", "high", line_of(value, secret_line)] if {
	some line in secret_lines(value)
	is_filled_in(line)
}

# The first line that has what was found.
line_of(value, pattern) := 1 + min([i | some i, line in split(value, "\n"); regex.match(pattern, line)]) if {
	contains(value, "\n")
} else := 0

url_with_password := "://[^\\s/:@\"'`<>]*:[^\\s/:@$<>{}*%\"'`][^\\s/@$<>{}*\"'`]+@"

# By what they begin with, which rules out other values quickly.
known_tokens := {
	"AIza": `\bAIza[\w-]{35}`,
	"AKIA": `\bAKIA[A-Z0-9]{16}\b`,
	"ASIA": `\bASIA[A-Z0-9]{16}\b`,
	"SG.": `\bSG\.[\w-]{22}\.[\w-]{43}`,
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
	not regex.match(`(?i)(^|[_.-])(public|max|min|num)[_.-]?`, name)
}

secret_name := concat("", [
	`(?i)(passw(or)?d|passphrase|secret|token|credentials?`,
	`|(api|access|secret|private|encryption|signing|master|account|auth)[_.-]?key)[_.-]?[0-9]?$`,
])

# Names of Secrets, of variables and of files are no secrets, and neither are numbers that are called tokens.
is_reference(name, value) if {
	regex.match(`(?i)(secret|token|credentials?|key)[_.-]?[0-9]?$`, name)
	regex.match(`^([0-9.]*|[a-z]+|[a-z][a-z0-9]*([-./][a-z0-9]+)+|[A-Z][A-Z_]*)$`, value)
	not regex.match(`[a-z][0-9]+[a-z].*[0-9]`, value)
	not regex.match(`(?i)(client|app|api)[_.-]?secret$`, name)
}

is_filled_in(value) if {
	value != ""
	not regex.match(blanks, value)
}

blanks := concat("|", [
	`(?i)^([01]|true|false|yes|no|none|null|nil|on|off|enabled|disabled|required|optional|string|[*x.\s-]+)$`,
	`^[$%<|>&*@/]`, `^\{`, `^\.{1,2}/`, `\$\(`, `\$\{`, `\{\{`,
	`^[a-z][a-z0-9+.-]*:/`,
	`\.(pem|key|crt|json|ya?ml|txt|conf|properties|env)$`,
	`(?i)(redacted|placeholder|replace|<.*>)`,
])

# What the lines of a file give to names that are called secrets.
secret_lines(text) := [value |
	regex.match(`[:=]`, text)
	lowered := lower(text)
	some word in ["passw", "passphrase", "secret", "token", "key"]
	contains(lowered, word)
	some [_, value] in regex.find_all_string_submatch_n(secret_line, text, 50)
]

secret_line := concat("", [
	`(?im)^[\t ]*(?:export[\t ]+|-[\t ]+)?["']?[\w.-]*(?:passw(?:or)?d|passphrase|client[_.-]?secret`,
	`|(?:secret|api|access)[_.-]?key|(?:access|auth|bearer)[_.-]?token)["']?[\t ]*[:=][\t ]*["']?([^\s"'#,;]{4,})`,
])

described(path, name) := [
	sprintf("variable %s of %s", [name, lib.describe(container_of(path))]),
	"Replace value by valueFrom.secretKeyRef with the name and key of a Secret, and change what was readable.",
] if {
	path[count(path) - 1] == "value"
	count(path) > 2
} else := [
	sprintf("%s of %s", [option(path, name), lib.describe(container_of(path))]),
	"Take it from a variable with valueFrom.secretKeyRef, or from a mounted Secret, and change what was readable.",
] if {
	count(path) > 2
} else := [
	sprintf("%s of %s", [name, lib.this]),
	"Move it to a Secret that is created elsewhere, which the workload names by secretKeyRef, and change what was readable.",
] if {
	path[0] == "data"
	input.resource.kind == "ConfigMap"
} else := [
	sprintf("%s of %s", [name, lib.this]),
	"Remove it from stringData, let an operator bring the Secret (ExternalSecret, SealedSecret), and change what was readable.",
]

# The container of `…/containers/0/env/1/value`, or of `…/containers/0/args/1`.
container_of(path) := array.slice(path, 0, count(path) - 3) if {
	path[count(path) - 1] == "value"
} else := array.slice(path, 0, count(path) - 2)

option(path, "") := sprintf("%s[%d]", [path[last - 1], path[last]]) if last := count(path) - 1

option(_, name) := sprintf("option %s", [name]) if name != ""
