package attest.lib_test

import data.attest.lib

# Every place where a mark may stand.
marked_at(field, key, value) := [
	{"resource": {"kind": "Deployment", "metadata": {field: {key: value}}}},
	{"resource": {"kind": "Deployment", "spec": {"template": {"metadata": {field: {key: value}}}}}},
	{"resource": {"kind": "Service", "metadata": {"name": "web"}}, "namespace": {"metadata": {field: {key: value}}}},
]

test_marks_are_read_wherever_they_stand if {
	every field in ["annotations", "labels"] {
		every given in marked_at(field, "attest.continuu.ms/audit-logging", "enabled") {
			lib.has_audit_logging_enabled with input as given
		}
		every given in marked_at(field, "gdpr.attest.continuu.ms/personal-data", "true") {
			lib.processes_personal_data with input as given
		}
		every given in marked_at(field, "hipaa.attest.continuu.ms/phi", "True") {
			lib.handles_phi with input as given
		}
	}
}

test_only_an_affirmative_value_marks if {
	every value in ["false", "", "no", "disabled", "off"] {
		every given in marked_at("annotations", "hipaa.attest.continuu.ms/phi", value) {
			not lib.handles_phi with input as given
		}
	}
}

test_a_classification_may_list_several_classes if {
	every given in marked_at("labels", "attest.continuu.ms/data-classification", "internal, PHI,pii") {
		lib.handles_phi with input as given
		lib.processes_personal_data with input as given
	}
	every given in marked_at("annotations", "compliance", "sox,hipaa") {
		lib.handles_phi with input as given
		not lib.processes_personal_data with input as given
	}
}

test_a_classification_that_is_no_text_is_none if {
	every given in marked_at("annotations", "compliance", 7) {
		not lib.handles_phi with input as given
	}
}

test_the_audit_logging_annotation_is_a_parameter if {
	given := {
		"resource": {"metadata": {"annotations": {"company.com/audit": "true"}}},
		"parameters": {"audit_logging_annotations": ["company.com/audit"]},
	}
	lib.has_audit_logging_enabled with input as given
	not lib.has_audit_logging_enabled with input.resource as given.resource
}

test_data_protection_annotations_that_are_missing_or_empty if {
	missing := lib.missing_data_protection_annotations with input.resource as {"metadata": {"annotations": {
		"gdpr.attest.continuu.ms/lawful-basis": "contract",
		"gdpr.attest.continuu.ms/data-controller": "  ",
	}}}
	missing == {"gdpr.attest.continuu.ms/data-controller", "gdpr.attest.continuu.ms/retention-period"}
}

test_required_annotations_are_a_parameter if {
	missing := lib.missing_data_protection_annotations with input as {
		"resource": {"metadata": {"annotations": {"company.com/basis": "contract"}}},
		"parameters": {"required_annotations": ["company.com/basis", "company.com/owner"]},
	}
	missing == {"company.com/owner"}
}

test_what_declares_audit_logging if {
	contains(lib.audit_fix, "metadata.annotations['attest.continuu.ms/audit-logging']") with input as {}
	none := lib.audit_fix with input.parameters as {"audit_logging_annotations": []}
	contains(none, "audit_logging_annotations")
}
