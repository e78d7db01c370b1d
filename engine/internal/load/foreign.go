package load

import (
	"path/filepath"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/schema"
)

// foreign says why a decoded document is not a Kubernetes resource; "" when it is one. kubectl makes an object of
// whatever has a kind, so nothing that has one is foreign, wherever it stands: it is judged, or a problem; but for what
// no API server could take, since without a version only a kind of Kubernetes' own can be found. The name of the file
// only words the reason.
func foreign(term *ast.Term, file string) string {
	object, ok := term.Value.(ast.Object)
	if !ok {
		return "not a Kubernetes resource: the document is " + typeName(term)
	}
	hasKind, hasVersion, hasMetadata := !isAbsent(object.Get(termKind)), !isAbsent(object.Get(termAPIVersion)), !isAbsent(object.Get(termMetadata))
	switch {
	case isList(object):
		return ""
	case hasKind && (hasVersion || hasMetadata || mayBeFound(object)):
		return ""
	case hasVersion && hasMetadata:
		return "" // claims to be a resource, and is broken
	}
	return foreignKind(object, file)
}

// mayBeFound says whether the kind of an object without a version is one of Kubernetes' own, or is no text.
func mayBeFound(object ast.Object) bool {
	kind, ok := stringOf(object.Get(termKind))
	return !ok || kind == "" || schema.IsKind(kind)
}

// foreignKind guesses what a document is that no API server could take.
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
	if !isAbsent(object.Get(termKind)) {
		return "not a Kubernetes resource: no `apiVersion`, and a kind that Kubernetes does not have"
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
