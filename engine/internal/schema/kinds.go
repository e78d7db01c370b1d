package schema

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"

	"attest.continuu.ms/engine/internal/model"
)

// kinds are Kubernetes' own.
type kinds struct {
	types    map[schema.GroupVersionKind]reflect.Type
	versions map[string][]string                  // of a group
	of       map[string][]schema.GroupVersionKind // by name of the kind, the stablest version first
}

var kubernetes = sync.OnceValue(func() kinds {
	every := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensions.AddToScheme} {
		if err := add(every); err != nil {
			panic(err) // the libraries contradict each other: no test would pass
		}
	}
	out := kinds{types: every.AllKnownTypes(), versions: map[string][]string{}, of: map[string][]schema.GroupVersionKind{}}
	for gvk := range out.types {
		if !slices.Contains(out.versions[gvk.Group], gvk.Version) {
			out.versions[gvk.Group] = append(out.versions[gvk.Group], gvk.Version)
		}
		out.of[gvk.Kind] = append(out.of[gvk.Kind], gvk)
	}
	for _, same := range out.of {
		slices.SortFunc(same, stablest)
	}
	return out
})

// IsKind says whether Kubernetes has a kind of this name, in any version and spelled with any letters, capital or not.
func IsKind(name string) bool { return kindNames()[strings.ToLower(name)] }

var kindNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for name := range kubernetes().of {
		names[strings.ToLower(name)] = true
	}
	return names
})

func stablest(a, b schema.GroupVersionKind) int {
	if order := version.CompareKubeAwareVersionStrings(b.Version, a.Version); order != 0 {
		return order
	}
	return strings.Compare(a.Group, b.Group)
}

// Newest is the version of Kubernetes whose types these are: the last in which one of them came.
var Newest = sync.OnceValue(func() Version {
	var last Version
	for _, typ := range kubernetes().types {
		if introduced, ok := release(typ, "APILifecycleIntroduced"); ok && last.before(introduced) {
			last = introduced
		}
	}
	return last
})

// release is what a generated method of a type says: the release in which it came or went.
func release(typ reflect.Type, method string) (Version, bool) {
	said := reflect.New(typ).MethodByName(method)
	if !said.IsValid() {
		return Version{}, false
	}
	out := said.Call(nil)
	return Version{int(out[0].Int()), int(out[1].Int())}, true
}

const gone = "take it out, or set `policy.kubernetes_version` to that of your cluster"

// unserved says why a version of Kubernetes does not serve a kind; nil where it does, and for kinds of others.
func (c *Catalog) unserved(gvk schema.GroupVersionKind) *Error {
	versions, ours := kubernetes().versions[gvk.Group]
	typ, exists := kubernetes().types[gvk]
	switch {
	case exists:
		return c.outOfTime(gvk, typ)
	case !IsStored(gvk.GroupVersion().String(), gvk.Kind):
		return nil
	case !ours && strings.Contains(gvk.Group, "."): // a custom resource that nobody defines here
		return nil
	case !slices.Contains(versions, gvk.Version):
		if ours && c.version.before(Newest()) { // an older Kubernetes may have had it
			return nil
		}
		hint := cmp.Or(c.elsewhere(gvk), nearest(gvk.GroupVersion().String(), groupVersions()), gone)
		return &Error{Path: []any{"apiVersion"}, Message: fmt.Sprintf("Kubernetes %s has no API version `%s`", c.version, model.Short(gvk.GroupVersion().String())), Hint: hint}
	}
	hint := cmp.Or(c.elsewhere(gvk), nearest(gvk.Kind, stored(gvk.GroupVersion())))
	if hint == "" && c.version.before(Newest()) {
		return nil
	}
	return &Error{Path: []any{"kind"}, Message: fmt.Sprintf("Kubernetes %s has no kind `%s` in `%s`", c.version, model.Short(gvk.Kind), model.Short(gvk.GroupVersion().String())), Hint: cmp.Or(hint, gone)}
}

func (c *Catalog) outOfTime(gvk schema.GroupVersionKind, typ reflect.Type) *Error {
	name := fmt.Sprintf("`%s` of `%s`", gvk.Kind, gvk.GroupVersion())
	if removed, ok := release(typ, "APILifecycleRemoved"); ok && !c.version.before(removed) {
		return &Error{Path: []any{"apiVersion"}, Message: fmt.Sprintf("%s is gone since Kubernetes %s", name, removed), Hint: cmp.Or(c.elsewhere(gvk), gone)}
	}
	if introduced, ok := release(typ, "APILifecycleIntroduced"); ok && c.version.before(introduced) {
		return &Error{Path: []any{"apiVersion"}, Message: fmt.Sprintf("%s comes with Kubernetes %s, and this is %s", name, introduced, c.version), Hint: cmp.Or(c.elsewhere(gvk), gone)}
	}
	return nil
}

// elsewhere says which API version serves a kind.
func (c *Catalog) elsewhere(gvk schema.GroupVersionKind) string {
	for _, other := range kubernetes().of[gvk.Kind] {
		if other != gvk && c.outOfTime(other, kubernetes().types[other]) == nil {
			return fmt.Sprintf("`%s` is of `%s`", gvk.Kind, other.GroupVersion())
		}
	}
	return ""
}

// stored are the kinds that an API version stores.
func stored(version schema.GroupVersion) (names []string) {
	for gvk, typ := range kubernetes().types {
		if _, stored := typ.FieldByName("ObjectMeta"); stored && gvk.GroupVersion() == version {
			names = append(names, gvk.Kind)
		}
	}
	return names
}

func groupVersions() (names []string) {
	for group, versions := range kubernetes().versions {
		for _, version := range versions {
			names = append(names, schema.GroupVersion{Group: group, Version: version}.String())
		}
	}
	return names
}
