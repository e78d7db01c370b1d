package attest.lib

is_ingress if {
	input.resource.kind == "Ingress"
	api_group in {"networking.k8s.io", "extensions"}
}

# The hosts that an Ingress serves without TLS, by where they stand; "*" where a rule names none.
hosts_without_tls[path] := host if {
	is_ingress
	some i, rule in input.resource.spec.rules
	host := object.get(rule, "host", "*")
	not has_tls(host)
	path := deepest(["spec", "rules", i], ["host"])
}

hosts_without_tls[["spec", field]] := "*" if {
	is_ingress
	some field in ["defaultBackend", "backend"]
	input.resource.spec[field]
	not has_tls("*")
}

has_tls(host) if {
	some entry in input.resource.spec.tls
	covers(entry, host)
}

# An entry without hosts holds for all of them.
covers(entry, _) if object.get(entry, "hosts", null) in {null, []}

covers(entry, host) if host in entry.hosts

covers(entry, host) if {
	some pattern in entry.hosts
	startswith(pattern, "*.")
	trim_prefix(pattern, "*.") == concat(".", array.slice(split(host, "."), 1, 100))
}
