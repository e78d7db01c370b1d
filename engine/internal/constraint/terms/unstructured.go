package terms

import (
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/member"
)

// Unstructured is a resource as Kubernetes decodes its JSON, nil where there is none.
func Unstructured(t *ast.Term) (map[string]any, error) {
	if t == nil {
		return nil, nil
	}
	if Text(t, "kind") != "" {
		if native, exact := member.Native(t); exact {
			return native.(map[string]any), nil
		}
	}
	raw, err := JSON(t) // whatever is wrong with it is Kubernetes' to say
	if err != nil {
		return nil, err
	}
	var out unstructured.Unstructured
	err = json.Unmarshal(raw, &out)
	return out.Object, err
}
