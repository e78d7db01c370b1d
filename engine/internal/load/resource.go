package load

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// annotationPrefix selects the annotations that exemptions read.
const annotationPrefix = "policy.attest.continuu.ms/"

// Terms to look fields up with.
var (
	termAPIVersion   = ast.StringTerm("apiVersion")
	termKind         = ast.StringTerm("kind")
	termMetadata     = ast.StringTerm("metadata")
	termName         = ast.StringTerm("name")
	termNamespace    = ast.StringTerm("namespace")
	termGenerateName = ast.StringTerm("generateName")
	termLabels       = ast.StringTerm("labels")
	termAnnotations  = ast.StringTerm("annotations")
	termItems        = ast.StringTerm("items")
	termSpec         = ast.StringTerm("spec")
	termTemplate     = ast.StringTerm("template")
	termJobTemplate  = ast.StringTerm("jobTemplate")
	termImage        = ast.StringTerm("image")
	termRequest      = ast.StringTerm("request")
	termObject       = ast.StringTerm("object")
	termOldObject    = ast.StringTerm("oldObject")
	termUserInfo     = ast.StringTerm("userInfo")
	termOperation    = ast.StringTerm("operation")
)

// misshapen is a field that no API server accepts as it is.
type misshapen struct {
	path    []any
	message string
	hint    string
}

// identify reads what a resource says about itself, or names the first field of a wrong type.
func identify(object ast.Object) (model.Resource, *misshapen) {
	var resource model.Resource
	var wrong *misshapen
	if resource.APIVersion, wrong = required(object, termAPIVersion, "apiVersion"); wrong != nil {
		return resource, wrong
	}
	if resource.Kind, wrong = required(object, termKind, "kind"); wrong != nil {
		return resource, wrong
	}
	if wrong = identifyMetadata(&resource, object.Get(termMetadata)); wrong != nil {
		return resource, wrong
	}
	resource.Images = images(object)
	return resource, nil
}

// identifyMetadata reads name or generateName, namespace, labels and annotations.
func identifyMetadata(resource *model.Resource, term *ast.Term) *misshapen {
	if isAbsent(term) {
		return nil
	}
	metadata, ok := term.Value.(ast.Object)
	if !ok {
		return wrongType("an object", term, "metadata")
	}
	var wrong *misshapen
	if resource.Name, wrong = text(metadata, termName, "metadata", "name"); wrong != nil {
		return wrong
	}
	if resource.Name == "" {
		if resource.Name, wrong = text(metadata, termGenerateName, "metadata", "generateName"); wrong != nil {
			return wrong
		}
		resource.Generated = resource.Name != ""
	}
	if resource.Namespace, wrong = text(metadata, termNamespace, "metadata", "namespace"); wrong != nil {
		return wrong
	}
	if resource.Labels, wrong = textMap(metadata, termLabels, "", "metadata", "labels"); wrong != nil {
		return wrong
	}
	resource.Annotations, wrong = textMap(metadata, termAnnotations, annotationPrefix, "metadata", "annotations")
	return wrong
}

// required is the string at a key that every resource has.
func required(object ast.Object, key *ast.Term, name string) (string, *misshapen) {
	value, wrong := text(object, key, name)
	if value == "" && wrong == nil {
		return "", &misshapen{
			path: []any{name}, message: fmt.Sprintf("the resource has no `%s`", name),
			hint: "give it `apiVersion` and `kind`, as in `apiVersion: v1` and `kind: Pod`",
		}
	}
	return value, wrong
}

// text is the string at a key, or "" when it is absent.
func text(object ast.Object, key *ast.Term, path ...any) (string, *misshapen) {
	term := object.Get(key)
	if isAbsent(term) {
		return "", nil
	}
	if value, ok := term.Value.(ast.String); ok {
		return string(value), nil
	}
	return "", wrongType("a string", term, path...)
}

// textMap is the map of strings at a key, only the entries whose key has the prefix; nil when there are none.
func textMap(object ast.Object, key *ast.Term, prefix string, path ...any) (map[string]string, *misshapen) {
	term := object.Get(key)
	if isAbsent(term) {
		return nil, nil
	}
	members, ok := term.Value.(ast.Object)
	if !ok {
		return nil, wrongType("an object", term, path...)
	}
	var result map[string]string
	var wrong *misshapen
	for _, name := range members.Keys() {
		label, _ := name.Value.(ast.String)
		value, bad := text(members, name, append(path[:len(path):len(path)], string(label))...)
		if bad != nil && (wrong == nil || fmt.Sprint(bad.path) < fmt.Sprint(wrong.path)) {
			wrong = bad
		}
		if !strings.HasPrefix(string(label), prefix) {
			continue
		}
		if result == nil {
			result = make(map[string]string, members.Len())
		}
		result[string(label)] = value
	}
	return result, wrong
}

func isAbsent(term *ast.Term) bool {
	if term == nil {
		return true
	}
	_, null := term.Value.(ast.Null)
	return null
}

func wrongType(want string, term *ast.Term, path ...any) *misshapen {
	names := make([]string, len(path))
	for i, element := range path {
		names[i] = fmt.Sprint(element)
	}
	wrong := &misshapen{
		path: path, message: fmt.Sprintf("`%s` must be %s, not %s", strings.Join(names, "."), want, typeName(term)),
	}
	if want == "a string" && ast.IsScalar(term.Value) {
		wrong.hint = "quote the value"
	}
	return wrong
}

// typeName says in words what a value is.
func typeName(term *ast.Term) string {
	switch term.Value.(type) {
	case ast.Object:
		return "an object"
	case *ast.Array:
		return "a list"
	case ast.String:
		return "a string"
	case ast.Number:
		return "a number"
	case ast.Boolean:
		return "a boolean"
	}
	return "null"
}

// podSpecs are the places where a resource may hold the specification of a pod: a Pod, a workload (and custom
// ones shaped alike), a CronJob, a PodTemplate.
var podSpecs = [][]*ast.Term{
	{termSpec},
	{termSpec, termTemplate, termSpec},
	{termSpec, termJobTemplate, termSpec, termTemplate, termSpec},
	{termTemplate, termSpec},
}

var containerLists = []*ast.Term{
	ast.StringTerm("containers"), ast.StringTerm("initContainers"), ast.StringTerm("ephemeralContainers"),
}

// images are the image references of all containers, each once, in the order of the manifest.
func images(object ast.Object) []string {
	var found []string
	for _, path := range podSpecs {
		spec := descend(object, path)
		if spec == nil {
			continue
		}
		for _, list := range containerLists {
			found = appendImages(found, spec.Get(list))
		}
	}
	return found
}

func appendImages(found []string, term *ast.Term) []string {
	containers, ok := arrayOf(term)
	if !ok {
		return found
	}
	containers.Foreach(func(element *ast.Term) {
		container, ok := element.Value.(ast.Object)
		if !ok {
			return
		}
		if image, _ := text(container, termImage); image != "" && !contains(found, image) {
			found = append(found, image)
		}
	})
	return found
}

func contains(list []string, wanted string) bool {
	for _, element := range list {
		if element == wanted {
			return true
		}
	}
	return false
}

// descend follows keys through objects; nil where the path ends early.
func descend(object ast.Object, path []*ast.Term) ast.Object {
	for _, key := range path {
		member := object.Get(key)
		if member == nil {
			return nil
		}
		next, ok := member.Value.(ast.Object)
		if !ok {
			return nil
		}
		object = next
	}
	return object
}

func arrayOf(term *ast.Term) (*ast.Array, bool) {
	if term == nil {
		return nil, false
	}
	array, ok := term.Value.(*ast.Array)
	return array, ok
}
