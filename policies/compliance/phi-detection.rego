# METADATA
# title: PHI detection
# description: >-
#   Finds protected health information (PHI) that nobody declared. A workload, ConfigMap or Secret whose names (of the
#   resource, its containers, images, variables and keys) hold words of health care must state what it handles: by
#   `attest.continuu.ms/data-classification` of any class, or by `hipaa.attest.continuu.ms/phi`, `true` or `false`.
#   Values that look like social security or medical record numbers do not belong into manifests at all; the message
#   says where, and never repeats them. Encoded values of Secrets are not read.
# scope: package
# related_resources:
#   - ref: https://www.ecfr.gov/current/title-45/section-164.308
#     description: Administrative safeguards
# custom:
#   name: phi-detection
#   severity: medium
#   remediation: Classify what handles PHI, and move identifiers of patients out of manifests.
#   controls:
#     - HIPAA-164.308(a)(1)(ii)(A)
#   profiles:
#     recommended: {words: []}
#     strict: {}
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       words:
#         type: array
#         items: {type: string}
#         default:
#           - dicom
#           - diagnoses
#           - diagnosis
#           - ehr
#           - fhir
#           - hipaa
#           - hl7
#           - icd10
#           - medical
#           - mrn
#           - patient
#           - patients
#           - prescription
#           - prescriptions
#         description: Words, in lower case, that hint at health care.
#       scan_values:
#         type: boolean
#         default: true
#         description: Whether values of variables, ConfigMaps and Secrets are searched for identifiers.
package attest.phi_detection

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.class} if {
	not is_classified
	path := min(object.keys(hints))
	message := sprintf(
		"%s may handle PHI but does not say so: its names hold %s",
		[lib.this, concat(", ", sort({sprintf("'%s'", [word]) | some words in hints; some word in words}))],
	)
}

# The words of health care in a name, by where the name stands.
hints[path] := found if {
	words := {word | some word in lib.parameter("words", default_words)}
	some path, name in names
	found := words_of(name) & words
	count(found) > 0
}

words_of(name) := {word | some word in regex.split(`[^a-z0-9]+`, lower(name))}

default_words := {
	"dicom", "diagnoses", "diagnosis", "ehr", "fhir", "hipaa", "hl7",
	"icd10", "medical", "mrn", "patient", "patients", "prescription", "prescriptions",
}

names[["metadata", "name"]] := name if {
	is_judged
	name := input.resource.metadata.name
	is_string(name)
}

names[path] := value if {
	some container_path, container in lib.container_parts
	some field in ["name", "image"]
	value := container[field]
	is_string(value)
	path := array.concat(container_path, [field])
}

names[path] := variable.name if {
	some container_path, container in lib.container_parts
	some i, variable in container.env
	is_string(variable.name)
	path := array.concat(container_path, ["env", i, "name"])
}

names[path] := path[1] if some path, _ in lib.entries

is_judged if lib.pod

is_judged if input.resource.kind in {"ConfigMap", "Secret", "PersistentVolumeClaim"}

is_classified if count(lib.classifications) > 0

is_classified if count(lib.marks("hipaa.attest.continuu.ms/phi")) > 0

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.value} if {
	lib.parameter("scan_values", true)
	some path, value in values
	some name, [hint, pattern] in identifiers
	regex.match(hint, value)
	regex.match(pattern, value)
	message := sprintf("%s holds what looks like a %s in '%v'", [lib.this, name, value_name(path)])
}

# What identifiers look like. The first pattern begins with fixed text, so that it rules out long values quickly.
identifiers := {
	# Areas 000, 666 and from 900 on, group 00 and serial 0000 are never given out.
	"social security number": [`-[0-9]{2}-[0-9]{4}`, concat("", [
		`(^|[^0-9A-Za-z.-])(00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6([0-57-9][0-9]|6[0-57-9]))`,
		`-(0[1-9]|[1-9][0-9])-([0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)($|[^0-9A-Za-z.-])`,
	])],
	"medical record number": [`MRN`, `(^|[^0-9A-Za-z])MRN[ :=#-]{1,3}[0-9]{6,10}($|[^0-9A-Za-z])`],
}

values[path] := value if some path, value in lib.entries

values[path] := variable.value if some path, variable in lib.variables

# The key of a ConfigMap or Secret, or the name of a variable.
value_name(path) := path[1] if count(path) == 2

value_name(path) := lib.field(input.resource, array.concat(array.slice(path, 0, count(path) - 1), ["name"]), "") if {
	count(path) > 2
}

fixes := {
	"class": concat("", [
		"Set metadata.annotations['attest.continuu.ms/data-classification'] to the class of the data, such as `phi`,",
		" or `hipaa.attest.continuu.ms/phi` to `\"false\"` where there is none.",
	]),
	"value": "Remove the value, and read it from a database, or from a volume that a secretKeyRef or claim names.",
}
