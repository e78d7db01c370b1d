package attest.lib

# The namespace of the resource, where it or the caller says; undefined otherwise.
namespace := input.resource.metadata.namespace

namespace := input.namespace.metadata.name if not input.resource.metadata.namespace

# Production is what the parameter `production_namespaces` lists (default: `production` and `prod`): by the
# namespace's name, or by the label `environment` of the Namespace object where the caller gives it.
is_production_namespace if namespace in production_namespaces

is_production_namespace if input.namespace.metadata.labels.environment in production_namespaces

production_namespaces := parameter("production_namespaces", ["production", "prod"])
