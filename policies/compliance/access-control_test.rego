package attest.access_control_test

import data.attest.access_control

pod(namespace, fields) := {
	"kind": "Pod",
	"metadata": {"name": "web", "namespace": namespace},
	"spec": object.union({"containers": []}, fields),
}

found(resource) := {[v.message, v.severity, v.path] |
	some v in access_control.violation with input.resource as resource
}

message := "Pod 'web' uses the token of the ServiceAccount 'default', which it shares with others"

test_workloads_in_production_have_an_identity_of_their_own if {
	every case in [
		[{}, ["spec"]],
		[{"serviceAccountName": "default"}, ["spec", "serviceAccountName"]],
		[{"serviceAccountName": "", "automountServiceAccountToken": true}, ["spec", "serviceAccountName"]],
	] {
		found(pod("production", case[0])) == {[message, "medium", case[1]]}
		found(pod("shop", case[0])) == set()
	}
	every fields in [{"serviceAccountName": "web"}, {"automountServiceAccountToken": false}] {
		found(pod("production", fields)) == set()
	}
}

test_other_resources_have_no_identity if {
	found({"kind": "Service", "metadata": {"name": "web", "namespace": "production"}, "spec": {}}) == set()
}

binding(subject) := {"kind": "RoleBinding", "metadata": {"name": "readers"}, "subjects": [subject]}

test_the_default_account_gets_no_rights if {
	found(binding({"kind": "ServiceAccount", "name": "default", "namespace": "shop"})) == {[
		concat("", [
			"RoleBinding 'readers' grants rights to every workload ",
			"without a ServiceAccount of its own in namespace 'shop'",
		]),
		"high",
		["subjects", 0, "name"],
	]}
	found(binding({"kind": "ServiceAccount", "name": "web"})) == set()
	found(binding({"kind": "User", "name": "default"})) == set()
}
