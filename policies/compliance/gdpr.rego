# METADATA
# title: GDPR data protection
# description: >-
#   Workloads that declare to process personal data (see `attest-compliance`) state their lawful basis, controller and
#   retention period, in words that mean something: a basis of Article 6(1), and a period such as `P30D`, `30d` or
#   `2 years`. With `privacy_by_design`, personal data is served by TLS only and kept off the disks of nodes, where no
#   retention reaches it. Resources that declare nothing are left alone.
# scope: package
# related_resources:
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: General Data Protection Regulation
# custom:
#   name: gdpr
#   severity: high
#   remediation: State the terms of processing in the gdpr.attest.continuu.ms annotations, and protect the data.
#   controls:
#     - GDPR-Art.5
#     - GDPR-Art.6
#     - GDPR-Art.25
#     - GDPR-Art.30
#     - GDPR-Art.32
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       require_annotations:
#         type: boolean
#         default: true
#         description: Whether workloads that process personal data need the required annotations.
#       required_annotations:
#         type: array
#         items: {type: string}
#         default:
#           - gdpr.attest.continuu.ms/lawful-basis
#           - gdpr.attest.continuu.ms/data-controller
#           - gdpr.attest.continuu.ms/retention-period
#         description: The annotations.
#       privacy_by_design:
#         type: boolean
#         default: true
#         description: Whether personal data must be served by TLS and kept off the disks of nodes.
package attest.gdpr

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": lib.annotations_path, "fix": lib.terms_fix, "cause": "no terms", "controls": controls.terms} if {
	is_subject_workload
	lib.parameter("require_annotations", true)
	some key in lib.missing_data_protection_annotations
	message := sprintf("%s processes personal data without annotation %v", [lib.this, key])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.basis, "controls": controls.basis} if {
	is_subject_workload
	some path, value in lib.annotations_at["gdpr.attest.continuu.ms/lawful-basis"]
	not lower(value) in lawful_bases
	message := sprintf(
		"'%v' is no lawful basis: it is one of %s",
		[value, concat(", ", sort(lawful_bases))],
	)
}

# Article 6(1), points (a) to (f).
lawful_bases := {
	"consent", "contract", "legal-obligation",
	"vital-interests", "public-task", "legitimate-interests",
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.period, "controls": controls.period} if {
	is_subject_workload
	some path, value in lib.annotations_at["gdpr.attest.continuu.ms/retention-period"]
	not regex.match(`^(?i:P(\d+[YMWD])+|\d+ ?(d|w|m|y|days?|weeks?|months?|years?))$`, value)
	message := sprintf("'%v' is no retention period: write it like P30D, 30d or 2 years", [value])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "cause": "no TLS", "controls": controls.transit} if {
	lib.parameter("privacy_by_design", true)
	lib.processes_personal_data
	some path, host in lib.hosts_without_tls
	message := sprintf("%s serves personal data without TLS on host '%v'", [lib.this, host])
	fix := lib.tls_fix(host)
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.disk, "controls": controls.disk} if {
	lib.parameter("privacy_by_design", true)
	lib.processes_personal_data
	some path, source in lib.host_paths
	message := sprintf("%s may leave personal data on the disk of a node: hostPath '%v'", [lib.this, source])
}

is_subject_workload if {
	lib.pod
	lib.processes_personal_data
}

fixes := {
	"basis": "Set the annotation `gdpr.attest.continuu.ms/lawful-basis` to the basis of the processing, such as `contract`.",
	"period": "Set the annotation `gdpr.attest.continuu.ms/retention-period` to a period, such as `P30D`.",
	"disk": "Replace hostPath by a persistentVolumeClaim, or by an emptyDir where nothing is to be kept.",
}

controls := {
	"terms": ["GDPR-Art.5", "GDPR-Art.30"],
	"basis": ["GDPR-Art.6"],
	"period": ["GDPR-Art.5"],
	"transit": ["GDPR-Art.25", "GDPR-Art.32"],
	"disk": ["GDPR-Art.5", "GDPR-Art.25"],
}
