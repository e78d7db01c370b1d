package attest.lib_test

import data.attest.lib

attested_image := sprintf("registry.company.com/shop/web:1@%s", [sha])

build_attestation := {"type": "attest/build", "repository": "registry.company.com/shop/web"}

attestations(proofs) := {"attestations": {sha: proofs}}

test_an_attested_digest_is_attested if {
	every proof in [
		build_attestation,
		{"type": "attest/build"},
		object.union(build_attestation, {"expires_at": "2200-01-01T00:00:00Z"}),
	] {
		lib.is_attested(lib.image(attested_image)) with data.attest.evidence as attestations([proof])
	}
}

test_nothing_else_is_attested if {
	every proofs in [
		[],
		[{}],
		[{"type": "attest/build", "repository": "registry.company.com/shop/other"}],
		[object.union(build_attestation, {"expires_at": "2020-01-01T00:00:00Z"})],
		[object.union(build_attestation, {"expires_at": null})],
	] {
		not lib.is_attested(lib.image(attested_image)) with data.attest.evidence as attestations(proofs)
	}
}

test_without_evidence_nothing_is_attested if not lib.is_attested(lib.image(attested_image))

test_a_tag_is_never_attested if {
	every image in ["registry.company.com/shop/web:1", "registry.company.com/shop/web"] {
		not lib.is_attested(lib.image(image)) with data.attest.evidence as {"attestations": {
			"": [build_attestation],
			"1": [build_attestation],
			image: [build_attestation],
		}}
	}
}

test_repositories_of_evidence_are_completed if {
	image := lib.image(sprintf("nginx@%s", [sha]))
	evidence := attestations([{"type": "attest/build", "repository": "nginx"}])
	lib.is_attested(image) with data.attest.evidence as evidence
}

test_all_required_types_are_needed if {
	parameters := {"required_attestations": ["attest/build", "attest/test"]}
	test_attestation := object.union(build_attestation, {"type": "attest/test"})
	lib.is_attested(lib.image(attested_image)) with input.parameters as parameters
		with data.attest.evidence as attestations([build_attestation, test_attestation])
	not lib.is_attested(lib.image(attested_image)) with input.parameters as parameters
		with data.attest.evidence as attestations([build_attestation])
}

test_why_an_image_is_not_attested if {
	resource := {"kind": "Pod", "spec": {"containers": [
		{"image": "nginx:1.27"},
		{"image": sprintf("nginx@sha256:%064d", [1])},
		{"image": attested_image},
		{"image": "<none>"},
	]}}
	reasons := lib.unattested with input as {
		"resource": resource,
		"parameters": {"required_attestations": ["attest/test", "attest/scan", "attest/build"]},
	}
		with data.attest.evidence as attestations([build_attestation])
	reasons == {
		["spec", "containers", 0]: "it is not pinned by digest",
		["spec", "containers", 1]: "the evidence has no attestation of its digest",
		["spec", "containers", 2]: "the evidence has no attestation of type attest/scan, attest/test",
		["spec", "containers", 3]: "it is not pinned by digest",
	}
}

# What there is and does not count, for an image that needs a build and a test.
uncounted(evidence) := said if {
	types := {"attest/build", "attest/test"}
	said := lib.uncounted("attestations", lib.image(attested_image), types) with data.attest.evidence as evidence
}

refused(entries) := {"refused": {"attestations": {sha: entries}}}

test_what_there_is_and_does_not_count_is_said if {
	every case in [
		{"evidence": {}, "said": ""},
		{"evidence": attestations([{"type": "attest/other", "expires_at": "2020-01-01T00:00:00Z"}]), "said": ""},
		{
			"evidence": attestations([
				object.union(build_attestation, {"expires_at": "2020-01-01T00:00:00Z"}),
				object.union(build_attestation, {"expires_at": "2021-01-01T00:00:00Z"}),
			]),
			"said": "; one ended at 2021-01-01T00:00:00Z",
		},
		{
			"evidence": attestations([{"type": "attest/test", "repository": "gcr.io/shop/web"}]),
			"said": "; one is for gcr.io/shop/web alone",
		},
		{"evidence": refused([{"why": "b"}, {"why": "a", "type": "attest/test"}]), "said": "; one is refused: a"},
		{"evidence": refused([{"why": "a", "type": "attest/other"}]), "said": ""},
		{"evidence": refused([null, 1, {}]), "said": ""},
		{"evidence": {"refused": 1}, "said": ""},
	] {
		uncounted(case.evidence) == case.said
	}
}

test_a_refused_proof_attests_nothing if {
	every evidence in [refused([{"why": "a", "type": "attest/build"}]), {"refused": {"receipts": {sha: [{"why": "a"}]}}}] {
		not lib.is_attested(lib.image(attested_image)) with data.attest.evidence as evidence
	}
}

test_a_receipt_for_another_workload_is_told if {
	path := ["spec", "containers", 0]
	resource := {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": attested_image}]}}
	evidence := {"receipts": {sha: [{"id": "1", "workload": {"name": "api"}}]}}
	lib.why_no_receipt(path) == "; one is for another workload" with input.resource as resource
		with data.attest.evidence as evidence
}

test_a_malformed_image_has_no_receipt if {
	missing := lib.containers_without_receipt with input.resource as {
		"kind": "Pod",
		"spec": {"containers": [{"image": "<none>"}, {}]},
	}
	count(missing) == 2
}

deployment := {
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"template": {"spec": {
		"containers": [{"image": attested_image}],
		"initContainers": [{"image": attested_image}],
	}}},
}

test_a_receipt_covers_its_workload if {
	every proof in [
		{"id": "r-1"},
		{"id": "r-1", "workload": {"kind": "Deployment", "namespace": "shop", "name": "web"}},
		{"id": "r-1", "workload": {"name": "web"}},
	] {
		missing := lib.containers_without_receipt with input.resource as deployment
			with data.attest.evidence as {"receipts": {sha: [proof]}}
		count(missing) == 0
	}
}

test_a_receipt_covers_nothing_else if {
	every receipts in [
		{},
		{sha: []},
		{sha: [{"id": "r-1", "workload": {"name": "api"}}]},
		{sha: [{"id": "r-1", "workload": {"name": "web", "namespace": "other"}}]},
		{sha: [{"id": "r-1", "workload": {"uid": "web"}}]},
		{sha: [{"id": "r-1", "expires_at": "2020-01-01T00:00:00Z"}]},
		{sha: [{"id": "r-1", "repository": "registry.company.com/shop/api"}]},
	] {
		missing := lib.containers_without_receipt with input.resource as deployment
			with data.attest.evidence as {"receipts": receipts}
		count(missing) == 2
	}
}

test_dates_that_the_calendar_lacks_prove_nothing if {
	image := lib.image(attested_image)
	every expiry, fresh in {
		"9999-12-31T23:59:59Z": true, "2262-12-31t00:00:00z": true, "2096-02-29T00:00:00.5+01:00": true,
		"2100-02-29T00:00:00Z": false, "2096-02-30T00:00:00Z": false, "2096-01-01": false, "3000": false,
		"1677-01-01T00:00:00Z": false,
	} {
		evidence := attestations([object.union(build_attestation, {"expires_at": expiry})])
		[true | lib.is_attested(image) with data.attest.evidence as evidence] == [true | fresh]
	}
}
