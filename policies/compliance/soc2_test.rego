package attest.compliance_test

import data.attest.compliance

deployment(namespace, annotations) := {
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": namespace, "annotations": annotations},
	"spec": {"template": {"spec": {"containers": []}}},
}

found(resource, parameters) := {[v.message, v.severity] |
	some v in compliance.violation with input as {"resource": resource, "parameters": parameters}
	v.path == ["metadata", "annotations"]
}

audited := {"attest.continuu.ms/audit-logging": "enabled"}

personal := {"gdpr.attest.continuu.ms/personal-data": "true"}

protected := {
	"gdpr.attest.continuu.ms/lawful-basis": "contract",
	"gdpr.attest.continuu.ms/data-controller": "Company Ltd",
	"gdpr.attest.continuu.ms/retention-period": "P30D",
}

test_production_declares_audit_logging if {
	found(deployment("production", {}), {}) == {[
		"Production deployments must enable audit logging for SOC2 compliance",
		"high",
	]}
	found(deployment("production", audited), {}) == set()
	found(deployment("shop", {}), {}) == set()
	found(deployment("live", {}), {"production_namespaces": ["live"]}) != set()
	found(deployment("production", {"log": "true"}), {"audit_logging_annotations": ["log"]}) == set()
}

test_personal_data_is_declared_with_its_terms if {
	found(deployment("shop", personal), {}) == {[
		concat("", [
			"Applications processing personal data must have GDPR data protection annotations: ",
			"gdpr.attest.continuu.ms/data-controller, gdpr.attest.continuu.ms/lawful-basis, ",
			"gdpr.attest.continuu.ms/retention-period",
		]),
		"high",
	]}
	found(deployment("shop", object.union(personal, protected)), {}) == set()
}

test_only_deployments_are_judged if {
	found(object.union(deployment("production", personal), {"kind": "Job"}), {}) == set()
}

test_helpers_of_the_package if {
	compliance.is_production_namespace with input.resource as deployment("prod", {})
	compliance.has_audit_logging_enabled with input.resource as deployment("shop", audited)
	compliance.processes_personal_data with input.resource as deployment("shop", personal)
	compliance.has_data_protection_annotations with input.resource as deployment("shop", protected)
	not compliance.has_data_protection_annotations with input.resource as deployment("shop", {})
}
