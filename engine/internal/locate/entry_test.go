package locate

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

const labelled = `
metadata: {labels: {app.kubernetes.io/name: web, "a/b": x, "t~u": y}, annotations: {"": empty}}
spec: {containers: [{name: app, image: x}, {name: side}]}
`

func TestFromEntry(t *testing.T) {
	resource := term(t, labelled)
	for name, c := range map[string]struct {
		entry, want string
		ok          bool
	}{
		"pointer":                      {`{"path": "/spec/containers/0/image"}`, "/spec/containers/0/image", true},
		"pointer with escapes":         {`{"path": "/metadata/labels/a~1b"}`, "/metadata/labels/a~1b", true},
		"pointer with both escapes":    {`{"path": "/metadata/labels/t~0u"}`, "/metadata/labels/t~0u", true},
		"pointer as a fragment":        {`{"path": "#/spec"}`, "/spec", true},
		"pointer to the whole":         {`{"path": ""}`, "", true},
		"pointer beyond what exists":   {`{"path": "/spec/containers/1/image/x"}`, "/spec/containers/1", true},
		"index beyond the list":        {`{"path": "/spec/containers/7"}`, "/spec/containers", true},
		"index below zero":             {`{"path": "/spec/containers/-1"}`, "/spec/containers", true},
		"dotted":                       {`{"path": "spec.containers[1].name"}`, "/spec/containers/1/name", true},
		"dotted with a root":           {`{"path": "$.spec.containers[0]"}`, "/spec/containers/0", true},
		"dotted as the rule reads it":  {`{"path": "input.review.object.spec"}`, "/spec", true},
		"dotted with a quoted key":     {`{"path": "metadata.labels[\"app.kubernetes.io/name\"]"}`, "/metadata/labels/app.kubernetes.io~1name", true},
		"dotted with dots in the key":  {`{"path": "metadata.labels.app.kubernetes.io/name"}`, "/metadata/labels/app.kubernetes.io~1name", true},
		"list":                         {`{"path": ["spec", "containers", 0, "image"]}`, "/spec/containers/0/image", true},
		"list with an empty key":       {`{"path": ["metadata", "annotations", ""]}`, "/metadata/annotations/", true},
		"empty list":                   {`{"path": []}`, "", true},
		"field":                        {`{"field": "spec"}`, "/spec", true},
		"_loc as a path":               {`{"_loc": "spec.containers"}`, "/spec/containers", true},
		"_loc as an object":            {`{"_loc": {"path": "/spec"}}`, "/spec", true},
		"in details":                   {`{"msg": "m", "details": {"path": "/spec"}}`, "/spec", true},
		"the entry before its details": {`{"path": "/metadata", "details": {"path": "/spec"}}`, "/metadata", true},
		"path before field":            {`{"field": "spec", "path": "/metadata"}`, "/metadata", true},
		"field where path is no path":  {`{"field": "spec", "path": "/var/run"}`, "/spec", true},
		"a path of the host":           {`{"path": "/var/run/docker.sock"}`, "", false},
		"a field of something else":    {`{"field": "containers"}`, "", false},
		"an open bracket":              {`{"path": "spec[containers"}`, "", false},
		"only dots":                    {`{"path": "..."}`, "", false},
		"a number":                     {`{"path": 3}`, "", false},
		"a set":                        {`{"path": {"spec"}}`, "", false},
		"null":                         {`{"path": null}`, "", false},
		"an object":                    {`{"path": {"x": 1}}`, "", false},
		"a list of lists":              {`{"path": [["spec"]]}`, "", false},
		"a fractional index":           {`{"path": ["spec", "containers", 0.5]}`, "/spec/containers", true},
		"details of another type":      {`{"details": [1]}`, "", false},
		"a string":                     {`"/spec"`, "", false},
		"nothing stated":               {`{"msg": "m"}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			path, ok := FromEntry(ast.MustParseTerm(c.entry), resource)
			if got := pointer(path); got != c.want || ok != c.ok {
				t.Errorf("got %q %v, want %q %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestFromEntryBounds(t *testing.T) {
	resource := term(t, labelled)
	entry := func(path string) *ast.Term {
		return ast.ObjectTerm(ast.Item(ast.StringTerm("path"), ast.StringTerm(path)))
	}
	for name, path := range map[string]string{
		"a long text": "/spec" + strings.Repeat("/x", 1<<20),
		"many keys":   "/spec" + strings.Repeat("/", 300),
		"many dots":   "spec" + strings.Repeat(".a", 300),
	} {
		if got, ok := FromEntry(entry(path), resource); ok {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if _, ok := FromEntry(nil, nil); ok {
		t.Error("nil has a path")
	}
}

// FuzzFromEntry: whatever a rule states, a path that is returned leads to something in the resource.
func FuzzFromEntry(f *testing.F) {
	for _, seed := range []string{"", "/", "/spec/containers/0", "spec.containers[0].image", "[", "]", "a[]", "~", "#", "$."} {
		f.Add(seed)
	}
	resource := term(f, labelled)
	f.Fuzz(func(t *testing.T, path string) {
		entry := ast.ObjectTerm(ast.Item(ast.StringTerm("path"), ast.StringTerm(path)))
		keys, _ := FromEntry(entry, resource)
		at := resource
		for _, key := range keys {
			if at = member.At(at, member.Key(key)); at == nil {
				t.Fatalf("%q: %v leads nowhere", path, keys)
			}
		}
	})
}
