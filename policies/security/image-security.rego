# METADATA
# title: Image security
# description: >-
#   Judges where images come from. With `trusted_registries` every image must come from one of them; without, the
#   registry is not judged. References are completed as container runtimes do (`nginx` is `docker.io/library/nginx`)
#   and registries are compared as whole names and folders, so `gcr.io` does not cover `gcr.io.evil.com`. References
#   that no runtime accepts are refused. `require_digest` and `require_attestation` are off by default, because
#   `attest-security` asks for attestations already.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/containers/images/
#     description: Images
# custom:
#   name: image-security
#   severity: high
#   remediation: Use an image from a trusted registry, by its digest, whose attestation is in the evidence.
#   controls:
#     - CIS-1.12-5.5.1
#     - SOC2-CC6.8
#     - SOC2-CC8.1
#   profiles:
#     recommended: {}
#     strict: {require_digest: true}
#     nsa: {}
#     cis: {}
#   checks:
#     trivy: [KSV-0032, KSV-0033, KSV-0034, KSV-0035, KSV-0125]
#     checkov: [CKV_K8S_43]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       trusted_registries:
#         type: array
#         items: {type: string, minLength: 1}
#         default: []
#         description: Registries, or folders of registries, that images may come from; when empty, any.
#       require_digest:
#         type: boolean
#         default: false
#         description: Whether every image must be pinned by digest.
#       require_attestation:
#         type: boolean
#         default: false
#         description: Whether every image needs an attestation in the evidence.
#       required_attestations:
#         type: array
#         items: {type: string}
#         default: []
#         description: Attestation types that every image needs, such as `attest/build`; when empty, any type will do.
package attest.image_security

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": array.concat(path, ["image"]), "fix": fix, "controls": controls.origin} if {
	registries := lib.parameter("trusted_registries", [])
	is_array(registries)
	count(registries) > 0
	some path, image in lib.images
	not is_trusted(image.repository, registries)
	message := sprintf(
		"%s uses image '%v', which is not from a trusted registry (%s)",
		[lib.describe(path), lib.image_text(path), lib.listed(registries)],
	)
	fix := sprintf("Set image to a copy in a trusted registry, such as one below `%v`.", [registries[0]])
}

is_trusted(repository, registries) if {
	some registry in registries
	lib.in_registry(repository, registry)
}

violation contains {"message": message, "severity": "high", "path": lib.deepest(path, ["image"]), "fix": fix, "controls": controls.reference} if {
	fix := "Set image to a reference such as `registry.company.com/shop/web:1.4`."
	some path in lib.needing_image
	not lib.images[path]
	message := sprintf(
		"%s has no valid image reference: '%v'",
		[lib.describe(path), lib.image_text(path)],
	)
}

violation contains {"message": message, "severity": "medium", "path": array.concat(path, ["image"]), "fix": fix, "cause": "loose image", "controls": controls.digest} if {
	lib.parameter("require_digest", false)
	some path, image in lib.images
	image.digest == ""
	message := sprintf("%s must pin its image '%v' by digest", [lib.describe(path), lib.image_text(path)])
	fix := sprintf("Set image to `%v@sha256:…`, with the digest that its registry states.", [lib.image_text(path)])
}

violation contains {"message": message, "severity": "high", "path": lib.deepest(path, ["image"]), "fix": lib.attesting, "cause": "unproven image", "controls": controls.origin} if {
	lib.parameter("require_attestation", false)
	some path, reason in lib.unattested
	message := sprintf("Container image '%v' lacks required ATTEST attestation: %s", [lib.image_text(path), reason])
}

controls := {
	"origin": ["CIS-1.12-5.5.1", "SOC2-CC6.8"],
	"reference": ["SOC2-CC8.1"],
	"digest": ["CIS-1.12-5.5.1", "SOC2-CC8.1"],
}
