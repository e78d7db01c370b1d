package attest.network_policies_test

import data.attest.network_policies

policy(spec) := {
	"apiVersion": "networking.k8s.io/v1",
	"kind": "NetworkPolicy",
	"metadata": {"name": "web"},
	"spec": object.union({"podSelector": {}}, spec),
}

service(spec) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}

summary(resource, parameters) := {text |
	some v in network_policies.violation with input as {"resource": resource, "parameters": parameters}
	text := sprintf("%s %s: %s", [v.severity, concat("/", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_what_names_peers_or_ports_passes if {
	every spec in [
		{},
		{"ingress": []},
		{"policyTypes": ["Ingress", "Egress"]},
		{"ingress": [{"from": [{"podSelector": {}}]}]},
		{"ingress": [{"ports": [{"port": 443}]}]},
		{"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
		{"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 443}]}]},
		{"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}]},
	] {
		summary(policy(spec), {}) == set()
	}
}

test_rules_that_allow_everything if {
	every rule in [{}, {"from": []}, {"from": null, "ports": []}] {
		summary(policy({"ingress": [rule]}), {}) == {"medium spec/ingress/0: NetworkPolicy 'web' allows all ingress traffic"}
	}
	summary(policy({"egress": [{}]}), {}) == {"low spec/egress/0: NetworkPolicy 'web' allows all egress traffic"}
	summary(policy({"egress": [{}]}), {"allow_all_egress": true}) == set()
}

test_the_whole_internet_on_all_ports if {
	every cidr in ["0.0.0.0/0", "::/0"] {
		message := "NetworkPolicy 'web' allows ingress traffic of the whole internet on all ports"
		summary(policy({"ingress": [{"from": [{"ipBlock": {"cidr": cidr}}]}]}), {}) == {sprintf(
			"medium spec/ingress/0/from/0/ipBlock/cidr: %s: %s",
			[message, cidr],
		)}
	}
	parameters := {"allow_all_egress": true}
	summary(policy({"egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}), parameters) == set()
}

test_rules_without_effect if {
	summary(policy({"policyTypes": ["Ingress"], "egress": []}), {}) == {concat("", [
		"medium spec/egress: NetworkPolicy 'web' has egress rules without effect: ",
		"its policyTypes leave out Egress",
	])}
	summary(policy({"policyTypes": ["Ingress", "Egress"], "egress": []}), {}) == set()
}

test_policies_of_other_groups_are_not_judged if {
	calico := object.union(policy({"ingress": [{}]}), {"apiVersion": "crd.projectcalico.org/v1"})
	summary(calico, {}) == set()
}

test_external_addresses if {
	summary(service({"externalIPs": ["203.0.113.7"]}), {}) == {concat("", [
		"high spec/externalIPs/0: Service 'web' may not claim external address 203.0.113.7",
	])}
	knative := object.union(service({"externalIPs": ["203.0.113.7"]}), {"apiVersion": "serving.knative.dev/v1"})
	summary(knative, {}) == set()
}

test_source_ranges_where_required if {
	open := service({"type": "LoadBalancer"})
	summary(open, {}) == set()
	summary(open, {"require_source_ranges": true}) == {concat("", [
		"medium spec/type: Service 'web' can be reached from everywhere: it has no loadBalancerSourceRanges",
	])}
	every ranges in [["0.0.0.0/0"], ["10.0.0.0/8", "::/0"], ["0.0.0.0/1", "128.0.0.0/1"]] {
		summary(service({"type": "LoadBalancer", "loadBalancerSourceRanges": ranges}), {"require_source_ranges": true}) == {concat("", [
			"medium spec/type: Service 'web' can be reached from everywhere: its loadBalancerSourceRanges leave nobody out",
		])}
	}
	closed := service({"type": "LoadBalancer", "loadBalancerSourceRanges": ["10.0.0.0/8"]})
	summary(closed, {"require_source_ranges": true}) == set()
	summary(service({"type": "ClusterIP"}), {"require_source_ranges": true}) == set()
}

from_blocks(cidrs) := policy({"ingress": [{"from": [{"ipBlock": {"cidr": cidr}}]} | some cidr in cidrs]})

test_the_whole_internet_by_other_spellings if {
	every cidr in ["1.2.3.4/0", "2001:db8::/0"] {
		some text in summary(from_blocks([cidr]), {})
		endswith(text, sprintf("of the whole internet on all ports: %s", [cidr]))
	}
	every cidrs in [
		["0.0.0.0/1", "128.0.0.0/1"],
		["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"],
		["::/1", "8000::/1"],
	] {
		some text in summary(from_blocks(cidrs), {})
		startswith(text, "medium spec/ingress/0/from/0/ipBlock/cidr: NetworkPolicy 'web' allows ingress traffic of the")
		endswith(text, sprintf("on all ports: %s", [concat(", ", sort(cidrs))]))
	}
	every cidrs in [["0.0.0.0/1"], ["0.0.0.0/1", "128.0.0.0/2"], ["nonsense", "0.0.0.0/33"], ["0.0.0.0/1", "8000::/1"]] {
		summary(from_blocks(cidrs), {}) == set()
	}
}

# Blocks of one rule, each with what it leaves out.
from_all_but(exceptions) := policy({"ingress": [{"from": [{"ipBlock": {"cidr": cidr, "except": except}} |
	some cidr, except in exceptions
]}]})

test_exceptions_that_leave_out_next_to_nothing if {
	every exceptions in [
		{"0.0.0.0/0": ["10.1.2.3/32"]},
		{"0.0.0.0/0": ["10.1.2.3/32", "10.1.2.128/25"]},
		{"::/0": ["2001:db8::1/128"]},
		{"0.0.0.0/0": ["10.0.0.0/8"], "10.0.0.0/8": []},
		{"0.0.0.0/1": ["10.1.2.3/32"], "128.0.0.0/1": null},
	] {
		some text in summary(from_all_but(exceptions), {})
		contains(text, "NetworkPolicy 'web' allows ingress traffic of the whole internet on all ports: ")
	}
	every exceptions in [
		{"0.0.0.0/0": ["10.0.0.0/8"]},
		{"0.0.0.0/0": ["10.0.0.0/24", "10.1.2.3/32"]},
		{"::/0": ["fd00::/8"]},
		{"0.0.0.0/0": ["10.0.0.0/8"], "10.1.0.0/16": []},
		{"0.0.0.0/0": ["nonsense", "10.0.0.0/8"]},
	] {
		summary(from_all_but(exceptions), {}) == set()
	}
	metadata_service := {"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]}
	summary(policy({"egress": [metadata_service]}), {}) == set()
}

test_all_ports_by_other_spellings if {
	every port in [{"protocol": "TCP"}, {}, null, {"port": 1, "endPort": 65535}, {"port": 0, "endPort": 65535}] {
		summary(policy({"ingress": [{"ports": [{"port": 443}, port]}]}), {}) == {concat("", [
			"medium spec/ingress/0: NetworkPolicy 'web' allows all TCP ingress traffic",
		])}
		every_block := {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [port]}
		count(summary(policy({"ingress": [every_block]}), {})) == 1
	}
	summary(policy({"ingress": [{"ports": [{"protocol": "UDP"}]}]}), {}) == {concat("", [
		"medium spec/ingress/0: NetworkPolicy 'web' allows all UDP ingress traffic",
	])}
	summary(policy({"ingress": [{"ports": [{"port": 1024, "endPort": 65535}, {"port": "web"}]}]}), {}) == set()
}

deployment := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
}

selected_by(selector) := {"namespace": {"shop": {"networking.k8s.io/v1": {"NetworkPolicy": {"web": {"spec": {
	"podSelector": selector,
}}}}}}}

test_pods_that_no_policy_selects if {
	parameters := {"require_policies": true}
	alone := summary(deployment, parameters) with data.inventory as selected_by({"matchLabels": {"app": "api"}})
	alone == {concat("", [
		"low spec/template/metadata/labels: ",
		"No NetworkPolicy selects the pods of Deployment 'web': everyone in the cluster may talk to them",
	])}
	every selector in [{}, {"matchLabels": {"app": "web"}}] {
		found := summary(deployment, parameters) with data.inventory as selected_by(selector)
		found == set()
	}
	unasked := summary(deployment, {}) with data.inventory as {}
	unasked == set()
	summary(deployment, parameters) == set()
}
