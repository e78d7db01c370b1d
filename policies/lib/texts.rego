package attest.lib

# What manifests say in words: variables, arguments, and the texts of ConfigMaps and Secrets, by where they stand.

# Variables that state their value, by the path to it.
variables[path] := variable if {
	some container_path, container in container_parts
	some i, variable in container.env
	is_string(variable.value)
	path := array.concat(container_path, ["env", i, "value"])
}

arguments[path] := argument if {
	some container_path, container in container_parts
	some field in ["command", "args"]
	some i, argument in container[field]
	is_string(argument)
	path := array.concat(container_path, [field, i])
}

# The texts of a ConfigMap, and those of a Secret that are not encoded.
entries[[field, key]] := value if {
	api_group == ""
	field := {"ConfigMap": "data", "Secret": "stringData"}[input.resource.kind]
	some key, entry in input.resource[field]
	is_string(key)
	value := text(entry)
}
