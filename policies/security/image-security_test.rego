package attest.image_security_test

import data.attest.image_security

digest := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

pod(image) := {"kind": "Pod", "spec": {"initContainers": [{"name": "setup", "image": image}]}}

messages(resource, parameters) := {v.message |
	some v in image_security.violation with input as {"resource": resource, "parameters": parameters}
	v.path == ["spec", "initContainers", 0, "image"]
	v.severity == {true: "medium", false: "high"}[contains(v.message, "by digest")]
}

test_without_parameters_the_registry_is_not_judged if {
	every image in ["nginx", "evil.com/app:1", "gcr.io/app"] {
		messages(pod(image), {}) == set()
	}
}

test_images_come_from_trusted_registries if {
	parameters := {"trusted_registries": ["gcr.io/", "registry.company.com/"]}
	messages(pod("gcr.io/company/app:1"), parameters) == set()
	messages(pod("registry.company.com/app"), parameters) == set()
	every image in ["nginx", "gcr.io.evil.com/app", "evil.com/gcr.io/app"] {
		messages(pod(image), parameters) == {sprintf(
			"Init container 'setup' uses image '%s', which is not from a trusted registry (gcr.io/, registry.company.com/)",
			[image],
		)}
	}
}

test_references_that_no_runtime_accepts if {
	every image in ["<none>", "gcr.io/../evil"] {
		messages(pod(image), {"trusted_registries": ["gcr.io"]}) == {sprintf(
			"Init container 'setup' has no valid image reference: '%s'",
			[image],
		)}
	}
}

test_a_container_without_an_image if {
	resource := {"kind": "Pod", "spec": {"containers": [{"name": "web"}]}}
	violations := image_security.violation with input.resource as resource
	violations == {{
		"message": "Container 'web' has no valid image reference: ''",
		"severity": "high",
		"path": ["spec", "containers", 0],
		"controls": ["SOC2-CC8.1"],
		"fix": "Set image to a reference such as `registry.company.com/shop/web:1.4`.",
	}}
}

test_digests_where_required if {
	messages(pod("nginx:1.27"), {"require_digest": true}) == {
		"Init container 'setup' must pin its image 'nginx:1.27' by digest",
	}
	messages(pod(sprintf("nginx@%s", [digest])), {"require_digest": true}) == set()
}

test_attestations_where_required if {
	image := sprintf("nginx@%s", [digest])
	messages(pod(image), {"require_attestation": true}) == {sprintf(
		"Container image '%s' lacks required ATTEST attestation: the evidence has no attestation of its digest",
		[image],
	)}
	evidence := {"attestations": {digest: [{"type": "attest/build"}]}}
	attested := messages(pod(image), {"require_attestation": true}) with data.attest.evidence as evidence
	attested == set()
}
