package schema

import "k8s.io/apimachinery/pkg/runtime/schema"

// unstored are the API groups of which no object is kept in a cluster: questions that its API server answers, and the
// configuration of components and of tools, which borrow the form of a resource. They have a name only if they want.
var unstored = map[string]bool{
	// k8s.io/api: reviews
	"admission.k8s.io": true, "authentication.k8s.io": true, "authorization.k8s.io": true, "imagepolicy.k8s.io": true,
	// k8s.io/*/config: files that components read
	"apiserver.config.k8s.io": true, "apiserver.k8s.io": true, "audit.k8s.io": true, "client.authentication.k8s.io": true,
	"cloudcontrollermanager.config.k8s.io": true, "credentialprovider.kubelet.k8s.io": true,
	"kubeadm.k8s.io": true, "kubecontrollermanager.config.k8s.io": true, "kubectl.config.k8s.io": true, "kubelet.config.k8s.io": true,
	"kubeproxy.config.k8s.io": true, "kubescheduler.config.k8s.io": true, "pod-security.admission.config.k8s.io": true,
	"podsecurity.admission.config.k8s.io": true, "resourcequota.admission.k8s.io": true, "eventratelimit.admission.k8s.io": true,
	// files that tools read
	"cli.kyverno.io": true, "config.kubernetes.io": true, "ctlptl.dev": true, "eksctl.io": true, "k3d.io": true, "kapp.k14s.io": true,
	"kbld.k14s.io": true, "kind.x-k8s.io": true, "kuttl.dev": true, "kustomize.config.k8s.io": true, "skaffold": true,
	"test.gatekeeper.sh": true, "vendir.k14s.io": true,
}

// IsStored says whether a cluster keeps objects of a kind, as far as its name tells; it does unless we know better.
func IsStored(apiVersion, kind string) bool {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	switch gvk.Group {
	case "":
		return gvk.Version != "v1" || kind != "Config" // a kubeconfig
	case "apiextensions.k8s.io":
		return kind != "ConversionReview"
	}
	return !unstored[gvk.Group]
}
