# METADATA
# title: Known vulnerabilities
# description: >-
#   Asks a vulnerability service about every image: `GET <url>/<image>`, answered by a JSON object whose `critical` (and
#   `high`) are lists of vulnerabilities. Without the parameter `url` the policy asks nobody and finds nothing; the host
#   must be listed in `policy.allow_net`. No answer is no clean bill of health: a service that can't be reached, an
#   image it does not know and an answer that can't be read are violations, unless `fail_open` says otherwise. Answers
#   are kept for `cache_seconds`.
# scope: package
# related_resources:
#   - ref: https://www.openpolicyagent.org/docs/policy-reference/builtins/http
#     description: http.send
# custom:
#   severity: high
#   remediation: Update the image to a version without known critical vulnerabilities.
#   controls:
#     - SOC2-CC7.1
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       url:
#         type: string
#         pattern: "^https?://"
#         description: Where the service scans, such as `https://vuln-db.company.com/scan`; none by default.
#       max_critical:
#         type: integer
#         minimum: 0
#         default: 0
#         description: Critical vulnerabilities that an image may have.
#       max_high:
#         type: integer
#         minimum: 0
#         description: High vulnerabilities that an image may have; any number by default.
#       timeout:
#         type: string
#         default: 3s
#         description: How long to wait for an answer.
#       cache_seconds:
#         type: integer
#         minimum: 0
#         default: 300
#         description: How long an answer holds.
#       fail_open:
#         type: boolean
#         default: false
#         description: Whether images that the service says nothing about pass.
package attest.dynamic

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": array.concat(path, ["image"]), "fix": fixes.update} if {
	some path, answer in answers
	some severity, maximum in maxima
	vulnerabilities := answer.body[severity]
	is_array(vulnerabilities)
	count(vulnerabilities) > maximum
	message := sprintf(
		"Container image '%s' has %d %s vulnerabilities",
		[lib.image_text(path), count(vulnerabilities), severity],
	)
}

violation contains {"message": message, "severity": "high", "path": array.concat(path, ["image"]), "fix": fixes.service} if {
	lib.parameter("fail_open", false) == false
	some path, answer in answers
	not is_readable(answer)
	message := sprintf("Container image '%s' has not been scanned: %s", [lib.image_text(path), failure(answer)])
}

violation contains {"message": message, "severity": "high", "path": lib.deepest(path, ["image"]), "fix": fixes.reference} if {
	lib.parameter("fail_open", false) == false
	service
	some path in lib.needing_image
	not lib.images[path]
	message := sprintf("Container image '%v' can't be scanned: it is no valid reference", [lib.image_text(path)])
}

maxima["critical"] := lib.parameter("max_critical", 0)

maxima["high"] := maximum if {
	maximum := lib.parameter("max_high", null)
	maximum != null
}

# Where the service scans, where one is given.
service := trim_right(url, "/") if {
	url := lib.parameter("url", null)
	is_string(url)
}

# What the service says about each image, by the container's path. OPA parses the JSON body itself.
answers[path] := http.send({
	"method": "GET",
	"url": sprintf("%s/%s", [service, encoded(lib.image_text(path))]),
	"timeout": lib.parameter("timeout", "3s"),
	"raise_error": false,
	"force_json_decode": true,
	"force_cache": true,
	"force_cache_duration_seconds": lib.parameter("cache_seconds", 300),
}) if {
	service
	some path, _ in lib.images
}

# A valid reference has no `..` and no empty part, so it can't leave its place in the URL.
encoded(reference) := concat("/", [urlquery.encode(part) | some part in split(reference, "/")])

is_readable(answer) if {
	answer.status_code == 200
	is_array(answer.body.critical)
	every severity, _ in maxima {
		is_array(object.get(answer.body, severity, []))
	}
}

failure(answer) := sprintf("the service can't be asked (%s)", [answer.error.message]) if {
	answer.error
} else := sprintf("the service answers with status %d", [answer.status_code]) if {
	answer.status_code != 200
} else := "the answer of the service has no list of critical vulnerabilities"

fixes := {
	"update": "Set image to a version that was built since the vulnerabilities were mended.",
	"service": "Have the service of the parameter `url` scan the image, or set the parameter fail_open to `true`.",
	"reference": "Set image to a reference such as `registry.company.com/shop/web:1.4`.",
}
