package attest.dynamic_test

import data.attest.dynamic

pod(image) := {"kind": "Pod", "spec": {"containers": [{"name": "web", "image": image}]}}

url := "https://vuln-db.company.com/scan/"

# The service of these tests answers each image with the `answer` of the test.
found(image, parameters, answer) := messages if {
	messages := {v.message |
		some v in dynamic.violation with input.resource as pod(image)
			with input.parameters as object.union({"url": url}, parameters)
			with http.send as answer
		v.severity in {"critical", "high"}
	}
}

scanned(critical, high) := {"status_code": 200, "body": {"critical": critical, "high": high}}

test_an_image_without_vulnerabilities_passes if found("nginx:1.27", {}, scanned([], ["CVE-1"])) == set()

test_critical_vulnerabilities if {
	found("nginx:1.27", {}, scanned(["CVE-1", "CVE-2"], [])) == {
		"Container image 'nginx:1.27' has 2 critical vulnerabilities",
	}
	found("nginx:1.27", {"max_critical": 2}, scanned(["CVE-1", "CVE-2"], [])) == set()
}

test_high_vulnerabilities_where_limited if {
	found("nginx:1.27", {"max_high": 0}, scanned([], ["CVE-1"])) == {
		"Container image 'nginx:1.27' has 1 high vulnerabilities",
	}
}

test_no_answer_is_no_clean_bill_of_health if {
	every case in [
		[{"status_code": 0, "error": {"message": "connection refused"}}, "the service can't be asked (connection refused)"],
		[{"status_code": 404, "body": {}}, "the service answers with status 404"],
		[{"status_code": 500, "body": null}, "the service answers with status 500"],
		[{"status_code": 200, "body": {}}, "the answer of the service has no list of critical vulnerabilities"],
		[{"status_code": 200, "body": {"critical": 3}}, "the answer of the service has no list of critical vulnerabilities"],
		[{"status_code": 200, "body": null}, "the answer of the service has no list of critical vulnerabilities"],
	] {
		found("nginx:1.27", {}, case[0]) == {sprintf("Container image 'nginx:1.27' has not been scanned: %s", [case[1]])}
		found("nginx:1.27", {"fail_open": true}, case[0]) == set()
	}
}

test_a_malformed_reference_is_not_sent if {
	found("../../admin", {}, scanned([], [])) == {
		"Container image '../../admin' can't be scanned: it is no valid reference",
	}
	found("../../admin", {"fail_open": true}, scanned([], [])) == set()
}

# Answers only what is asked in the right way.
strict_service(request) := scanned([request.url], []) if {
	request.method == "GET"
	request.raise_error == false
	request.timeout == "3s"
	request.force_cache_duration_seconds == 300
	request.url == "https://vuln-db.company.com/scan/registry.company.com%3A5000/shop/web%3A1"
}

test_the_image_is_part_of_the_path if {
	messages := {v.message |
		some v in dynamic.violation with input as {
			"resource": pod("registry.company.com:5000/shop/web:1"),
			"parameters": {"url": url},
		}
			with http.send as strict_service
	}
	messages == {"Container image 'registry.company.com:5000/shop/web:1' has 1 critical vulnerabilities"}
}

test_without_a_url_nobody_is_asked if {
	violations := dynamic.violation with input.resource as pod("nginx") with http.send as scanned(["CVE-1"], [])
	violations == set()
}
