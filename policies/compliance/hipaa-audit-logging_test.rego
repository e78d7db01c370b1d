package attest.hipaa_audit_logging_test

import data.attest.hipaa_audit_logging

pod(annotations) := {"kind": "Pod", "metadata": {"name": "records", "annotations": annotations}, "spec": {}}

phi := {"compliance": "hipaa"}

test_phi_is_handled_with_audit_logging if {
	violations := hipaa_audit_logging.violation with input.resource as pod(phi)
	violations == {{
		"message": "Pod 'records' handles PHI without audit logging",
		"severity": "high",
		"path": ["metadata", "annotations"],
		"fix": "Set metadata.annotations['attest.continuu.ms/audit-logging'] to `enabled` once it logs for audits.",
	}}
}

test_everything_else_passes if {
	every resource in [
		pod({}),
		pod(object.union(phi, {"attest.continuu.ms/audit-logging": "enabled"})),
		object.union(pod(phi), {"kind": "Service"}),
	] {
		violations := hipaa_audit_logging.violation with input.resource as resource
		violations == set()
	}
}

test_the_annotation_is_a_parameter if {
	violations := hipaa_audit_logging.violation with input as {
		"resource": pod(object.union(phi, {"audit": "true"})),
		"parameters": {"audit_logging_annotations": ["audit"]},
	}
	violations == set()
}
