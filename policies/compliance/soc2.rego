# METADATA
# title: Audit logging and data protection
# description: >-
#   Deployments in production declare that they log for audits (SOC2), and Deployments that process personal data
#   declare on which terms (GDPR). Both are declarations of the team, in annotations or labels of the Deployment, its
#   pod template or its Namespace; they document, they do not prove. Processing personal data is declared by
#   `gdpr.attest.continuu.ms/personal-data: "true"` or by the class `personal` or `pii` in
#   `attest.continuu.ms/data-classification`; nothing is asked of a Deployment that declares neither.
# scope: package
# related_resources:
#   - ref: https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022
#     description: Trust services criteria (SOC2)
#   - ref: https://eur-lex.europa.eu/eli/reg/2016/679/oj
#     description: General Data Protection Regulation
# custom:
#   severity: high
#   remediation: Declare audit logging once it is on, and state lawful basis, controller and retention of personal data.
#   controls:
#     - SOC2-CC7.2
#     - SOC2-CC7.3
#     - GDPR-Art.5
#     - GDPR-Art.30
#   profiles: [strict]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       audit_logging_annotations:
#         type: array
#         items: {type: string}
#         default: [attest.continuu.ms/audit-logging]
#         description: Annotations or labels of which one, with the value `true` or `enabled`, declares audit logging.
#       required_annotations:
#         type: array
#         items: {type: string}
#         default:
#           - gdpr.attest.continuu.ms/lawful-basis
#           - gdpr.attest.continuu.ms/data-controller
#           - gdpr.attest.continuu.ms/retention-period
#         description: Annotations that the processing of personal data requires.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.compliance

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": lib.annotations_path, "fix": lib.audit_fix, "controls": ["SOC2-CC7.2", "SOC2-CC7.3"]} if {
	input.resource.kind == "Deployment"
	is_production_namespace
	not has_audit_logging_enabled
	message := "Production deployments must enable audit logging for SOC2 compliance"
}

violation contains {"message": message, "severity": "high", "path": lib.annotations_path, "fix": lib.terms_fix, "cause": "no terms", "controls": ["GDPR-Art.5", "GDPR-Art.30"]} if {
	input.resource.kind == "Deployment"
	processes_personal_data
	not has_data_protection_annotations
	message := sprintf(
		"Applications processing personal data must have GDPR data protection annotations: %s",
		[lib.listed(sort(lib.missing_data_protection_annotations))],
	)
}
