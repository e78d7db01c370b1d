package attest.gdpr_test

import data.attest.gdpr

terms := {
	"gdpr.attest.continuu.ms/lawful-basis": "legitimate-interests",
	"gdpr.attest.continuu.ms/data-controller": "Company Ltd",
	"gdpr.attest.continuu.ms/retention-period": "P1Y6M",
}

job(annotations, pod_fields) := {
	"kind": "Job",
	"metadata": {"name": "export", "annotations": annotations},
	"spec": {"template": {
		"metadata": {"labels": {"gdpr.attest.continuu.ms/personal-data": "true"}},
		"spec": object.union({"containers": []}, pod_fields),
	}},
}

summary(resource, parameters) := {text |
	some v in gdpr.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %s: %s", [v.severity, concat(" ", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_a_workload_with_its_terms_passes if summary(job(terms, {}), {}) == set()

test_a_workload_without_personal_data_passes if {
	summary({"kind": "Job", "metadata": {"name": "export"}, "spec": {"template": {"spec": {}}}}, {}) == set()
}

test_terms_that_are_missing if {
	given := object.remove(terms, ["gdpr.attest.continuu.ms/data-controller"])
	summary(job(given, {}), {}) == {concat("", [
		"high metadata annotations: Job 'export' processes personal data ",
		"without annotation gdpr.attest.continuu.ms/data-controller",
	])}
	summary(job(given, {}), {"require_annotations": false}) == set()
	summary(job({"owner": "shop"}, {}), {"required_annotations": ["owner"]}) == set()
}

test_a_lawful_basis_is_one_of_article_6 if {
	summary(job(object.union(terms, {"gdpr.attest.continuu.ms/lawful-basis": "because"}), {}), {}) == {concat("", [
		"medium metadata annotations gdpr.attest.continuu.ms/lawful-basis: 'because' is no lawful basis: it is one of ",
		"consent, contract, legal-obligation, legitimate-interests, public-task, vital-interests",
	])}
}

test_a_retention_period_is_a_period if {
	every period in ["P30D", "P1Y6M", "30d", "2 years", "1 Month", "6w"] {
		summary(job(object.union(terms, {"gdpr.attest.continuu.ms/retention-period": period}), {}), {}) == set()
	}
	every period in ["forever", "30", "P", "d30", "30 parsecs"] {
		summary(job(object.union(terms, {"gdpr.attest.continuu.ms/retention-period": period}), {}), {}) == {sprintf(
			"medium metadata annotations gdpr.attest.continuu.ms/retention-period: '%s' is no retention period: %s",
			[period, "write it like P30D, 30d or 2 years"],
		)}
	}
}

test_terms_on_the_pod_template_are_judged_there if {
	template := {"metadata": {"annotations": {"gdpr.attest.continuu.ms/lawful-basis": "because"}}}
	some text in summary(object.union(job(terms, {}), {"spec": {"template": template}}), {})
	startswith(text, "medium spec template metadata annotations gdpr.attest.continuu.ms/lawful-basis: ")
}

test_personal_data_is_served_by_tls if {
	ingress := {
		"apiVersion": "networking.k8s.io/v1",
		"kind": "Ingress",
		"metadata": {"name": "web", "labels": {"attest.continuu.ms/data-classification": "pii"}},
		"spec": {"rules": [{"host": "shop.com"}]},
	}
	summary(ingress, {}) == {concat("", [
		"high spec rules 0 host: Ingress 'web' serves personal data without TLS on host 'shop.com'",
	])}
	summary(ingress, {"privacy_by_design": false}) == set()
	summary(object.union(ingress, {"spec": {"tls": [{}]}}), {}) == set()
	public := {"metadata": {"labels": {"attest.continuu.ms/data-classification": "public"}}}
	summary(object.union(ingress, public), {}) == set()
}

test_personal_data_stays_off_the_disks_of_nodes if {
	resource := job(terms, {"volumes": [{"hostPath": {"path": "/data"}}]})
	summary(resource, {}) == {concat("", [
		"medium spec template spec volumes 0 hostPath path: ",
		"Job 'export' may leave personal data on the disk of a node: hostPath '/data'",
	])}
	summary(resource, {"privacy_by_design": false}) == set()
}
