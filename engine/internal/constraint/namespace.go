package constraint

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// clusterScoped are the kinds of Kubernetes' own API groups that have no namespace.
var clusterScoped = map[string]bool{
	"APIService": true, "CertificateSigningRequest": true, "ClusterRole": true, "ClusterRoleBinding": true,
	"ClusterTrustBundle": true, "ComponentStatus": true, "CSIDriver": true, "CSINode": true,
	"CustomResourceDefinition": true, "DeviceClass": true, "FlowSchema": true, "IngressClass": true,
	"IPAddress": true, "MutatingAdmissionPolicy": true, "MutatingAdmissionPolicyBinding": true,
	"MutatingWebhookConfiguration": true, "Namespace": true, "Node": true, "PersistentVolume": true,
	"PodSecurityPolicy": true, "PriorityClass": true, "PriorityLevelConfiguration": true, "ResourceSlice": true,
	"RuntimeClass": true, "ServiceCIDR": true, "StorageClass": true, "StorageVersion": true,
	"ValidatingAdmissionPolicy": true, "ValidatingAdmissionPolicyBinding": true,
	"ValidatingWebhookConfiguration": true, "VolumeAttachment": true, "VolumeAttributesClass": true,
}

// IsClusterScoped says that a kind of Kubernetes' own has no namespace.
func IsClusterScoped(kind string) bool { return clusterScoped[kind] }

// findNamespace settles which Namespace object match blocks and policies see. The matching itself is
// Gatekeeper's; what differs between its programs is what they hand to it for a manifest that names no
// namespace:
//
//   - a cluster has none for cluster-scoped resources, and no resource without one otherwise;
//   - gator has a nameless one for both, so that `scope: Cluster` never matches there.
//
// We follow gator at gator's own enforcement point, and for namespaced kinds, whose namespace a cluster
// would fill in; for cluster-scoped kinds we follow the cluster.
func (r *request) findNamespace(in Review) error {
	if in.Namespace != nil {
		ns, err := namespaceOf(in.Namespace)
		if err != nil {
			return err
		}
		r.namespace, r.namespaceTerm = ns.object, ns.term
		return nil
	}
	name := r.namespaceName()
	if known := in.Inventory.namespaces[name]; known != nil {
		r.namespace, r.namespaceTerm = known.object, known.term
		return nil
	}
	offline := r.envelope == nil && !in.AsSuite
	switch {
	case name == "" && offline && (in.EnforcementPoint == Gator || !clusterScoped[text(r.judged(), "kind")]):
		r.namespace = &corev1.Namespace{}
	case name == "default" && offline:
		r.namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	}
	return nil
}

func (r *request) namespaceName() string {
	if r.envelope != nil {
		return r.envelope.Namespace
	}
	return text(r.judged(), "metadata", "namespace")
}
