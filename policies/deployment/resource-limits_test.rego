package attest.resource_limits_test

import data.attest.resource_limits

container(resources) := {"name": "web", "resources": resources}

deployment(spec) := {"kind": "Deployment", "spec": {"template": {"spec": spec}}}

one(resources) := deployment({"containers": [container(resources)]})

summary(resource, parameters) := {text |
	some v in resource_limits.violation with input as {"resource": resource, "parameters": parameters}
	path := [sprintf("%v", [part]) | some part in array.slice(object.get(v, "path", []), 3, 99)]
	text := sprintf("%s: %s", [concat("/", path), v.message])
}

limits := {"cpu": "500m", "memory": "1Gi"}

test_limits_pass if summary(one({"limits": limits, "requests": {"cpu": "0.5", "memory": "1024Mi"}}), {}) == set()

test_every_container_needs_limits if {
	summary(deployment({"containers": [{"name": "web"}], "initContainers": [{"name": "setup", "resources": {}}]}), {}) == {
		"containers/0: Container 'web' has no limits of cpu and memory",
		"initContainers/0/resources: Init container 'setup' has no limits of cpu and memory",
	}
}

test_memory_alone_may_be_asked_for if {
	memory := {"containers/0: Container 'web' has no memory limit"}
	cpu := {"containers/0: Container 'web' has no cpu limit"}
	pod := deployment({"containers": [{"name": "web"}]})
	summary(pod, {"require_limits": "memory"}) == memory
	summary(pod, {"require_limits": "memory", "required_limits": ["cpu"]}) == cpu
	summary(pod, {"required_limits": ["cpu"]}) == cpu
	summary(pod, {"require_limits": false, "required_limits": ["cpu"]}) == set()
}

test_a_limit_of_zero_is_none if {
	every zero in [0, "0", "0m", "0Gi"] {
		summary(one({"limits": {"cpu": "1", "memory": zero}}), {}) == {concat("", [
			"containers/0/resources/limits/memory: Container 'web' has no memory limit",
		])}
	}
}

test_a_null_limit_is_none if {
	summary(one({"limits": {"cpu": "1", "memory": null}}), {}) == {concat("", [
		"containers/0/resources/limits: Container 'web' has no memory limit",
	])}
}

test_limits_of_the_pod_stand_for_those_of_its_containers if {
	summary(deployment({"containers": [{"name": "web"}], "resources": {"limits": limits}}), {}) == set()
}

test_ephemeral_containers_are_not_judged if {
	spec := {"containers": [container({"limits": limits})], "ephemeralContainers": [{"name": "debug"}]}
	summary(deployment(spec), {}) == set()
}

test_which_limits_are_required_is_a_parameter if {
	summary(one({}), {"require_limits": false}) == set()
	summary(one({}), {"required_limits": ["memory"]}) == {"containers/0/resources: Container 'web' has no memory limit"}
}

test_limits_above_the_maximum if {
	parameters := {"max_cpu": "2000m", "max_memory": "4Gi"}
	every cpu in ["2", 2, "2000m", "2.0", "2e0", "1999m"] {
		summary(one({"limits": {"cpu": cpu, "memory": "4Gi"}}), parameters) == set()
	}
	every cpu in ["2001m", "3", 3, "2.001", "1k"] {
		summary(one({"limits": {"cpu": cpu, "memory": "4G"}}), parameters) == {sprintf(
			"containers/0/resources/limits/cpu: Container 'web' has a cpu limit of %v, above the maximum of 2000m",
			[cpu],
		)}
	}
	every memory in ["4097Mi", "5G", "1Ti", 5000000000] {
		summary(one({"limits": {"cpu": 1, "memory": memory}}), parameters) == {sprintf(
			"containers/0/resources/limits/memory: Container 'web' has a memory limit of %v, above the maximum of 4Gi",
			[memory],
		)}
	}
}

test_limits_of_the_pod_above_the_maximum if {
	resource := deployment({"containers": [{"name": "web"}], "resources": {"limits": {"cpu": "9", "memory": "1Gi"}}})
	summary(resource, {"max_cpu": 2}) == {"resources/limits/cpu: The pod has a cpu limit of 9, above the maximum of 2"}
}

test_malformed_quantities_are_violations if {
	every amount in ["lots", "4GB", "-1", "", true] {
		summary(one({"limits": {"cpu": "1", "memory": amount}}), {"max_memory": "4Gi"}) == {sprintf(
			"containers/0/resources/limits/memory: Container 'web' has a malformed memory limit: '%v'",
			[amount],
		)}
	}
	summary(one({"limits": limits, "requests": {"cpu": "1 core"}}), {}) == {concat("", [
		"containers/0/resources/requests/cpu: Container 'web' has a malformed cpu request: '1 core'",
	])}
}

test_requests_above_the_limit if {
	summary(one({"limits": limits, "requests": {"memory": "2Gi"}}), {}) == {concat("", [
		"containers/0/resources/requests/memory: ",
		"Container 'web' requests 2Gi of memory, above its limit of 1Gi",
	])}
}

test_a_maximum_that_is_no_quantity if {
	summary(one({"limits": limits}), {"max_memory": "4 Gi"}) == {
		": The parameter max_memory of resource-limits is not a quantity: '4 Gi'",
	}
	nothing := summary({"kind": "Service"}, {"max_memory": "4 Gi"})
	nothing == set()
}

test_steps_of_tekton_state_limits_in_a_field_of_their_own if {
	step := {"name": "build", "image": "golang", "computeResources": {"limits": limits}}
	task := {"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [step]}}
	summary(task, {}) == set()
	count(summary(object.union(task, {"apiVersion": "shop.company.com/v1"}), {})) == 1
}

test_fragments_are_judged_for_what_they_say if {
	kafka := {"kind": "Kafka", "apiVersion": "kafka.strimzi.io/v1", "spec": {"kafka": {"resources": {"limits": {"cpu": "4x"}}}}}
	summary(kafka, {}) == {"limits/cpu: Container 'kafka' has a malformed cpu limit: '4x'"}
}

test_requests if {
	asked := {"require_limits": false, "required_requests": ["cpu", "memory"]}
	summary(one({"requests": {"cpu": "1"}}), asked) == {
		"containers/0/resources/requests: Container 'web' has no memory request",
	}
	summary(one({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}), asked) == set()
	summary(one({}), asked) == {"containers/0/resources: Container 'web' has no requests of cpu and memory"}
	summary(one({}), {"require_limits": false}) == set()
	summary(deployment({"containers": [{"name": "web"}], "resources": {"requests": limits}}), asked) == set()
}

test_a_limit_that_lacks_is_no_request_that_lacks_as_well if {
	asked := {"required_requests": ["cpu", "memory"]}
	summary(one({}), asked) == {"containers/0/resources: Container 'web' has no limits of cpu and memory"}
	summary(one({"limits": {"memory": "1Gi"}}), object.union(asked, {"require_limits": "memory"})) == {
		"containers/0/resources: Container 'web' has no cpu request",
	}
}

test_a_fix_names_fields_and_values if {
	fixes := {v.fix | some v in resource_limits.violation with input.resource as one({"limits": {"cpu": "1"}})}
	fixes == {"Set resources.limits.memory to the most that the container may use, such as `256Mi`."}
}
