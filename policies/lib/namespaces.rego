package attest.lib

# The namespace of the resource, where it or the caller says; undefined otherwise.
namespace := stated_namespace

namespace := input.namespace.metadata.name if not stated_namespace

stated_namespace := name if {
	name := input.resource.metadata.namespace
	is_string(name)
	name != ""
}

# Production is what the parameter `production_namespaces` lists (default: `production` and `prod`): by the
# namespace's name, or by the label `environment` of the Namespace object where the caller gives it.
is_production_namespace if namespace in production_namespaces

is_production_namespace if input.namespace.metadata.labels.environment in production_namespaces

production_namespaces := parameter("production_namespaces", ["production", "prod"])
