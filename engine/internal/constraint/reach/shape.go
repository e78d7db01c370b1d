package reach

import (
	"reflect"
	"strings"
	"sync"

	"k8s.io/client-go/kubernetes/scheme"
)

// shapes are the Go types of Kubernetes' own resources, by `group/Kind`, one for each version.
var shapes = sync.OnceValue(func() map[string][]reflect.Type {
	out := map[string][]reflect.Type{}
	for gvk, typ := range scheme.Scheme.AllKnownTypes() {
		key := gvk.Group + "/" + gvk.Kind
		out[key] = append(out[key], typ)
	}
	return out
})

// mayHold says whether a resource of this kind can have a field; of kinds that are not Kubernetes' own
// nobody knows. A path holds names and, for anything that is only known later, nil.
func mayHold(group, kind string, path []any) bool {
	types := shapes()[group+"/"+kind]
	for _, typ := range types {
		if holds(typ, path) {
			return true
		}
	}
	return len(types) == 0
}

func holds(typ reflect.Type, path []any) bool {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if len(path) == 0 {
		return true
	}
	name, named := path[0].(string)
	switch typ.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return holds(typ.Elem(), path[1:])
	case reflect.Struct:
		if !named || opaque(typ) {
			return true
		}
		member, found := memberType(typ, name)
		return found && holds(member, path[1:])
	case reflect.Interface:
		return true
	}
	return false // a number or a text has no members
}

// opaque are types whose JSON is not that of their fields, such as quantities and times.
func opaque(typ reflect.Type) bool {
	marshaler := reflect.TypeFor[interface{ MarshalJSON() ([]byte, error) }]()
	return typ.Implements(marshaler) || reflect.PointerTo(typ).Implements(marshaler)
}

func memberType(typ reflect.Type, name string) (reflect.Type, bool) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type, true
		}
		if f.Anonymous && (tag == "" || strings.Contains(options, "inline")) {
			if found, ok := memberType(f.Type, name); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// podTemplates are where resources of Kubernetes' own kinds keep the template of a Pod.
var podTemplates = [][]any{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}}

// insteadOf is where a field of a Pod lies in a resource that makes Pods, or nil.
func insteadOf(group, kind string, path []any) []any {
	for _, prefix := range podTemplates {
		moved := append(prefix[:len(prefix):len(prefix)], path...)
		if len(shapes()[group+"/"+kind]) > 0 && mayHold(group, kind, moved) {
			return moved
		}
	}
	return nil
}
