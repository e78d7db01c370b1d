package attest.lib_test

import data.attest.lib

ingress(spec) := {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": spec}

rules(hosts) := [rule | some host in hosts; rule := {field: host | some field in ["host"]; host != "*"}]

plain_hosts(spec) := {host |
	found := lib.hosts_without_tls with input.resource as ingress(spec)
	some host in found
}

test_hosts_without_tls if {
	every case in [
		[{"rules": rules(["a.com", "b.com"])}, {"a.com", "b.com"}],
		[{"rules": rules(["a.com", "b.com"]), "tls": [{"hosts": ["a.com"]}]}, {"b.com"}],
		[{"rules": rules(["a.com", "*"]), "tls": [{"hosts": ["a.com"]}]}, {"*"}],
		[{"rules": rules(["a.b.com", "a.a.b.com", "b.com"]), "tls": [{"hosts": ["*.b.com"]}]}, {"a.a.b.com", "b.com"}],
		[{"rules": rules(["a.com", "*"]), "tls": [{"secretName": "cert"}]}, set()],
		[{"rules": rules(["a.com"]), "tls": [{"hosts": []}]}, set()],
		[{"defaultBackend": {}}, {"*"}],
		[{"defaultBackend": {}, "tls": [{"hosts": ["a.com"]}]}, {"*"}],
		[{"defaultBackend": {}, "tls": [{}]}, set()],
		[{}, set()],
	] {
		plain_hosts(case[0]) == case[1]
	}
}

test_a_host_without_tls_is_found_where_it_stands if {
	found := lib.hosts_without_tls with input.resource as ingress({"rules": [{"host": "a.com"}, {"http": {}}]})
	found == {["spec", "rules", 0, "host"]: "a.com", ["spec", "rules", 1]: "*"}
}

test_only_ingresses_serve_hosts if {
	gateway := object.union(ingress({"rules": rules(["a.com"])}), {"apiVersion": "gateway.company.com/v1"})
	found := lib.hosts_without_tls with input.resource as gateway
	found == {}
}

test_what_serves_a_host_by_tls if {
	lib.tls_fix("shop.company.com") == "Add `shop.company.com` to spec.tls[].hosts, with the Secret of its certificate as secretName."
	startswith(lib.tls_fix("*"), "Set host of the rule")
}
