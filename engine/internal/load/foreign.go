package load

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// foreign says why a decoded document is not a Kubernetes resource; "" when it is one. A document that
// claims to be a resource and is broken is not foreign: it must not slip past the policies.
func foreign(term *ast.Term, file string) string {
	object, ok := term.Value.(ast.Object)
	if !ok {
		return "not a Kubernetes resource: the document is " + typeName(term)
	}
	version, kind := object.Get(termAPIVersion), object.Get(termKind)
	if isKustomization(version, kind, file) {
		return "a kustomization: check what `kustomize build` makes of it"
	}
	if !isAbsent(version) && !isAbsent(kind) || isList(object) {
		return ""
	}
	if isAbsent(version) != isAbsent(kind) && !isAbsent(object.Get(termMetadata)) {
		return ""
	}
	return "not a Kubernetes resource: " + foreignKind(file)
}

// foreignKind guesses from its name what a file without `apiVersion` and `kind` is.
func foreignKind(file string) string {
	name := strings.ToLower(filepath.Base(file))
	switch {
	case strings.HasPrefix(name, "values") || strings.HasSuffix(name, "values.yaml"):
		return "Helm values"
	case name == "chart.yaml", name == "chart.lock", name == "requirements.yaml":
		return "Helm chart metadata"
	}
	return "no `apiVersion` and `kind`"
}

func isKustomization(version, kind *ast.Term, file string) bool {
	if group, ok := stringOf(version); ok {
		return strings.HasPrefix(group, "kustomize.config.k8s.io/")
	}
	switch strings.ToLower(filepath.Base(file)) {
	case "kustomization.yaml", "kustomization.yml", "kustomization":
		return isAbsent(version) && isAbsent(kind)
	}
	return false
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

// isCommentedJSON recognises the settings files of tools: JSON with comments, which no manifest may hold.
func isCommentedJSON(file, text string) bool {
	return strings.EqualFold(filepath.Ext(file), ".json") && !strings.Contains(text, "apiVersion") &&
		(strings.Contains(text, "//") || strings.Contains(text, "/*"))
}

// Go template actions, and the ones only Helm has.
var (
	templateAction = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	helmAction     = regexp.MustCompile(
		`\{\{-|-\}\}|\{\{[^}]*(\.Values|\.Release|\.Chart|\.Capabilities|\b(include|define|template|if|else|end|range|with)\b)`)
)

// isTemplate says whether a text that can't be decoded is a template: it holds actions of Helm, or can be
// decoded once its actions are taken out.
func isTemplate(text string, limits Limits) bool {
	if !strings.Contains(text, "{{") {
		return false
	}
	if helmAction.MatchString(text[:min(len(text), 1<<20)]) {
		return true
	}
	_, err := decodeYAML(templateAction.ReplaceAllString(text, "x"), limits)
	return err == nil
}
