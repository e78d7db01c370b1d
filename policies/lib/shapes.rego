package attest.lib

# Containers by their shape, in kinds that Kubernetes itself does not know. Lists of containers make a pod specification
# of what holds them. Where a controller keeps containers otherwise (the templates of a Workflow, the steps of a Task),
# these are containers all the same. What a controller completes (an image beside its resources, the security context of
# `kafkaContainer`) is a fragment: it is judged for what it says. What can't be judged at all is told.

# Each object that has a telling field, by its path.
telling[path] := fields if {
	is_custom
	walk(input.resource, [path, fields])
	is_object(fields)
	count(object.keys(fields) & telling_keys) > 0
	not says_nothing(path)
}

telling_keys := (container_lists | container_maps) | {
	"hostIPC", "hostNetwork", "hostPID", "image", "resources", "securityContext", "volumes",
}

container_lists := {"containers", "initContainers", "ephemeralContainers", "sidecars", "steps"}

container_maps := {"container", "script"}

says_nothing(path) if path[0] in {"metadata", "status"}

# What stands where containers do, by its path.
shaped[path] := container if {
	some holder_path, fields in telling
	some key in container_lists
	holds_containers(fields[key])
	some i, entry in fields[key]
	container := element(entry)
	path := array.concat(holder_path, [key, i])
}

shaped[path] := container if {
	some holder_path, fields in telling
	some key in container_maps
	container := fields[key]
	is_string(container.image)
	path := array.concat(holder_path, [key])
}

# A list of containers has an element that says what it runs, or how.
holds_containers(entries) if {
	is_array(entries)
	some entry in entries
	is_container(entry)
}

is_container(entry) if {
	some key in object.keys(element(entry))
	key in container_keys
}

container_keys := {
	"args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe",
	"securityContext", "startupProbe", "volumeDevices", "volumeMounts", "workingDir",
}

# Those of them that stand in no list of a pod specification.
loose_containers[path] := container if {
	some path, container in shaped
	not in_pod_list(path)
	is_string(container.image)
}

# What configuration names as a pod, and is a container.
loose_containers[path] := container if {
	some path in named_paths
	container := object.get(input.resource, path, null)
	is_string(container.image)
}

in_pod_list(path) if {
	path[count(path) - 2] in object.keys(container_fields)
	path[count(path) - 3] != "containerSet"
}

# What says something of a container that a controller completes, by its path.
fragments[path] := fields if {
	some path, fields in telling
	says_how(fields)
	not containers[path]
}

fragments[path] := container if {
	some path, container in shaped
	is_container(container)
	not containers[path]
}

fragments_with_image[path] := fragment if {
	some path, fragment in fragments
	is_string(fragment.image)
}

says_how(fields) if {
	is_string(fields.image)
	is_container(object.remove(fields, ["image"]))
}

says_how(fields) if {
	is_string(fields.image)
	is_object(fields.resources)
}

says_how(fields) if {
	is_object(fields.securityContext)
	not holds_containers(field(fields, "containers", []))
}

says_how(fields) if {
	some kind in ["limits", "requests"]
	some resource, _ in fields.resources[kind]
	resource in {"cpu", "memory"}
	not holds_containers(field(fields, "containers", []))
}

# What shares something with its node runs in a pod, by its path.
node_sharing contains path if {
	some path, fields in telling
	some key in ["hostIPC", "hostNetwork", "hostPID"]
	fields[key] == true
}

node_sharing contains path if {
	some path, fields in telling
	some volume in fields.volumes
	is_object(volume.hostPath)
}

# Does the controller of the pod keep its containers otherwise than a pod specification does? Then what holds for all
# pods of the resource may stand further out, and so may what completes them.
is_loose(pod_path) if {
	is_custom
	not holds_containers(field(pods[pod_path], "containers", []))
}

# The fields that state resources: Tekton has renamed its own.
resource_fields contains "resources"

resource_fields contains "computeResources" if api_group == "tekton.dev"

# Does a controller of others keep the pods running, as a Deployment does? Then their template stands beside the selector
# that finds them; Knative has services without one.
keeps_running(pod_path) if {
	is_custom
	beside := array.concat(array.slice(pod_path, 0, count(pod_path) - 2), ["selector"])
	is_object(object.get(input.resource, beside, null))
	field(pods[pod_path], "restartPolicy", "Always") == "Always"
}

keeps_running(_) if api_group == "serving.knative.dev"

# A field that a security context further out states for the pod: the nearest one, and where it stands.
inherited(container_path, keys) := [value, place] if {
	pod_path := pod_path_of(container_path)
	is_loose(pod_path)
	[_, value, place] := max({[n, value, place] |
		some n in numbers.range(0, count(pod_path))
		some way in outer_contexts
		[value, place] := said_in(array.concat(array.slice(pod_path, 0, n), way), keys)
	})
}

# A field that the security context of a Task's `stepTemplate` states for its steps.
templated(container_path, keys) := said_in(array.concat(pod_path, ["stepTemplate"]), keys) if {
	pod_path := pod_path_of(container_path)
	is_loose(pod_path)
}

outer_contexts := [[], ["stepTemplate"], ["podTemplate"], ["taskRunTemplate", "podTemplate"]]

# What runs and shows no policy how, by its path: why.
unjudged[path] := why if {
	is_custom
	walk(input.resource, [path, text_])
	is_string(text_)
	not says_nothing(path)
	why := why_unjudged(path, sprintf("%v", [path[count(path) - 1]]), text_)
}

why_unjudged(path, key, reference) := "the image that it names" if {
	regex.match(`^image(Name)?$|Image$`, key)
	found := image(reference)
	concat("", [found.tag, found.digest]) != ""
	not container_parts[array.slice(path, 0, count(path) - 1)].image
} else := "the patch of its pods" if {
	regex.match(`[pP]odSpecPatch$`, key)
	reference != ""
} else := "a text with containers or settings of pods" if {
	regex.match(`\b(containers|hostIPC|hostNetwork|hostPID|hostPath|privileged)["']?\s*:`, reference)
}
