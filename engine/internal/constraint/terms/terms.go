// Package terms reads resources that are terms of Rego.
package terms

import (
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Member returns the member of an object term, or nil.
func Member(t *ast.Term, key string) *ast.Term {
	if t == nil {
		return nil
	}
	obj, ok := t.Value.(ast.Object)
	if !ok {
		return nil
	}
	return obj.Get(ast.InternedTerm(key))
}

// Text is the text at a path of names, or "".
func Text(t *ast.Term, path ...string) string {
	for _, key := range path {
		t = Member(t, key)
	}
	if t == nil {
		return ""
	}
	s, _ := t.Value.(ast.String)
	return string(s)
}

// Pair is a member of an object term.
func Pair(key string, value *ast.Term) [2]*ast.Term { return ast.Item(ast.InternedTerm(key), value) }

// JSON writes a term as JSON.
func JSON(t *ast.Term) ([]byte, error) {
	value, err := ast.JSON(t.Value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// Header is a resource without what no match block can name: its apiVersion, kind and metadata.
func Header(t *ast.Term) *unstructured.Unstructured {
	out := map[string]any{}
	for _, key := range []string{"apiVersion", "kind", "metadata"} {
		if m := Member(t, key); m != nil {
			if value, err := ast.JSON(m.Value); err == nil {
				out[key] = value
			}
		}
	}
	return &unstructured.Unstructured{Object: out}
}

// ResourceName is `Kind/namespace/name`, or `Kind/name` without a namespace.
func ResourceName(t *ast.Term) string {
	name := Text(t, "metadata", "name")
	if ns := Text(t, "metadata", "namespace"); ns != "" {
		name = ns + "/" + name
	}
	return Text(t, "kind") + "/" + name
}

// ReviewObject is where templates find the resource.
var ReviewObject = ast.MustParseRef("input.review.object")
