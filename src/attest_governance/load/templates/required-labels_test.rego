# Run with `attest policy test policies/`.
package project.required_labels_test

import data.project.required_labels

deployment(labels) := {"kind": "Deployment", "metadata": {"name": "web", "labels": labels}}

messages(resource, parameters) := {violation.message |
	some violation in required_labels.violation with input as {"resource": resource, "parameters": parameters}
}

test_label_is_there if {
	messages(deployment({"app.kubernetes.io/name": "web"}), {}) == set()
}

test_label_is_missing if {
	messages(deployment({"other": "label"}), {}) == {"Deployment 'web' lacks the label 'app.kubernetes.io/name'"}
}

test_every_configured_label_is_required if {
	messages(deployment({"team": "a"}), {"labels": ["team", "cost"]}) == {"Deployment 'web' lacks the label 'cost'"}
}

test_other_kinds_pass if {
	messages({"kind": "Service", "metadata": {"name": "web"}}, {}) == set()
}
