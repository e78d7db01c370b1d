# METADATA
# title: Stricter rules for production
# description: >-
#   Deployments that call themselves production, by the label `environment` or `env`, and those in production as in
#   `attest-deployment`, meet stricter requirements: more replicas, limits on every container (not on just one), and
#   monitoring, shown by an annotation. Other Deployments are left alone. Replicas that are not stated are one.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
#     description: Labels
# custom:
#   severity: medium
#   remediation: Run three replicas or more, limit every container, and let your monitoring watch the deployment.
#   controls:
#     - SOC2-A1.2
#     - SOC2-CC7.2
#   profiles: [strict]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       min_replicas:
#         type: integer
#         minimum: 1
#         default: 3
#         description: Fewest replicas of a Deployment in production.
#       monitoring_annotation:
#         type: string
#         default: monitoring.company.com/enabled
#         description: Annotation that has the value `true` where a Deployment is watched.
#       production_namespaces:
#         type: array
#         items: {type: string}
#         default: [prod, production, prod-*, production-*, "*-prod", "*-production"]
#         description: >-
#           Globs of production namespaces, and of the values of their labels `environment` and `env`. A `*` never stands
#           for what says otherwise, such as `non`, `pre` or `test`.
package attest.context

import data.attest.lib

violation contains {"message": message, "severity": "medium", "path": lib.deepest(["spec"], ["replicas"]), "fix": fix, "cause": "few replicas", "controls": ["SOC2-A1.2"]} if {
	is_production_deployment
	replicas := lib.field(input.resource, ["spec", "replicas"], 1)
	minimum := lib.parameter("min_replicas", 3)
	replicas < minimum
	message := sprintf(
		"Production deployments must meet stricter requirements: at least %v replicas, not %v",
		[minimum, replicas],
	)
	fix := sprintf("Set spec.replicas to `%v` or more.", [minimum])
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "cause": "no limits", "controls": ["SOC2-A1.2"]} if {
	is_production_deployment
	some container_path, container in lib.containers
	container_path[count(container_path) - 2] != "ephemeralContainers"
	lib.field(container, ["resources", "limits"], {}) == {}
	path := lib.deepest(container_path, ["resources", "limits"])
	message := sprintf(
		"Production deployments must meet stricter requirements: %s has no limits",
		[lib.describe(container_path)],
	)
	fix := "Set resources.limits of the container, such as `{cpu: 500m, memory: 256Mi}`."
}

violation contains {"message": message, "severity": "medium", "path": path, "fix": fix, "cause": "unwatched", "controls": ["SOC2-CC7.2"]} if {
	is_production_deployment
	key := lib.parameter("monitoring_annotation", "monitoring.company.com/enabled")
	lib.field(input.resource, ["metadata", "annotations", key], "") != "true"
	path := lib.deepest(["metadata"], ["annotations", key])
	message := sprintf("Production deployments must meet stricter requirements: annotation %v is not true", [key])
	fix := sprintf("Set metadata.annotations['%v'] to `\"true\"` once your monitoring watches it.", [key])
}

is_production_deployment if {
	input.resource.kind == "Deployment"
	is_production
}

is_production if lib.is_production_namespace

is_production if {
	some key in ["environment", "env"]
	lib.is_production_name(input.resource.metadata.labels[key])
}
