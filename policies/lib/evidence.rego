package attest.lib

# Verified facts about images, by digest, from the document that the caller gives as `data.attest.evidence`
# (docs/reference/evidence.md). Nothing is proven unless that document says so: a tag can move to another image, and
# an annotation is written by the one who is to be judged, so neither counts.

# Types of the attestations that hold for an image (as `image` returns it).
attestation_types(image) := {proof.type | some proof in proofs("attestations", image)}

# Attested means: by all the types that are required, or by any where none is.
is_attested(image) if {
	types := attestation_types(image)
	count(types) > 0
	every type in parameter("required_attestations", []) {
		type in types
	}
}

attesting := "Set image to the digest of a build that was attested, and pass what was verified with `--evidence`."

# The containers whose image is not attested, and why. (A malformed reference has no entry in `images`.)
unattested[path] := why_not_attested(path) if {
	some path in needing_image
	not path in attested
}

attested contains path if {
	some path, image in images
	is_attested(image)
}

why_not_attested(path) := "it is not pinned by digest" if {
	object.get(images, [path, "digest"], "") == ""
} else := sprintf("the evidence has no attestation of its digest%s", [uncounted("attestations", image, set())]) if {
	image := images[path]
	count(attestation_types(image)) == 0
} else := sprintf("the evidence has no attestation of type %s%s", [listed(sort(missing)), more]) if {
	required := {type | some type in parameter("required_attestations", [])}
	missing := required - attestation_types(images[path])
	more := uncounted("attestations", images[path], missing)
}

# What there is of an image and does not count, in words: of these types, or of any where none is named.
uncounted(collection, image, types) := sprintf("; one ended at %s", [end]) if {
	end := max({text(proof.expires_at) |
		some proof in stated(collection, image, types)
		is_there(proof, image)
		not is_fresh(proof)
	})
} else := sprintf("; one is for %s alone", [listed(sort(elsewhere))]) if {
	elsewhere := {text(proof.repository) |
		some proof in stated(collection, image, types)
		not is_there(proof, image)
	}
	count(elsewhere) > 0
} else := "; one is for another workload" if {
	count(stated(collection, image, types)) > 0
} else := sprintf("; one is refused: %s", [reason]) if {
	reason := min({text(one.why) |
		some one in data.attest.evidence.refused[collection][image.digest]
		is_of(one, types)
	})
} else := ""

stated(collection, image, types) := [proof |
	some proof in data.attest.evidence[collection][image.digest]
	is_object(proof)
	is_of(proof, types)
]

is_of(_, types) if count(types) == 0

is_of(proof, types) if field(proof, "type", "") in (types | {""})

is_there(proof, image) if full_repository(text(field(proof, "repository", image.repository))) == image.repository

# The containers whose image no verified receipt covers, for this workload.
containers_without_receipt contains path if {
	some path, _ in containers
	not has_receipt(path)
}

has_receipt(path) if {
	some proof in proofs("receipts", images[path])
	every key, value in field(proof, "workload", {}) {
		workload[key] == value
	}
}

# What there is and does not count, behind a message that says that there is no receipt.
why_no_receipt(path) := uncounted("receipts", images[path], set()) if object.get(images, [path, "digest"], "") != ""

else := ""

# A receipt may be bound to one workload by any of these.
workload["kind"] := input.resource.kind

workload["name"] := input.resource.metadata.name

workload["namespace"] := namespace

proofs(collection, image) := [proof |
	image.digest != ""
	some proof in data.attest.evidence[collection][image.digest]
	is_object(proof)
	is_there(proof, image)
	is_fresh(proof)
]

is_fresh(proof) if not "expires_at" in object.keys(proof)

is_fresh(proof) if {
	end := upper(text(proof.expires_at))
	regex.match(instant, end)
	is_to_come(end)
}

# OPA counts nanoseconds in 64 bits, which end in the year 2262 and begin before that of computers.
is_to_come(instant_) if instant_ >= "2262"

is_to_come(instant_) if {
	instant_ >= "1970"
	instant_ < "2262"
	time.parse_rfc3339_ns(instant_) > time.now_ns()
}

# An instant of RFC 3339 that the calendar has: no 30th of February.
instant := concat("", [
	`^(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)`,
	`|02-(?:0[1-9]|1[0-9]|2[0-8]))`,
	`|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)`,
	`T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$`,
])
