package model

// clusterScoped are the kinds of Kubernetes' own API groups that have no namespace. Without a
// cluster to ask, any other kind counts as namespaced.
var clusterScoped = map[string]bool{
	"APIService": true, "CertificateSigningRequest": true, "ClusterRole": true, "ClusterRoleBinding": true,
	"ClusterTrustBundle": true, "ComponentStatus": true, "CSIDriver": true, "CSINode": true,
	"CustomResourceDefinition": true, "DeviceClass": true, "FlowSchema": true, "IngressClass": true,
	"IPAddress": true, "MutatingAdmissionPolicy": true, "MutatingAdmissionPolicyBinding": true,
	"MutatingWebhookConfiguration": true, "Namespace": true, "Node": true, "PersistentVolume": true,
	"PriorityClass": true, "PriorityLevelConfiguration": true, "ResourceSlice": true, "RuntimeClass": true,
	"ServiceCIDR": true, "StorageClass": true, "StorageVersion": true, "ValidatingAdmissionPolicy": true,
	"ValidatingAdmissionPolicyBinding": true, "ValidatingWebhookConfiguration": true, "VolumeAttachment": true,
	"VolumeAttributesClass": true, "PodSecurityPolicy": true,
}

// IsClusterScoped says that a kind of Kubernetes' own has no namespace.
func IsClusterScoped(kind string) bool { return clusterScoped[kind] }
