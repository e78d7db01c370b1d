// Package schema holds resources to the types of a version of Kubernetes and to custom resource definitions, offline.
//
// Kubernetes' own types are the Go types that its API server decodes into (k8s.io/api), read by reflection: what strict
// decoding refuses is refused, but all of it at once and with its place. Which API versions a version of Kubernetes
// serves is what these types say of themselves (APILifecycleRemoved and its kin). What an API server checks after
// decoding (required fields, ranges, references) is not checked here, but for custom resources, whose definitions say it.
package schema

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/model"
)

// Error is one thing that an API server would refuse.
type Error struct {
	Path    []any // keys and indexes; empty for the resource as a whole
	Message string
	Hint    string
}

// Version is a version of Kubernetes.
type Version struct{ Major, Minor int }

// ParseVersion reads `1.34`, `v1.34` or `1.34.2`; the empty text is the version of the types. What came after them they
// don't know: it is an error, which says which versions they know.
func ParseVersion(text string) (Version, error) {
	if text == "" {
		return Newest(), nil
	}
	parts := strings.Split(strings.TrimPrefix(text, "v"), ".")
	if len(parts) == 2 || len(parts) == 3 {
		major, wrong := strconv.Atoi(parts[0])
		minor, wrong2 := strconv.Atoi(parts[1])
		if wrong == nil && wrong2 == nil && major >= 0 && minor >= 0 {
			return known(Version{major, minor})
		}
	}
	return Version{}, fmt.Errorf("`%s` is no version of Kubernetes: write it as `%s`", model.Short(text), Newest())
}

// known is the version, where the types go back to it and on to it.
func known(version Version) (Version, error) {
	oldest, newest := Version{Newest().Major, 0}, Newest()
	if version.before(oldest) || newest.before(version) {
		return Version{}, fmt.Errorf("version %s of Kubernetes is not known: known are %s to %s", version, oldest, newest)
	}
	return version, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

func (v Version) before(other Version) bool {
	return v.Major < other.Major || v.Major == other.Major && v.Minor < other.Minor
}

// Catalog knows the kinds of a version of Kubernetes, and those that custom resource definitions add. It is immutable.
type Catalog struct {
	version Version
	custom  map[schema.GroupVersionKind]definition
}

// New makes a catalog. Definitions that are not valid themselves add nothing; they are judged as resources are.
func New(version Version, definitions []map[string]any) *Catalog {
	return &Catalog{version: version, custom: customKinds(definitions)}
}

// Errors is everything that the API server would refuse of a resource, in the order of its fields; nothing for kinds that
// are neither Kubernetes' own nor defined. The resource is as load.Document.Native gives it.
func (c *Catalog) Errors(resource map[string]any) []Error {
	apiVersion, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	named, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		return []Error{{Path: []any{"apiVersion"}, Message: fmt.Sprintf("`%s` is no API version", model.Short(apiVersion)), Hint: "write `group/version`, or `v1`"}}
	}
	gvk := named.WithKind(kind)
	if custom, ok := c.custom[gvk]; ok {
		return custom.errors(resource)
	}
	if unserved := c.unserved(gvk); unserved != nil {
		return []Error{*unserved}
	}
	var f fitting
	if typ, ok := kubernetes().types[gvk]; ok {
		f.fit(resource, typ, nil)
	}
	return f.errors
}

// ErrorsOfPatch is Errors for a part of a resource: what it lacks is no error, nor are the directives of a strategic merge.
// Whether a part fits a custom resource only the whole can tell.
func (c *Catalog) ErrorsOfPatch(resource map[string]any) []Error {
	apiVersion, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	if _, custom := c.custom[schema.FromAPIVersionAndKind(apiVersion, kind)]; custom {
		return nil
	}
	merged, _ := withoutDirectives(resource).(map[string]any)
	return c.Errors(merged)
}

// withoutDirectives leaves out what tells a strategic merge how to go about it: keys such as `$patch`.
func withoutDirectives(value any) any {
	switch value := value.(type) {
	case map[string]any:
		members := make(map[string]any, len(value))
		for key, member := range value {
			if !strings.HasPrefix(key, "$") {
				members[key] = withoutDirectives(member)
			}
		}
		return members
	case []any:
		elements := make([]any, len(value))
		for i, element := range value {
			elements[i] = withoutDirectives(element)
		}
		return elements
	}
	return value
}
