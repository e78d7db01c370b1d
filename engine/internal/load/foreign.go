package load

import (
	"path/filepath"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// foreign says why a decoded document is not a Kubernetes resource; "" when it is one. kubectl makes an object of
// whatever has a kind, so nothing that has one is foreign, wherever it stands: it is judged, or a problem. The name
// of the file only words the reason.
func foreign(term *ast.Term, file string) string {
	object, ok := term.Value.(ast.Object)
	if !ok {
		return "not a Kubernetes resource: the document is " + typeName(term)
	}
	if !isAbsent(object.Get(termKind)) || isList(object) {
		return ""
	}
	if !isAbsent(object.Get(termAPIVersion)) && !isAbsent(object.Get(termMetadata)) {
		return "" // claims to be a resource, and is broken
	}
	return foreignKind(object, file)
}

// foreignKind guesses what a document without a kind is.
func foreignKind(object ast.Object, file string) string {
	name := strings.ToLower(filepath.Base(file))
	group, _ := stringOf(object.Get(termAPIVersion))
	switch {
	case strings.HasPrefix(group, "kustomize.config.k8s.io/"),
		name == "kustomization.yaml", name == "kustomization.yml", name == "kustomization":
		return "a kustomization: check what `kustomize build` makes of it"
	case strings.HasPrefix(name, "values"), strings.HasSuffix(name, "values.yaml"):
		return "not a Kubernetes resource: Helm values"
	case name == "chart.yaml", name == "chart.lock", name == "requirements.yaml":
		return "not a Kubernetes resource: Helm chart metadata"
	}
	return "not a Kubernetes resource: no `apiVersion` and `kind`"
}

// isList says whether kubectl would take the object for a list: whatever its kind, it holds `items`.
func isList(object ast.Object) bool {
	_, ok := arrayOf(object.Get(termItems))
	return ok
}

func stringOf(term *ast.Term) (string, bool) {
	if term == nil {
		return "", false
	}
	value, ok := term.Value.(ast.String)
	return string(value), ok
}
