package attest.lib

# The other resources of the run, as far as a policy asks for them (`custom.inventory`). Nothing is known where nobody
# gives an inventory.

# Those of the same namespace: by version of the API, kind and name. What states no namespace goes into whichever is the
# current one, together with all else that states none. Where files define an object several times, as alternative
# installs do, each definition stands under a version of its own (`apps/v1 (2)`): what any of them has is there.
around := data.inventory.namespace[namespace]

around := data.inventory.cluster if not namespace

# The definitions of an object.
all_around(kind, name) := [object_ | some object_ in [kinds[kind][name] | some kinds in around]; is_object(object_)]

# Is a resource of this kind and name among the others of the namespace, or of the cluster?
is_around(kind, name) if around[_][kind][name]

is_in_cluster(kind, name) if data.inventory.cluster[_][kind][name]

# Is there a pod or a workload in the namespace whose pods a selector selects? One label is compared first, since there may
# be many to ask.
selects_pods(selector) if {
	[key, value] := [[key, text(value)] | some key, value in selector.matchLabels][0]
	some kind in (object.keys(pod_paths) - {"CronJob", "Pod", "PodTemplate"})
	some workload in around[_][kind]
	text(workload.spec.template.metadata.labels[key]) == value
	selects(selector, workload.spec.template.metadata.labels)
} else if {
	some pod in around[_].Pod
	selects(selector, field(pod, ["metadata", "labels"], {}))
} else if {
	some kind in ["CronJob", "PodTemplate"]
	some workload in around[_][kind]
	selects(selector, field(workload, array.concat(metadata_path_of(pod_paths[kind]), ["labels"]), {}))
} else if {
	field(selector, "matchLabels", {}) == {}
	some kind in (object.keys(pod_paths) - {"CronJob", "Pod", "PodTemplate"})
	some workload in around[_][kind]
	selects(selector, field(workload, ["spec", "template", "metadata", "labels"], {}))
}

# The specifications of the pods that a selector selects, of workloads and of pods themselves.
selected_pods(selector) := {spec |
	some kind, path in pod_paths
	some workload in around[_][kind]
	selects(selector, field(workload, array.concat(metadata_path_of(path), ["labels"]), {}))
	spec := field(workload, path, {})
}

knows_pods if {
	some kind, _ in pod_paths
	around[_][kind]
}

# Does a label selector (`matchLabels`, `matchExpressions`) select these labels?
selects(selector, labels) if {
	every key, value in field(selector, "matchLabels", {}) {
		text(labels[key]) == text(value)
	}
	every expression in [expression | some expression in selector.matchExpressions] {
		holds(expression.operator, label(labels, expression.key), expression)
	}
}

# The value of a label; null where there is none.
label(labels, key) := text(value) if {
	some key_, value in labels
	key_ == key
} else := null

holds("In", value, expression) if value in expression.values

holds("NotIn", value, expression) if not value in expression.values

holds("Exists", value, _) if value != null

holds("DoesNotExist", value, _) if value == null
