package admission

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/model"
)

// findNamespace settles which Namespace object match blocks and policies see. The matching itself is
// Gatekeeper's; what differs between its programs is what they hand to it for a manifest that names no
// namespace:
//
//   - a cluster has none for cluster-scoped resources, and no resource without one otherwise;
//   - gator has a nameless one for both, so that `scope: Cluster` never matches there.
//
// We follow gator at gator's own enforcement point, and for namespaced kinds, whose namespace a cluster
// would fill in; for cluster-scoped kinds we follow the cluster.
func (r *Request) findNamespace(in Review) error {
	if in.Namespace != nil {
		ns, err := namespaceOf(in.Namespace)
		if err != nil {
			return err
		}
		r.Namespace, r.NamespaceTerm = ns.object, ns.term
		return nil
	}
	name := r.namespaceName()
	if known := in.Inventory.namespaces[name]; known != nil {
		r.Namespace, r.NamespaceTerm = known.object, known.term
		return nil
	}
	offline := r.envelope == nil && !in.AsSuite
	switch {
	case name == "" && offline && (in.EnforcementPoint == enforcement.Gator || !model.IsClusterScoped(terms.Text(r.Judged(), "kind"))):
		r.Namespace = &corev1.Namespace{}
	case name == "default" && offline:
		r.Namespace = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	}
	return nil
}

func (r *Request) namespaceName() string {
	if r.envelope != nil {
		return r.envelope.Namespace
	}
	return terms.Text(r.Judged(), "metadata", "namespace")
}
