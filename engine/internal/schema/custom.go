package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// definition is a version of a custom resource, as its CustomResourceDefinition describes it. Most runs hold far more of them
// than resources that they define, so that each is made when the first is asked about; nil where it can't be, which is told
// where the CustomResourceDefinition itself is held to its type.
type definition func() *made

type made struct {
	validator validation.SchemaValidator
	shape     *structural.Structural
}

// customKinds are the kinds that CustomResourceDefinitions define.
func customKinds(definitions []map[string]any) map[schema.GroupVersionKind]definition {
	out := map[schema.GroupVersionKind]definition{}
	for _, object := range definitions {
		group, _, _ := unstructured.NestedString(object, "spec", "group")
		kind, _, _ := unstructured.NestedString(object, "spec", "names", "kind")
		spec, _ := object["spec"].(map[string]any)
		versions, _ := spec["versions"].([]any)
		for _, entry := range versions {
			version, _ := entry.(map[string]any)
			name, _ := version["name"].(string)
			held, _ := version["schema"].(map[string]any)
			if of, ok := held["openAPIV3Schema"].(map[string]any); ok {
				out[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = sync.OnceValue(func() *made { return define(of) })
			}
		}
	}
	return out
}

func define(of map[string]any) *made {
	var props apiextensionsv1.JSONSchemaProps
	var internal apiextensions.JSONSchemaProps
	text, err := json.Marshal(of)
	if err != nil || json.Unmarshal(text, &props) != nil {
		return nil
	}
	if apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&props, &internal, nil) != nil {
		return nil
	}
	shape, err := structural.NewStructural(&internal)
	if err != nil {
		return nil
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil
	}
	return &made{validator: validator, shape: shape}
}

// errors are those that an API server has for a custom resource: of its metadata, fields that are not defined, and
// values that the schema does not allow once defaults are in.
func (of definition) errors(resource map[string]any) []Error {
	var f fitting
	d := of()
	if d == nil {
		return nil
	}
	f.fit(resource["metadata"], reflect.TypeFor[metav1.ObjectMeta](), []any{"metadata"})
	f.undefined(resource, d.shape, nil, true)
	whole := runtime.DeepCopyJSON(resource)
	defaulting.PruneNonNullableNullsWithoutDefaults(whole, d.shape)
	defaulting.Default(whole, d.shape)
	for _, wrong := range validation.ValidateCustomResource(nil, whole, d.validator) {
		f.fail(steps(wrong.Field, resource), wordsOf(wrong), "see the schema in the definition of this kind")
	}
	return f.errors
}

func wordsOf(wrong *field.Error) string {
	name := "the resource"
	if wrong.Field != "" && wrong.Field != "<nil>" {
		name = "`" + wrong.Field + "`"
	}
	return fmt.Sprintf("%s: %s", name, wrong.ErrorBody())
}

// undefined finds fields that an API server would drop, since the schema has none of that name.
func (f *fitting) undefined(value any, shape *structural.Structural, path []any, resource bool) {
	if shape == nil {
		return
	}
	if elements, ok := value.([]any); ok {
		for i, element := range elements {
			f.undefined(element, shape.Items, below(path, i), false)
		}
		return
	}
	members, _ := value.(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if resource || shape.XEmbeddedResource {
			if key == "apiVersion" || key == "kind" || key == "metadata" {
				continue
			}
		}
		property, defined := shape.Properties[key]
		switch {
		case defined:
			f.undefined(members[key], &property, below(path, key), false)
		case shape.AdditionalProperties != nil:
			f.undefined(members[key], shape.AdditionalProperties.Structural, below(path, key), false)
		case !shape.XPreserveUnknownFields && members[key] != nil:
			f.unknown(path, key, slices.Collect(maps.Keys(shape.Properties)))
		}
	}
}

// steps are the keys and indexes of a field that an API server names, such as `spec.labels[a.b/c].x[0]`: keys may hold dots,
// so the resource itself tells where one ends. What the resource lacks is the last step.
func steps(name string, resource any) (path []any) {
	for rest := strings.TrimPrefix(name, "<nil>"); rest != ""; {
		rest = strings.TrimPrefix(rest, ".")
		step, after := step(rest, resource)
		path, rest = append(path, step), after
		switch at := resource.(type) {
		case map[string]any:
			key, _ := step.(string)
			resource = at[key]
		case []any:
			if i, ok := step.(int); ok && i < len(at) {
				resource = at[i]
				continue
			}
			resource = nil
		}
	}
	return path
}

func step(rest string, within any) (any, string) {
	if inner, ok := strings.CutPrefix(rest, "["); ok {
		key, after, _ := strings.Cut(inner, "]")
		if i, err := strconv.Atoi(key); err == nil {
			if _, list := within.([]any); list {
				return i, after
			}
		}
		return key, after
	}
	members, _ := within.(map[string]any)
	best := ""
	for key := range members {
		if after, ok := strings.CutPrefix(rest, key); ok && len(key) > len(best) && (after == "" || after[0] == '.' || after[0] == '[') {
			best = key
		}
	}
	if best == "" {
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		best = rest[:end]
	}
	return best, rest[len(best):]
}
