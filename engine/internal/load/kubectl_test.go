package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/schema"
)

// kubectlObjects are what `kubectl apply -f` makes of a text: its builder's decoder, its scheme, its lists taken
// apart. What comes after an object that can't be made counts, too: kubectl may go on. The error is why an object
// can't be made, or why the stream can't be read further; to have no kind is none.
func kubectlObjects(text string) (objects []map[string]any, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var raw runtime.RawExtension
		if wrong := decoder.Decode(&raw); errors.Is(wrong, io.EOF) {
			return objects, err
		} else if wrong != nil {
			return objects, wrong
		}
		raw.Raw = bytes.TrimSpace(raw.Raw)
		if len(raw.Raw) == 0 || bytes.Equal(raw.Raw, []byte("null")) {
			continue
		}
		object, _, wrong := unstructured.UnstructuredJSONScheme.Decode(raw.Raw, nil, nil)
		if wrong == nil {
			objects = flatten(objects, object)
		} else if !runtime.IsMissingKind(wrong) {
			err = wrong
		}
	}
}

// flatten appends an object, or the items of a list.
func flatten(objects []map[string]any, object runtime.Object) []map[string]any {
	switch object := object.(type) {
	case *unstructured.UnstructuredList:
		for i := range object.Items {
			objects = flatten(objects, &object.Items[i])
		}
	case *unstructured.Unstructured:
		if object.IsList() {
			_ = object.EachListItem(func(item runtime.Object) error { // the items before a wrong one count
				objects = flatten(objects, item)
				return nil
			})
			return objects
		}
		if object.GetKind() != "" && !nowhere(object) {
			objects = append(objects, object.Object)
		}
	}
	return objects
}

// nowhere says whether no API server takes an object: kubectl looks for a kind without a version among Kubernetes' own.
func nowhere(object *unstructured.Unstructured) bool {
	return object.Object["apiVersion"] == nil && object.Object["metadata"] == nil && !schema.IsKind(object.GetKind())
}

// sameAsKubectl holds a file against kubectl: what kubectl makes an object of is judged with the same content, or
// the file has an error, which ends the run with exit code 2.
func sameAsKubectl(path, text string) error {
	objects, kubectlErr := kubectlObjects(text)
	file := Read(Source{Path: path, Text: []byte(text)}, Limits{})
	if model.HasErrors(file.Problems) {
		if kubectlErr == nil {
			return refusedOnPurpose(file.Problems)
		}
		return nil
	}
	judged := file.Documents
	for i, object := range objects {
		for len(judged) > 0 && sameContent(judged[0].Native(), object) != nil && isExtra(judged[0]) {
			judged = judged[1:]
		}
		if len(judged) == 0 {
			return fmt.Errorf("object %d is not judged: %s\n%s", i, written(object), summary(file))
		}
		if err := sameContent(judged[0].Native(), object); err != nil {
			return fmt.Errorf("object %d: %w\n%s", i, err, summary(file))
		}
		judged = judged[1:]
	}
	if kubectlErr != nil {
		return nil // what kubectl refuses altogether may be judged
	}
	for _, document := range judged {
		if !isExtra(document) {
			return fmt.Errorf("judged, though kubectl makes no object of it: %s", document.Term)
		}
	}
	return nil
}

// isExtra says whether a document is one that is judged although kubectl makes no object of it: an item of a list
// that has no kind itself, or whose list kubectl refuses for another item, and an object whose `items` are no list,
// null for one, which kubectl takes for a list and others for the object that it says it is. A version of three parts
// is none for kubectl.
func isExtra(document *Document) bool {
	items := document.Term.Get(termItems)
	return len(document.prefix) > 0 || items != nil || strings.Count(document.Resource.APIVersion, "/") > 1
}

// onPurpose are beginnings of the messages of what we refuse and kubectl reads.
var onPurpose = []string{
	"the key `", "the file is encoded as ", "the resource has no `apiVersion`", "the resource has no `kind`",
	"`kind` must be ", "`apiVersion` must be ", "`metadata", "the document ", "the file ",
}

func refusedOnPurpose(problems []model.Problem) error {
	for _, problem := range problems {
		if problem.Severity == model.Error && !slices.ContainsFunc(onPurpose, func(beginning string) bool {
			return strings.HasPrefix(problem.Message, beginning)
		}) {
			return fmt.Errorf("kubectl reads what we refuse: %s", problem.Message)
		}
	}
	return nil
}

// sameContent compares two values; of a whole number beyond 64 bits kubectl keeps what a float holds of it.
func sameContent(got, want any) error {
	switch want := want.(type) {
	case map[string]any:
		members, ok := got.(map[string]any)
		if !ok || len(members) != len(want) {
			return fmt.Errorf("%s is not %s", written(got), written(want))
		}
		for key, member := range want {
			value, there := members[key]
			if !there {
				return fmt.Errorf("no %q in %s", key, written(got))
			}
			if err := sameContent(value, member); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		}
		return nil
	case []any:
		elements, ok := got.([]any)
		if !ok || len(elements) != len(want) {
			return fmt.Errorf("%s is not %s", written(got), written(want))
		}
		for i := range want {
			if err := sameContent(elements[i], want[i]); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	case float64:
		if number, ok := got.(int64); ok && float64(number) == want {
			return nil
		}
	}
	if reflect.DeepEqual(got, want) {
		return nil
	}
	return fmt.Errorf("%s is not %s", written(got), written(want))
}

func written(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return fmt.Sprintf("%T %s", value, text)
}

const aPod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n"

// hiddenDocuments are ways to put an object before kubectl that a reader may overlook, by what is done.
var hiddenDocuments = map[string]struct{ file, text string }{
	"keys that collide, and a comment that looks like a template": {"x.yaml", "# {{- x }}\napiVersion: v1\nkind: Pod\nmetadata: {name: p, annotations: {1: a, \"1\": b}}\n"},
	"keys that collide, and an action":                            {"x.yaml", aPod + "a: {1: a, \"1\": \"{{ .Values.x }}\"}\n"},
	"a kustomization's version on a Pod":                          {"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Pod\nmetadata: {name: p}\n"},
	"a kustomization that is a list":                              {"x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"},
	"a kustomization":                                             {"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"},
	"a kustomization without a version":                           {"kustomization.yaml", "kind: Kustomization\nresources: [a.yaml]\n"},
	"a list that is called a kustomization, without a version":    {"kustomization.yaml", "kind: Kustomization\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"},
	"a Pod among values":                                          {"values.yaml", aPod},
	"a Pod that is called a chart":                                {"Chart.yaml", aPod},
	"an item that takes the kind of its list":                     {"x.yaml", "apiVersion: v1\nkind: Pod\nitems:\n- metadata: {name: p}\n"},
	"an item whose kind is no text":                               {"x.yaml", "apiVersion: v1\nkind: PodList\nitems:\n- {kind: 5, metadata: {name: p}}\n"},
	"an item whose kind is empty":                                 {"x.yaml", "apiVersion: v1\nkind: PodList\nitems:\n- {kind: '', apiVersion: '', metadata: {name: p}}\n"},
	"a null item of a list that has a type":                       {"x.yaml", "apiVersion: v1\nkind: PodList\nitems: [null]\n"},
	"a list without a version":                                    {"x.yaml", "kind: PodList\nitems:\n- {metadata: {name: p}}\n"},
	"a kind without a version":                                    {"x.yaml", "kind: Pod\nspec: {}\n"},
	"a kind among values":                                         {"values.yaml", "kind: DaemonSet\nimage: x\n"},
	"flow YAML with a comment of JSON":                            {"x.json", "{\"kind\": Pod, \"api\\u0056ersion\": v1, image: 'http://x'}\n"},
	"flow YAML, a version in an escape":                           {"tsconfig.json", "{kind: Pod, \"api\\u0056ersion\": v1, a: //x}\n"},
	"a Pod after one JSON object, indented":                       {"x.yaml", "{\"a\":1}\n  apiVersion: v1\n  kind: Pod\n  # {{- x }}\n"},
	"a Pod after one JSON object, in one line":                    {"x.yaml", "{\"a\":1} {apiVersion: v1, kind: Pod}\n"},
	"JSON behind much white space":                                {"x.yaml", strings.Repeat(" ", 5000) + "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"a\": 1e-400}\n"},
	"JSON behind white space of another kind":                     {"x.yaml", "\u00a0\u2003{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}\n"},
	"a number that is too small, in JSON":                         {"x.json", `{"apiVersion":"v1","kind":"A","a":[1e-400,-1e-400,0.0,-0,-0.0,1.0,1e3,100e-2]}`},
	"a number that is too large, in JSON":                         {"x.json", `{"apiVersion":"v1","kind":"A","a":1e400}`},
	"a whole number that is too large, in JSON":                   {"x.json", `{"apiVersion":"v1","kind":"A","a":1` + strings.Repeat("0", 400) + `}`},
	"large numbers, in JSON":                                      {"x.json", `{"apiVersion":"v1","kind":"A","a":[9223372036854775807,9223372036854775808,18446744073709551616,-9223372036854775809,1e21,123456789012345678901234567890]}`},
	"numbers, in YAML":                                            {"x.yaml", "apiVersion: v1\nkind: A\na: [1e-400, -0, -0.0, 1.0, 1e3, 9223372036854775808, 0o17, 017, 0x1F, 1_000, 1e400, .5]\n"},
	"UTF-16, big endian":                                          {"x.yaml", "\xfe\xff" + utf16("apiVersion: v1\nkind: Pod\n#\u7b7b\u7b7b\n", false)},
	"UTF-16, little endian, with a letter more":                   {"x.yaml", "\xff\xfe" + utf16("apiVersion: v1\nkind: Pod\n# \u7b7b-\n", true) + "#"},
	"UTF-16 of a Pod in a comment of UTF-8":                       {"x.yaml", "# " + utf16(aPod, true)},
	"items that are null":                                         {"x.yaml", "apiVersion: v1\nkind: Pod\nitems:\n"},
	"items that are a mapping":                                    {"x.yaml", "apiVersion: v1\nkind: Pod\nitems: {a: 1}\n"},
	"a list whose second item is text":                            {"x.yaml", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod}, x]\n"},
	"a list within a list":                                        {"x.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: PodList, items: [{apiVersion: v1, kind: Pod}]}\n"},
	"a Pod of a JSON stream after a scalar":                       {"x.json", `{"a":1} 5 {"apiVersion":"v1","kind":"Pod"}`},
	"a Pod behind a document end":                                 {"x.yaml", "a: 1\n...\n" + aPod},
	"a Pod between separators that carry comments":                {"x.yaml", "---# {{- x }}\n" + aPod + "---\t# {{- x }}\n" + aPod},
	"a key that is binary":                                        {"x.yaml", "apiVersion: v1\n!!binary a2luZA==: Pod\n"},
	"a kind that is binary":                                       {"x.yaml", "apiVersion: v1\nkind: !!binary UG9k\n"},
	"a kind from a merge":                                         {"x.yaml", "a: &a {kind: Pod, apiVersion: v1}\n<<: *a\n"},
	"a kind through an alias":                                     {"x.yaml", "a: &k Pod\napiVersion: v1\nkind: *k\n"},
	"a kind over lines":                                           {"x.yaml", "apiVersion: v1\nkind: \"P\\\n  od\"\n"},
	"a kind given twice":                                          {"x.yaml", "kind: Foo\napiVersion: v1\nkind: Pod\n"},
	"a kind given twice, in JSON":                                 {"x.json", `{"kind":"Foo","apiVersion":"v1","kind":"Pod","a":{"b":1},"a":{"c":2}}`},
	"keys of another case":                                        {"x.yaml", "Kind: Pod\nAPIVERSION: v1\nkind: A\napiVersion: v1\nITEMS: [{kind: B, apiVersion: v1}]\n"},
	"a tag of the document":                                       {"x.yaml", "--- \n!!map\napiVersion: v1\nkind: Pod\n"},
	"a directive, with what looks like a template":                {"x.yaml", "%YAML 1.1\n# {{- x }}\n---\napiVersion: v1\nkind: Pod\n"},
	"carriage returns alone":                                      {"x.yaml", "# {{- x }}\rapiVersion: v1\rkind: Pod\r"},
	"next-line characters":                                        {"x.yaml", "# {{- x }}\u0085apiVersion: v1\u2028kind: Pod\u2029"},
	"a byte order mark in each document":                          {"x.yaml", "\ufeffapiVersion: v1\nkind: A\n---\n\ufeffapiVersion: v1\nkind: B\n"},
	"a NUL behind the Pod":                                        {"x.yaml", aPod + "\x00{{- x }}"},
	"a line of 100,000 characters":                                {"x.yaml", "# {{- " + strings.Repeat("x", 100_000) + "\n" + aPod},
	"a separator behind 4096 bytes":                               {"x.yaml", "# " + strings.Repeat("x", 4092) + "\r\n---\r\n" + aPod},
}

// utf16 encodes a text of the basic plane.
func utf16(text string, little bool) string {
	var out strings.Builder
	for _, r := range text {
		high, low := byte(r>>8), byte(r)
		if little {
			high, low = low, high
		}
		out.WriteByte(high)
		out.WriteByte(low)
	}
	return out.String()
}

func TestNothingHidesThatKubectlReads(t *testing.T) {
	for name, test := range hiddenDocuments {
		t.Run(name, func(t *testing.T) {
			if err := sameAsKubectl(test.file, test.text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFilesOfTheCorpusAreWhatKubectlMakesOfThem(t *testing.T) {
	for _, source := range corpusFiles(t) {
		raw, problem := readSource(source, DefaultLimits.FileBytes)
		if problem != nil {
			t.Fatal(problem.Message)
		}
		if err := sameAsKubectl(source.Path, string(raw)); err != nil {
			t.Errorf("%s: %v", source.Path, err)
		}
	}
}
