package attest.phi_detection_test

import data.attest.phi_detection

pod(name, container) := {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}}

config_map(data_) := {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data_}

marked(resource, annotations) := object.union(resource, {"metadata": {"annotations": annotations}})

summary(resource, parameters) := {text |
	some v in phi_detection.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %s: %s", [v.severity, concat(" ", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_names_of_health_care if {
	every case in [
		[pod("patient-api", {"name": "web"}), "metadata name", "patient"],
		[pod("web", {"name": "fhir_server"}), "spec containers 0 name", "fhir"],
		[pod("web", {"name": "web", "image": "company/ehr:1"}), "spec containers 0 image", "ehr"],
		[pod("web", {"name": "web", "env": [{"name": "MRN_PREFIX"}]}), "spec containers 0 env 0 name", "mrn"],
	] {
		summary(case[0], {}) == {sprintf(
			"medium %s: Pod '%s' may handle PHI but does not say so: its names hold '%s'",
			[case[1], case[0].metadata.name, case[2]],
		)}
	}
	summary(config_map({"PATIENT_DB": "db", "DICOM_PORT": "104"}), {}) == {concat("", [
		"medium data DICOM_PORT: ConfigMap 'settings' may handle PHI but does not say so: ",
		"its names hold 'dicom', 'patient'",
	])}
	count(summary({"kind": "PersistentVolumeClaim", "metadata": {"name": "medical"}}, {})) == 1
}

test_other_names_pass if {
	every name in ["web", "impatient-api", "patiently", "phi-2", "emr"] {
		summary(pod(name, {"name": "web"}), {}) == set()
	}
	summary({"kind": "Service", "metadata": {"name": "patient-api"}}, {}) == set()
	summary(pod(7, {"name": 7, "image": null, "env": [{"name": 7, "value": 7}]}), {}) == set()
}

test_words_are_a_parameter if {
	summary(pod("patient-api", {"name": "web"}), {"words": ["clinic"]}) == set()
	count(summary(pod("clinic", {"name": "web"}), {"words": ["clinic"]})) == 1
}

test_a_classification_answers_the_question if {
	every annotations in [
		{"attest.continuu.ms/data-classification": "phi"},
		{"attest.continuu.ms/data-classification": "public"},
		{"hipaa.attest.continuu.ms/phi": "false"},
		{"hipaa.attest.continuu.ms/phi": "true"},
	] {
		summary(marked(pod("patient-api", {"name": "web"}), annotations), {}) == set()
	}
}

test_identifiers_are_found_and_not_repeated if {
	every value, name in {
		"123-45-6789": "social security number",
		"ssn=665-12-3400;": "social security number",
		"a\n899-99-0001\nb": "social security number",
		"MRN: 00123456": "medical record number",
		"MRN#1234567": "medical record number",
	} {
		summary(config_map({"sample": value}), {}) == {sprintf(
			"high data sample: ConfigMap 'settings' holds what looks like a %s in 'sample'",
			[name],
		)}
		summary({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"sample": value}}, {}) == {sprintf(
			"high stringData sample: Secret 's' holds what looks like a %s in 'sample'",
			[name],
		)}
		summary(pod("web", {"name": "web", "env": [{"name": "SAMPLE", "value": value}]}), {}) == {sprintf(
			"high spec containers 0 env 0 value: Pod 'web' holds what looks like a %s in 'SAMPLE'",
			[name],
		)}
		summary(config_map({"sample": value}), {"scan_values": false}) == set()
	}
}

test_what_is_no_identifier_passes if {
	every value in [
		"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-456-7890", "1123-45-67891",
		"123456789", "a123-45-6789", "MRN", "MRN: 123", "2024-01-02", "550e8400-e29b-41d4-a716-446655440000",
	] {
		summary(config_map({"sample": value}), {}) == set()
	}
	summary({"kind": "Secret", "metadata": {"name": "s"}, "data": {"sample": "123-45-6789"}}, {}) == set()
}

test_classified_resources_hold_no_identifiers_either if {
	count(summary(marked(config_map({"a": "123-45-6789"}), {"hipaa.attest.continuu.ms/phi": "true"}), {})) == 1
}
