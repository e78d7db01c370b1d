# METADATA
# title: HIPAA audit logging
# description: >-
#   Workloads that declare to handle PHI (see `hipaa-encryption`) declare that they record who used it. The declaration
#   is the annotation or label `attest.continuu.ms/audit-logging: enabled`, or one of the project's own.
# scope: package
# related_resources:
#   - ref: https://www.ecfr.gov/current/title-45/section-164.312
#     description: Technical safeguards
# custom:
#   name: hipaa-audit-logging
#   severity: high
#   remediation: Record every use of PHI, and declare it with attest.continuu.ms/audit-logging.
#   controls:
#     - HIPAA-164.312(b)
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       audit_logging_annotations:
#         type: array
#         items: {type: string}
#         default: [attest.continuu.ms/audit-logging]
#         description: Annotations or labels of which one, with the value `true` or `enabled`, declares audit logging.
package attest.hipaa_audit_logging

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": lib.annotations_path, "fix": lib.audit_fix} if {
	lib.pod
	lib.handles_phi
	not lib.has_audit_logging_enabled
	message := sprintf("%s handles PHI without audit logging", [lib.this])
}
