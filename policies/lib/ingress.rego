package attest.lib

is_ingress if {
	input.resource.kind == "Ingress"
	api_group in {"networking.k8s.io", "extensions"}
}

# The hosts that an Ingress serves without TLS, by where they stand; "*" where a rule names none.
hosts_without_tls[path] := host if {
	is_ingress
	some i, entry in input.resource.spec.rules
	host := host_of(element(entry))
	not has_tls(host)
	path := deepest(["spec", "rules", i], ["host"])
}

hosts_without_tls[["spec", field]] := "*" if {
	is_ingress
	some field in ["defaultBackend", "backend"]
	input.resource.spec[field] != null
	not has_tls("*")
}

tls_fix("*") := "Set host of the rule, and list it in spec.tls[].hosts with the Secret of its certificate as secretName."

tls_fix(host) := sprintf("Add `%v` to spec.tls[].hosts, with the Secret of its certificate as secretName.", [host]) if {
	host != "*"
}

# A rule that names no host holds for all of them.
host_of(rule) := "*" if field(rule, "host", "") == ""

host_of(rule) := rule.host if {
	is_string(rule.host)
	rule.host != ""
}

has_tls(host) if {
	some entry in input.resource.spec.tls
	covers(element(entry), host)
}

# An entry without hosts holds for all of them.
covers(entry, _) if field(entry, "hosts", []) == []

covers(entry, host) if host in entry.hosts

covers(entry, host) if {
	some pattern in entry.hosts
	startswith(text(pattern), "*.")
	trim_prefix(pattern, "*.") == concat(".", array.slice(split(host, "."), 1, 100))
}
