# METADATA
# title: Versions of the API
# description: >-
#   Kubernetes removes old versions of its API, and from then on refuses manifests that use them. Refused is what the
#   version of Kubernetes that manifests are for (`policy.kubernetes_version`, or the parameter) does not serve any more;
#   what is deprecated in it is told with low severity, `Endpoints` and `ComponentStatus` among it. The table is that of the Kubernetes
#   deprecation guide, and is held against the marks that Kubernetes' own types carry. Kinds of others are not judged.
# scope: package
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
#     description: Deprecated API migration guide
# custom:
#   name: api-versions
#   severity: high
#   remediation: Set apiVersion to the successor that the message names, and adapt the fields that have changed.
#   controls:
#     - SOC2-CC8.1
#   checks:
#     kube-linter: [no-extensions-v1beta]
#     kube-score: [stable-version]
#     trivy: [KSV-0107]
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       kubernetes_version:
#         type: string
#         pattern: ^v?1\.[0-9]{1,3}(\.[0-9]+)?$
#         default: "1.36"
#         description: The version of Kubernetes that manifests are for, such as `1.34`.
#       tell_deprecated:
#         type: boolean
#         default: true
#         description: Whether versions that are still served but deprecated are told.
package attest.api_versions

import data.attest.lib

violation contains {
	"message": message, "severity": "high", "path": [place],
	"fix": fix(successor), "cause": "unfit",
} if {
	version := input.resource.apiVersion
	some [kinds, _, removed, successor] in old_versions[version]
	input.resource.kind in kinds
	minor >= removed
	message := sprintf("%s uses %s, which Kubernetes 1.%d has removed", [lib.this, version, removed])
}

violation contains {"message": message, "severity": "low", "path": ["apiVersion"], "fix": fix(successor)} if {
	lib.parameter("tell_deprecated", true)
	version := input.resource.apiVersion
	some [kinds, deprecated, removed, successor] in old_versions[version]
	input.resource.kind in kinds
	minor >= deprecated
	minor < removed
	message := sprintf("%s uses %s, which Kubernetes 1.%d removes", [lib.this, version, removed])
}

violation contains {"message": message, "severity": "low", "path": ["kind"], "fix": fix} if {
	lib.parameter("tell_deprecated", true)
	input.resource.apiVersion == "v1"
	[deprecated, fix] := old_kinds[input.resource.kind]
	minor >= deprecated
	message := sprintf("%s is of a kind that Kubernetes 1.%d has deprecated", [lib.this, deprecated])
}

# Of versions that are there without it, a kind is what is wrong.
place := "kind" if {
	input.resource.kind == "PodSecurityPolicy"
} else := "apiVersion"

minor := to_number(parts[1]) if {
	parts := split(lib.text(lib.parameter("kubernetes_version", "1.36")), ".")
	regex.match(`^[0-9]{1,3}$`, parts[1])
} else := 36

fix("") := "Remove the resource: nothing of this apiVersion and kind takes its place."

fix(successor) := sprintf("Set apiVersion to `%s`, and adapt the fields that have changed.", [successor]) if successor != ""

# Kinds of `v1` that nothing removes, deprecated in 1.x: what to do.
old_kinds := {
	"ComponentStatus": [19, "Remove the resource: components say themselves how they are."],
	"Endpoints": [33, "Set kind to `EndpointSlice` and apiVersion to `discovery.k8s.io/v1`, and adapt the fields."],
}

# By version of the API: kinds, deprecated in 1.x, removed in 1.x, successor.
old_versions := {
	"admissionregistration.k8s.io/v1beta1": [
		[
			{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"},
			16, 22, "admissionregistration.k8s.io/v1",
		],
		[
			{"ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"},
			31, 34, "admissionregistration.k8s.io/v1",
		],
	],
	"apiextensions.k8s.io/v1beta1": [
		[{"CustomResourceDefinition"}, 16, 22, "apiextensions.k8s.io/v1"],
	],
	"apiregistration.k8s.io/v1beta1": [[{"APIService"}, 19, 22, "apiregistration.k8s.io/v1"]],
	"apps/v1beta1": [[{"ControllerRevision", "Deployment", "StatefulSet"}, 8, 16, "apps/v1"]],
	"apps/v1beta2": [
		[{"ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}, 9, 16, "apps/v1"],
	],
	"auditregistration.k8s.io/v1alpha1": [[{"AuditSink"}, 19, 19, ""]],
	"authentication.k8s.io/v1beta1": [
		[{"TokenReview"}, 19, 22, "authentication.k8s.io/v1"],
		[{"SelfSubjectReview"}, 30, 33, "authentication.k8s.io/v1"],
	],
	"authorization.k8s.io/v1beta1": [
		[
			{"LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"},
			19, 22, "authorization.k8s.io/v1",
		],
	],
	"autoscaling/v2beta1": [[{"HorizontalPodAutoscaler"}, 22, 25, "autoscaling/v2"]],
	"autoscaling/v2beta2": [[{"HorizontalPodAutoscaler"}, 23, 26, "autoscaling/v2"]],
	"batch/v1beta1": [[{"CronJob"}, 21, 25, "batch/v1"]],
	"batch/v2alpha1": [[{"CronJob"}, 8, 21, "batch/v1"]],
	"certificates.k8s.io/v1beta1": [
		[{"CertificateSigningRequest"}, 19, 22, "certificates.k8s.io/v1"],
	],
	"coordination.k8s.io/v1beta1": [[{"Lease"}, 19, 22, "coordination.k8s.io/v1"]],
	"discovery.k8s.io/v1beta1": [[{"EndpointSlice"}, 21, 25, "discovery.k8s.io/v1"]],
	"events.k8s.io/v1beta1": [[{"Event"}, 22, 25, "events.k8s.io/v1"]],
	"extensions/v1beta1": [
		[{"DaemonSet", "Deployment", "ReplicaSet"}, 8, 16, "apps/v1"],
		[{"NetworkPolicy"}, 9, 16, "networking.k8s.io/v1"],
		[{"PodSecurityPolicy"}, 11, 16, ""],
		[{"Ingress"}, 14, 22, "networking.k8s.io/v1"],
	],
	"flowcontrol.apiserver.k8s.io/v1beta1": [
		[{"FlowSchema", "PriorityLevelConfiguration"}, 23, 26, "flowcontrol.apiserver.k8s.io/v1"],
	],
	"flowcontrol.apiserver.k8s.io/v1beta2": [
		[{"FlowSchema", "PriorityLevelConfiguration"}, 26, 29, "flowcontrol.apiserver.k8s.io/v1"],
	],
	"flowcontrol.apiserver.k8s.io/v1beta3": [
		[{"FlowSchema", "PriorityLevelConfiguration"}, 29, 32, "flowcontrol.apiserver.k8s.io/v1"],
	],
	"networking.k8s.io/v1beta1": [
		[{"IngressClass", "Ingress"}, 19, 22, "networking.k8s.io/v1"],
		[{"IPAddress", "ServiceCIDR"}, 34, 37, "networking.k8s.io/v1"],
	],
	"node.k8s.io/v1beta1": [[{"RuntimeClass"}, 22, 25, "node.k8s.io/v1"]],
	"policy/v1beta1": [
		[{"PodSecurityPolicy"}, 21, 25, ""],
		[{"PodDisruptionBudget"}, 21, 25, "policy/v1"],
	],
	"rbac.authorization.k8s.io/v1alpha1": [
		[{"ClusterRoleBinding", "ClusterRole", "RoleBinding", "Role"}, 17, 22, "rbac.authorization.k8s.io/v1"],
	],
	"rbac.authorization.k8s.io/v1beta1": [
		[{"ClusterRoleBinding", "ClusterRole", "RoleBinding", "Role"}, 17, 22, "rbac.authorization.k8s.io/v1"],
	],
	"resource.k8s.io/v1beta1": [
		[{"DeviceClass", "ResourceClaimTemplate", "ResourceClaim", "ResourceSlice"}, 35, 38, "resource.k8s.io/v1"],
	],
	"scheduling.k8s.io/v1beta1": [[{"PriorityClass"}, 14, 22, "scheduling.k8s.io/v1"]],
	"settings.k8s.io/v1alpha1": [[{"PodPreset"}, 20, 20, ""]],
	"storage.k8s.io/v1beta1": [
		[{"CSINode"}, 17, 22, "storage.k8s.io/v1"],
		[{"CSIDriver", "StorageClass", "VolumeAttachment"}, 19, 22, "storage.k8s.io/v1"],
		[{"CSIStorageCapacity"}, 24, 27, "storage.k8s.io/v1"],
		[{"VolumeAttributesClass"}, 34, 37, "storage.k8s.io/v1"],
	],
}
