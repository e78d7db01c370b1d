# METADATA
# title: Network policies
# description: >-
#   Network policies that let everything through, or do not do what they say. A rule that names neither peers nor ports
#   allows everything, and so do address blocks of the whole internet, though exceptions leave out a few addresses; rules
#   that name ports only (fewer than all) are how public services are meant to look and pass. Rules of a direction that `policyTypes` leaves out have no
#   effect. Services may not claim external addresses, with which one tenant can take over the traffic of another;
#   restricting who may reach a load balancer is asked for only with `require_source_ranges`, and
#   that every workload is selected by a policy only with `require_policies`. Policies of other API
#   groups (Calico, Cilium) are not judged.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/
#     description: Network policies
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#external-ips
#     description: External addresses of services
# custom:
#   name: network-policies
#   severity: medium
#   remediation: Name the peers and ports that may talk with the selected pods, and list both directions in policyTypes.
#   controls:
#     - CIS-1.12-5.3.2
#     - SOC2-CC6.6
#   profiles:
#     recommended: {allow_all_egress: true}
#     strict: {require_source_ranges: true, require_policies: true}
#     nsa: {require_policies: true}
#     cis: {require_policies: true}
#   inventory: [NetworkPolicy]
#   checks:
#     kube-linter: [non-isolated-pod]
#     polaris: [missingNetworkPolicy]
#     kube-score: [pod-networkpolicy]
#     trivy: [KSV-0108]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       allow_all_egress:
#         type: boolean
#         default: false
#         description: Whether network policies may allow all outgoing traffic.
#       require_policies:
#         type: boolean
#         default: false
#         description: Whether a NetworkPolicy among the files, or in the inventory, must select the pods of each workload.
#       require_source_ranges:
#         type: boolean
#         default: false
#         description: Whether services of type LoadBalancer must state loadBalancerSourceRanges.
package attest.network_policies

import data.attest.lib

violation contains {"message": message, "severity": severity, "path": ["spec", direction, i], "fix": fix, "controls": ["SOC2-CC6.6"]} if {
	is_network_policy
	some direction, severity in judged_directions
	some i, entry in input.resource.spec[direction]
	rule := lib.element(entry)
	lib.field(rule, peers_field[direction], []) == []
	message := sprintf("%s allows %s %s traffic", [lib.this, all_of(rule), direction])
	peer := "such as `podSelector: {matchLabels: {app: web}}`"
	fix := sprintf("Set spec.%s[%d].%s to the peers that are meant, %s.", [direction, i, peers_field[direction], peer])
}

# Blocks that leave nothing out, alone or together: `0.0.0.0/1` and `128.0.0.0/1`.
violation contains {"message": message, "severity": severity, "path": path, "fix": fixes.blocks, "controls": ["SOC2-CC6.6"]} if {
	is_network_policy
	some direction, severity in judged_directions
	blocks := open_blocks(direction)
	some path, cidrs in wholes(blocks)
	message := sprintf(
		"%s allows %s traffic of the whole internet on all ports: %s",
		[lib.this, direction, lib.listed(sort(cidrs))],
	)
}

# "all", or "all TCP": what a rule allows without naming ports; undefined where it names them.
all_of(rule) := "all" if {
	lib.field(rule, "ports", []) == []
} else := min({sprintf("all %v", [lib.field(lib.element(port), "protocol", "TCP")]) |
	some port in rule.ports
	is_any_port(lib.element(port))
})

is_any_port(port) if lib.field(port, "port", null) == null

is_any_port(port) if {
	port.port <= 1
	port.endPort >= 65535
}

# The blocks that a direction allows on all ports, by where; those with exceptions where these leave out next to nothing,
# or what another block brings back.
open_blocks(direction) := {path: block.cidr |
	blocks := blocks_of(direction)
	some path, block in blocks
	every exception in lib.field(block, "except", []) {
		is_next_to_nothing(exception, direction, [other.cidr | some other_path, other in blocks; other_path != path])
	}
}

blocks_of(direction) := {path: peer.ipBlock |
	some i, rule in input.resource.spec[direction]
	all_of(lib.element(rule))
	some j, peer in rule[peers_field[direction]]
	is_string(peer.ipBlock.cidr)
	path := ["spec", direction, i, peers_field[direction], j, "ipBlock", "cidr"]
}

# At most 256 addresses, or a network of IPv6; but for the address where clouds give out credentials.
is_next_to_nothing(exception, direction, _) if {
	net.cidr_is_valid(exception)
	to_number(split(exception, "/")[1]) > {true: 64, false: 24}[contains(exception, ":")]
	not is_metadata_service(exception, direction)
}

is_next_to_nothing(exception, _, others) if {
	net.cidr_is_valid(exception)
	some other in others
	net.cidr_is_valid(other)
	net.cidr_contains(other, exception)
}

is_metadata_service(exception, "egress") if net.cidr_contains(exception, "169.254.169.254")

# What leaves nothing out, by where it is told: each block alone, else the first of all together.
wholes(blocks) := {path: {cidr} | some path, cidr in blocks; is_whole({cidr})} if {
	some cidr in blocks
	is_whole({cidr})
} else := {min(object.keys(blocks)): {cidr | some cidr in blocks}} if is_whole({cidr | some cidr in blocks})

# Do blocks leave no address out, however they are spelled (`1.2.3.4/0`)?
is_whole(cidrs) if {
	valid := {cidr | some cidr in cidrs; is_string(cidr); net.cidr_is_valid(cidr)}
	count(valid) > 0
	some block in net.cidr_merge(valid)
	block in {"0.0.0.0/0", "::/0"}
}

violation contains {"message": message, "severity": "low", "path": path, "fix": fixes.isolation, "controls": ["CIS-1.12-5.3.2"]} if {
	lib.parameter("require_policies", false)
	some pod_path, pod in lib.pods
	data.inventory
	lib.field(pod, "hostNetwork", false) != true
	not is_selected(lib.field(input.resource, array.concat(lib.metadata_path_of(pod_path), ["labels"]), {}))
	path := lib.deepest(lib.metadata_path_of(pod_path), ["labels"])
	message := sprintf("No NetworkPolicy selects the pods of %s: everyone in the cluster may talk to them", [lib.this])
}

is_selected(labels) if {
	some policy in lib.around[_].NetworkPolicy
	lib.selects(lib.field(policy, ["spec", "podSelector"], {}), labels)
}

fixes := {
	"blocks": "Set cidr to the block of the peers that are meant, such as `10.0.0.0/8`.",
	"address": "Remove spec.externalIPs; an Ingress, or a Service of type `LoadBalancer`, gets an address of its own.",
	"ranges": "Set spec.loadBalancerSourceRanges to the blocks of the clients, such as `[203.0.113.0/24]`.",
	"isolation": "Add a NetworkPolicy whose spec.podSelector has labels of these pods.",
}

violation contains {"message": message, "severity": "medium", "path": ["spec", direction], "fix": fix, "controls": ["SOC2-CC6.6"]} if {
	is_network_policy
	some direction, type in {"ingress": "Ingress", "egress": "Egress"}
	input.resource.spec[direction] != null
	lib.field(input.resource.spec, "policyTypes", []) != []
	not type in input.resource.spec.policyTypes
	message := sprintf(
		"%s has %s rules without effect: its policyTypes leave out %s",
		[lib.this, direction, type],
	)
	fix := sprintf("Add `%s` to spec.policyTypes, or remove spec.%s.", [type, direction])
}

violation contains {"message": message, "severity": "high", "path": ["spec", "externalIPs", i], "fix": fixes.address, "controls": ["SOC2-CC6.6"]} if {
	is_service
	some i, entry in input.resource.spec.externalIPs
	address := lib.text(entry)
	message := sprintf("%s may not claim external address %v", [lib.this, address])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fixes.ranges, "controls": ["SOC2-CC6.6"], "cause": "exposed"} if {
	is_service
	lib.parameter("require_source_ranges", false)
	input.resource.spec.type == "LoadBalancer"
	why := everywhere(lib.field(input.resource.spec, "loadBalancerSourceRanges", []))
	path := ["spec", "type"] # what makes it reachable, beside which the ranges are missing
	message := sprintf("%s can be reached from everywhere: %s", [lib.this, why])
}

everywhere([]) := "it has no loadBalancerSourceRanges"

everywhere(ranges) := "its loadBalancerSourceRanges leave nobody out" if is_whole({range | some range in ranges})

is_network_policy if {
	input.resource.kind == "NetworkPolicy"
	lib.api_group in {"networking.k8s.io", "extensions"}
}

is_service if {
	input.resource.kind == "Service"
	lib.api_group == ""
}

judged_directions["ingress"] := "medium"

judged_directions["egress"] := "low" if not lib.parameter("allow_all_egress", false)

peers_field := {"ingress": "from", "egress": "to"}
