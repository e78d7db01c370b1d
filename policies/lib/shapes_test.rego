package attest.lib_test

import data.attest.lib

container := {"name": "web", "image": "nginx:1"}

in_group(group, fields) := object.union({"apiVersion": sprintf("%s/v1", [group]), "kind": "Till"}, fields)

found(resource) := {"containers": containers, "fragments": fragments, "pods": pods} if {
	containers := object.keys(lib.containers) with input.resource as resource
	fragments := object.keys(lib.fragments) with input.resource as resource
	pods := object.keys(lib.pods) with input.resource as resource
}

test_containers_stand_in_templates_steps_and_sets if {
	every fields, where in {
		{"templates": [{"container": container}]}: [["templates", 0], ["templates", 0, "container"]],
		{"templates": [{"script": container}]}: [["templates", 0], ["templates", 0, "script"]],
		{"templates": [{"sidecars": [container]}]}: [["templates", 0], ["templates", 0, "sidecars", 0]],
		{"templates": [{"initContainers": [container]}]}: [["templates", 0], ["templates", 0, "initContainers", 0]],
		{"templates": [{"containerSet": {"containers": [container]}}]}: [
			["templates", 0],
			["templates", 0, "containerSet", "containers", 0],
		],
		{"steps": [{"ref": {"name": "clone"}}, container]}: [[], ["steps", 1]],
	} {
		found(custom(fields)) == {"containers": {where[1]}, "fragments": set(), "pods": {where[0]}}
	}
}

test_what_a_controller_completes_is_a_fragment if {
	every fields in [
		{"image": "nginx:1", "command": ["sh"]},
		{"image": "nginx:1", "resources": {}},
		{"securityContext": {"privileged": true}},
		{"resources": {"limits": {"cpu": "1"}}},
		{"resources": {"requests": {"memory": "1Gi"}}},
	] {
		found(custom({"spec": {"kafka": fields}})) == {"containers": set(), "fragments": {["spec", "kafka"]}, "pods": set()}
	}
	answer := found(custom({"spec": {"stepTemplate": {"image": "go", "env": []}, "steps": [{"script": "make"}, {"env": []}]}}))
	answer.fragments == {["spec", "stepTemplate"], ["spec", "steps", 1]}
	answer.containers == set()
}

test_what_says_nothing_of_containers_is_none if {
	every fields in [
		{"image": "nginx:1"},
		{"image": {"repository": "nginx"}, "command": ["sh"]},
		{"securityContext": "none"},
		{"resources": {"requests": {"storage": "1Gi"}}},
		{"resources": [{"cpu": 1}]},
		{"container": {"teu": 2}},
		{"container": "web"},
		{"steps": [{"name": "web"}, "sh"]},
		{"volumes": [{"emptyDir": {}}, null], "hostNetwork": false},
	] {
		found(custom({"spec": {"x": fields}})) == {"containers": set(), "fragments": set(), "pods": set()}
	}
}

test_what_shares_something_with_its_node_runs_in_a_pod if {
	every fields in [{"hostNetwork": true}, {"hostPID": true}, {"hostIPC": true}, {"volumes": [{"hostPath": {}}]}] {
		found(custom({"spec": {"podTemplate": fields}})).pods == {["spec", "podTemplate"]}
	}
}

test_images_of_fragments_are_images if {
	resource := custom({"spec": {"kafka": {"image": "kafka:4", "resources": {}}, "zookeeper": {"securityContext": {}}}})
	images := lib.images with input.resource as resource
	object.keys(images) == {["spec", "kafka"]}
	unattested := lib.unattested with input.resource as resource
	object.keys(unattested) == {["spec", "kafka"]}
}

test_messages_name_what_a_container_is if {
	every path, name in {
		["spec", "steps", 0]: "Step 'web'",
		["spec", "sidecars", 0]: "Sidecar '#0'",
		["spec", "script"]: "Container 'script'",
		[]: "Container 'Till'",
	} {
		said := lib.describe(path) with input.resource as custom({
			"image": "nginx:1",
			"env": [],
			"spec": {"steps": [container], "sidecars": [{"image": "nginx"}], "script": {"image": "nginx"}},
		})
		said == name
	}
}

test_configuration_names_where_a_container_stands if {
	answer := lib.containers with input.resource as custom({"spec": {"run": {"image": "nginx"}, "rest": {"image": "nginx"}}})
		with data.attest.workload_kinds as [{"kind": "Till", "group": "shop.company.com", "path": ["spec", "run"]}]
	answer == {["spec", "run"]: {"image": "nginx"}}
}

stated(resource, path) := answer if {
	answer := lib.in_context(path, ["runAsNonRoot"]) with input.resource as resource
}

context(value) := {"securityContext": {"runAsNonRoot": value}}

test_the_nearest_security_context_counts if {
	steps := {"spec": {"taskSpec": {"steps": [container]}}}
	path := ["spec", "taskSpec", "steps", 0]
	at := ["securityContext", "runAsNonRoot"]
	every outer in [
		["spec"], ["spec", "podTemplate"], ["spec", "taskRunTemplate", "podTemplate"], ["spec", "taskSpec", "stepTemplate"],
	] {
		said := json.patch(steps, [
			{"op": "add", "path": ["spec", "podTemplate"], "value": {}},
			{"op": "add", "path": ["spec", "taskRunTemplate"], "value": {"podTemplate": {}}},
			{"op": "add", "path": ["spec", "taskSpec", "stepTemplate"], "value": {}},
			{"op": "add", "path": array.concat(outer, ["securityContext"]), "value": {"runAsNonRoot": true}},
		])
		stated(custom(said), path) == [true, array.concat(outer, at)]
		nearer := object.union(said, {"spec": {"taskSpec": {"steps": [object.union(container, context(false))]}}})
		stated(custom(nearer), path) == [false, array.concat(path, at)]
	}
}

test_a_pod_specification_inherits_nothing if {
	pod := {"spec": {"template": {"spec": {"containers": [container]}}}}
	outer := custom(object.union(pod, {"spec": context(true)}))
	not stated(outer, ["spec", "template", "spec", "containers", 0])
	own := object.union(outer, {"kind": "Deployment", "apiVersion": "apps/v1"})
	not stated(own, ["spec", "template", "spec", "containers", 0])
}

test_steps_follow_their_template if {
	steps := {"stepTemplate": {"securityContext": {"allowPrivilegeEscalation": false}}, "steps": [container]}
	answer := lib.templated(["spec", "steps", 0], ["allowPrivilegeEscalation"]) with input.resource as custom({"spec": steps})
	answer == [false, ["spec", "stepTemplate", "securityContext", "allowPrivilegeEscalation"]]
}

test_controllers_that_keep_pods_running_have_a_selector if {
	template := {"template": {"spec": {"containers": [container]}}}
	once := {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}
	every resource, expected in {
		custom({"spec": object.union(template, {"selector": {}})}): 1,
		custom({"spec": template}): 0,
		custom({"spec": object.union(once, {"selector": {}})}): 0,
		in_group("serving.knative.dev", {"spec": template}): 1,
		in_group("apps", {"spec": object.union(template, {"selector": {}})}): 0,
	} {
		answers := {true | lib.keeps_running(["spec", "template", "spec"]) with input.resource as resource}
		count(answers) == expected
	}
}

test_what_no_policy_sees_through_is_told if {
	image := "the image that it names"
	patch := "the patch of its pods"
	settings := "a text with containers or settings of pods"
	resource := custom({
		"metadata": {"annotations": {"containers": "containers: []"}},
		"status": {"image": "nginx:1"},
		"spec": {
			"imageName": "postgres:16",
			"pgImage": "r.company.com/pg@sha256:9b7c8d1f0e2a4c6b8d0f1e3a5c7b9d2f4e6a8c0b1d3f5e7a9c2b4d6f8e0a1c3d",
			"image": "nginx:1",
			"judged": {"image": "nginx:1", "command": ["sh"]},
			"scan": {"image": "nginx"},
			"kept": {"imageName": ""},
			"podSpecPatch": "hostUsers: true",
			"none": {"podSpecPatch": ""},
			"manifest": "spec: {hostNetwork : true}",
			"json": `{"privileged": true}`,
			"words": ["containers are fine", "unprivileged"],
		},
	})
	answer := lib.unjudged with input.resource as resource
	answer == {
		["spec", "imageName"]: image, ["spec", "pgImage"]: image, ["spec", "image"]: image,
		["spec", "podSpecPatch"]: patch, ["spec", "manifest"]: settings, ["spec", "json"]: settings,
	}
	others := lib.unjudged with input.resource as object.union(resource, {"apiVersion": "v1"})
	others == {}
}
