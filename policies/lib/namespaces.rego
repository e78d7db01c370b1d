package attest.lib

# The namespace of the resource, where it or the caller says; undefined otherwise.
namespace := stated_namespace

namespace := input.namespace.metadata.name if not stated_namespace

stated_namespace := name if {
	name := input.resource.metadata.namespace
	is_string(name)
	name != ""
}

# Production is what the globs of the parameter `production_namespaces` say: by the namespace's name, or by the labels
# `environment` and `env` of the Namespace object where the caller gives it.
is_production_namespace if is_production_name(namespace)

is_production_namespace if {
	some key in ["environment", "env"]
	is_production_name(input.namespace.metadata.labels[key])
}

is_production_name(name) if name in production_namespaces

is_production_name(name) if {
	is_string(name)
	count({word | some word in split(name, "-")} & not_production) == 0
	some pattern in production_globs
	glob.match(pattern, null, name)
}

production_globs := [pattern |
	some pattern in production_namespaces
	is_string(pattern)
	contains(pattern, "*")
]

# Words in names of namespaces that are near production, and none: `non-prod`, `prod-test`.
not_production := {
	"non", "not", "no", "pre", "test", "tests", "testing", "stage", "staging",
	"dev", "development", "demo", "sandbox", "qa", "uat", "preview",
}

production_namespaces := parameter("production_namespaces", [
	"prod",
	"production",
	"prod-*",
	"production-*",
	"*-prod",
	"*-production",
])
