package attest.deployment_test

import data.attest.deployment
import data.attest.lib

digest := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

image := sprintf("registry.company.com/shop/web@%s", [digest])

evidence := {"receipts": {digest: [{"id": "receipt-1"}]}}

with_spec(namespace, fields) := {
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": namespace},
	"spec": object.union({"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}, fields),
}

found(resource, parameters) := violations if {
	violations := deployment.violation with input as {"resource": resource, "parameters": parameters}
		with data.attest.evidence as evidence
}

test_a_deployment_with_receipt_and_replicas_passes if found(with_spec("production", {"replicas": 2}), {}) == set()

test_a_receipt_is_required if {
	resource := with_spec("shop", {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}})
	found(resource, {}) == {{
		"message": concat("", [
			"Deployment must include valid ATTEST receipt: ",
			"the evidence has none for image 'nginx:1.27' of container 'web'",
		]),
		"severity": "critical",
		"cause": "unproven image",
		"controls": ["CIS-1.12-5.5.1", "SOC2-CC8.1"],
		"fix": lib.attesting,
		"path": ["spec", "template", "spec", "containers", 0, "image"],
	}}
	found(resource, {"require_receipt": false}) == set()
}

test_only_deployments_need_a_receipt if {
	found({"kind": "Pod", "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]}}, {}) == set()
}

test_production_needs_replicas if {
	every case in [
		[{"replicas": 1}, 1, ["spec", "replicas"]],
		[{"replicas": 0}, 0, ["spec", "replicas"]],
		[{}, 1, ["spec"]],
	] {
		found(with_spec("production", case[0]), {}) == {{
			"message": sprintf("Production deployments must have at least 2 replicas for high availability, not %d", [case[1]]),
			"severity": "medium",
			"path": case[2],
			"fix": "Set spec.replicas to `2` or more.",
			"cause": "few replicas",
			"controls": ["SOC2-A1.2"],
		}}
		found(with_spec("shop", case[0]), {}) == set()
	}
}

test_replicas_may_be_left_to_an_autoscaler if {
	parameters := {"allow_unset_replicas": true}
	found(with_spec("production", {}), parameters) == set()
	count(found(with_spec("production", {"replicas": 1}), parameters)) == 1
}

test_the_fewest_replicas_are_a_parameter if {
	count(found(with_spec("production", {"replicas": 2}), {"min_replicas": 3})) == 1
	found(with_spec("production", {"replicas": 3}), {"min_replicas": 3}) == set()
}

test_helpers_of_the_package if {
	deployment.has_attest_receipt with input.resource as with_spec("shop", {}) with data.attest.evidence as evidence
	not deployment.has_attest_receipt with input.resource as with_spec("shop", {})
	not deployment.has_attest_receipt with input.resource as {"kind": "Deployment", "spec": {}}
	deployment.is_production_namespace with input.resource as with_spec("production", {})
	not deployment.is_production_namespace with input.resource as with_spec("shop", {})
}
