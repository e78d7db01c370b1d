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
	is_array(container[field])
	some i, said in container[field]
	argument := text(said)
	path := array.concat(container_path, [field, i])
}

# The same of commands that the kubelet runs for probes and hooks.
exec_arguments[path] := argument if {
	some container_path, container in container_parts
	some call in calls
	command := object.get(container, array.concat(call, ["exec", "command"]), [])
	is_array(command)
	some i, said in command
	argument := text(said)
	path := array.concat(array.concat(container_path, call), ["exec", "command", i])
}

# Where a container says what the kubelet does to ask how it is, and before and after it runs.
calls := [
	["livenessProbe"], ["readinessProbe"], ["startupProbe"],
	["lifecycle", "postStart"], ["lifecycle", "preStop"],
]

# Annotations, those of pod templates too; but not kubectl's copy of the resource.
annotations[path] := value if {
	some holder in {["metadata"]} | {metadata_path_of(pod_path) | some pod_path, _ in pods}
	some key, value in field(input.resource, array.concat(holder, ["annotations"]), {})
	is_string(value)
	key != "kubectl.kubernetes.io/last-applied-configuration"
	path := array.concat(holder, ["annotations", key])
}

# Headers that the kubelet sends with probes and hooks, by the path to their value.
headers[path] := header if {
	some container_path, container in container_parts
	some call in calls
	some i, header in object.get(container, array.concat(call, ["httpGet", "httpHeaders"]), [])
	is_string(header.value)
	path := array.concat(array.concat(container_path, call), ["httpGet", "httpHeaders", i, "value"])
}

# The texts of a ConfigMap, and those of a Secret that are not encoded.
entries[[field, key]] := value if {
	api_group == ""
	field := {"ConfigMap": "data", "Secret": "stringData"}[input.resource.kind]
	some key, entry in input.resource[field]
	is_string(key)
	value := text(entry)
}
