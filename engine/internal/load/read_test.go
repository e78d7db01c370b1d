package load

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"
)

// summary writes down what came of a file, one line each.
func summary(file File) string {
	var lines []string
	for _, d := range file.Documents {
		lines = append(lines, fmt.Sprintf("%d %s %s/%s", d.Line, d.Resource.Kind, d.Resource.Namespace, d.Resource.Name))
	}
	for _, s := range file.Skipped {
		lines = append(lines, fmt.Sprintf("%d skipped: %s", s.Line, s.Reason))
	}
	for _, p := range file.Problems {
		lines = append(lines, fmt.Sprintf("%d:%d %s %s: %s", p.Line, p.Column, p.Severity, p.Code, p.Message))
	}
	return strings.Join(lines, "\n")
}

const a, b = "apiVersion: v1\nkind: A\n", "apiVersion: v1\nkind: B\n"

var readCases = map[string]struct{ file, text, want string }{
	"two documents":         {"x.yaml", a + "---\n" + b, "1 A /\n4 B /"},
	"separators everywhere": {"x.yaml", "---\n---\n# c\n---\n" + a + "---\n\n---  # d\n" + b + "---\n", "5 A /\n10 B /"},
	"no line feed at end":   {"x.yaml", a + "---\napiVersion: v1\nkind: B", "1 A /\n4 B /"},
	"windows lines":         {"x.yaml", "\ufeff---\r\napiVersion: v1\r\nkind: A\r\n---\r\napiVersion: v1\r\nkind: B\r\n", "2 A /\n5 B /"},
	"empty":                 {"x.yaml", "", ""},
	"only comments":         {"x.yaml", "# a\n---\n# b\n", ""},
	"null":                  {"x.yaml", "null\n---\n~\n", ""},
	"text after separator":  {"x.yaml", a + "--- # fine\n" + b + "--- x\n" + a, "1 A /\n4 B /\n7 A /\n6:4 error manifest_syntax: `---` must stand on a line of its own, not before `x`"},
	"document end":          {"x.yaml", a + "...\nnot: {read\n", "1 A /"},
	"one broken document":   {"x.yaml", a + "---\na: b: c\n---\n" + b, "1 A /\n6 B /\n4:5 error manifest_syntax: mapping values are not allowed in this context"},
	"tab indentation":       {"x.yaml", "a:\n\tb: 1\n", "2:1 error manifest_syntax: found character that cannot start any token"},
	"open quote":            {"x.yaml", "# c\na: 'x\nb: 1\nc: 2\n", "2:4 error manifest_syntax: a quote is opened here and never closed"},
	"bad indentation":       {"x.yaml", "a:\n  b: 1\n c: 2\n", "3:2 error manifest_syntax: did not find expected key"},
	"missing colon":         {"x.yaml", "a: 1\nfoo\nb: 2\n", "2:4 error manifest_syntax: could not find expected ':'"},
	"control character":     {"x.yaml", "a: 1\nb: \x01\n", "2:4 error manifest_syntax: control characters are not allowed"},
	"not UTF-8":             {"x.yaml", "a: 1\nb: \xff\n", "2:4 error manifest_syntax: invalid leading UTF-8 octet"},
	"UTF-16":                {"x.yaml", "\xff\xfea\x00", "1:1 error manifest_syntax: the file is encoded as UTF-16"},
	"infinity":              {"x.yaml", "a: .inf\n", "1:4 error manifest_syntax: the number `+Inf` does not exist in JSON"},
	"null key":              {"x.yaml", "a: 1\n~: 2\n", "2:1 error manifest_syntax: a key must be text, not `<nil>`"},
	"twin keys":             {"x.yaml", "1: a\n'1': b\n", "2:1 error manifest_duplicate_key: the key `1` is given twice, with and without quotes"},
	"duplicate key":         {"x.yaml", a + "spec: {b: 1,\n b: 2}\n", "1 A /\n4:2 warning manifest_duplicate_key: the key is given twice in this mapping; only the last one counts"},

	"helm template":                     {"x.yaml", "{{- if .Values.x }}\n" + a + "{{- end }}\n", "1 skipped: " + aTemplate},
	"helm template, value":              {"x.yaml", a + "---\n" + b + "data: {{ .Values.x | quote }}\n", "1 A /\n4 skipped: " + aTemplate},
	"other template":                    {"x.yaml", "a: {{x}}\n", "1 skipped: " + aTemplate},
	"template in text":                  {"x.yaml", a + "data: '{{ $labels.x }}'\n", "1 A /"},
	"broken, with a template":           {"x.yaml", "a: '{{ $labels.x }}'\n\tb: 1\n", "2:1 error manifest_syntax: found character that cannot start any token"},
	"action that holds quotes":          {"x.yaml", "a: \"{{ .x | default \"y\" }}\"\n", "1 skipped: " + aTemplate},
	"action in place of a block":        {"x.yaml", "a: {{- toYaml .x | nindent 2 }}\n  b: 1\n", "1 skipped: " + aTemplate},
	"action before an entry":            {"x.yaml", "a:\n- b\n{{ if .x }}- c{{ end }}\n", "1 skipped: " + aTemplate},
	"key that is an action":             {"x.yaml", "{{ .a }}: b\n{{ .b }}-c: [{{ .d }}, e]\n", "1 skipped: " + aTemplate},
	"comment of a template, over lines": {"x.yaml", "{{/*\n a: [\n*/}}\n  {{- /* b: [ */ -}}\nc: 1\n", "1 skipped: " + aTemplate},

	"broken, with an action in a comment": {"x.yaml", "# {{- x }}\na: b: c\n", "2:5 error manifest_syntax: mapping values are not allowed in this context"},
	"broken, with an action in a text":    {"x.yaml", "a: '{{- x }}'\nb: c: d\n", "2:5 error manifest_syntax: mapping values are not allowed in this context"},
	"broken, with an action elsewhere":    {"x.yaml", "a: {{ .x }}\nb: c: d\n", "2:5 error manifest_syntax: mapping values are not allowed in this context"},
	"broken, over lines in an action":     {"x.yaml", "a: {{\nb: c: d }}\n", "1:5 error manifest_syntax: did not find expected ',' or '}'"},
	"broken between quotes in actions":    {"x.yaml", "a: \"{{ ' \"\nb: c: d\ne: \"' }}\"\n", "2:5 error manifest_syntax: mapping values are not allowed in this context"},
	"broken in a comment of a template that begins in a comment": {"x.yaml", "# {{/*\na: b: c\n# */}}\n",
		"2:5 error manifest_syntax: mapping values are not allowed in this context"},
	"broken in a comment of a template that does not end as one": {"x.yaml", "{{/*\na: b: c\n*/ }}\n",
		"1:2 error manifest_syntax: did not find expected ',' or '}'"},
	"broken, and the name of a chart's template": {"templates/x.yaml", "# {{ x }}\na: b: c\n", "2:5 error manifest_syntax: mapping values are not allowed in this context"},

	"kustomization":                          {"x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "1 Kustomization /"},
	"kustomization, no kind":                 {"x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nresources: [a.yaml]\n", "1 skipped: " + aKustomization},
	"kustomization, no version":              {"kustomization.yml", "kind: Kustomization\nresources: [a.yaml]\n", "1 skipped: " + aKustomization},
	"a kind of another tool":                 {".drone.yml", "kind: pipeline\ntype: docker\nname: x\n", "1 skipped: not a Kubernetes resource: no `apiVersion`, and a kind that Kubernetes does not have"},
	"a kind of another tool, with metadata":  {"x.yaml", "kind: pipeline\nmetadata: {name: x}\n", "1:1 error manifest_invalid: the resource has no `apiVersion`"},
	"a kind of Kubernetes, in other letters": {"x.yaml", "kind: deployment\nspec: {}\n", "1:1 error manifest_invalid: the resource has no `apiVersion`"},
	"bare kustomization":                     {"kustomization.yaml", "resources: [a.yaml]\n", "1 skipped: " + aKustomization},
	"helm values":                            {"values.yaml", "replicas: 1\n", "1 skipped: not a Kubernetes resource: Helm values"},
	"helm chart":                             {"Chart.yaml", "apiVersion: v2\nname: x\n", "1 skipped: not a Kubernetes resource: Helm chart metadata"},
	"another tool":                           {"ci.yaml", "# c\non: push\n", "2 skipped: not a Kubernetes resource: no `apiVersion` and `kind`"},
	"a list of patches":                      {"x.yaml", "- op: add\n", "1 skipped: not a Kubernetes resource: the document is a list"},
	"plain text":                             {"x.yaml", "hello\n", "1 skipped: not a Kubernetes resource: the document is a string"},

	"kind missing":        {"x.yaml", "apiVersion: v1\nmetadata: {name: x}\n", "1:1 error manifest_invalid: the resource has no `kind`"},
	"version missing":     {"x.yaml", "kind: Pod\nmetadata: {name: x}\n", "1:1 error manifest_invalid: the resource has no `apiVersion`"},
	"kind empty":          {"x.yaml", "apiVersion: v1\nkind: ''\n", "2:1 error manifest_invalid: the resource has no `kind`"},
	"kind a number":       {"x.yaml", "apiVersion: v1\nkind: 1\n", "2:1 error manifest_invalid: `kind` must be a string, not a number"},
	"version a list":      {"x.yaml", "apiVersion: [v1]\nkind: A\n", "1:1 error manifest_invalid: `apiVersion` must be a string, not a list"},
	"metadata a string":   {"x.yaml", a + "metadata: x\n", "3:1 error manifest_invalid: `metadata` must be an object, not a string"},
	"metadata null":       {"x.yaml", a + "metadata:\n", "1 A /"},
	"name a number":       {"x.yaml", a + "metadata:\n  name: 12\n", "4:3 error manifest_invalid: `metadata.name` must be a string, not a number"},
	"namespace a boolean": {"x.yaml", a + "metadata: {namespace: on}\n", "3:12 error manifest_invalid: `metadata.namespace` must be a string, not a boolean"},
	"labels a list":       {"x.yaml", a + "metadata: {labels: [a]}\n", "3:12 error manifest_invalid: `metadata.labels` must be an object, not a list"},
	"label a number":      {"x.yaml", a + "metadata:\n  labels:\n    b: 1\n    a: 2\n", "6:5 error manifest_invalid: `metadata.labels.a` must be a string, not a number"},
	"annotation an object": {"x.yaml", a + "metadata: {annotations: {x: {}}}\n",
		"3:26 error manifest_invalid: `metadata.annotations.x` must be a string, not an object"},
	"spec of any shape": {"x.yaml", a + "spec: {containers: 1, template: [], jobTemplate: x}\n", "1 A /"},

	"list":             {"x.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A}\n- null\n- apiVersion: v1\n  kind: B\n", "4 A /\n6 B /"},
	"typed list":       {"x.yaml", "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: x}\n", "4 Deployment /x"},
	"nested list":      {"x.yaml", "apiVersion: v1\nkind: List\nitems:\n- kind: List\n  apiVersion: v1\n  items:\n  - {apiVersion: v1, kind: A}\n", "7 A /"},
	"list in disguise": {"x.yaml", a + "items:\n- {apiVersion: v1, kind: B}\n", "4 B /"},
	"list, no kind":    {"x.yaml", "items:\n- {apiVersion: v1, kind: B}\n", "2 B /"},
	"list of text":     {"x.yaml", "apiVersion: v1\nkind: List\nitems: [x]\n", "3 skipped: not a Kubernetes resource: the document is a string"},
	"empty list":       {"x.yaml", "apiVersion: v1\nkind: List\nitems: []\n", ""},

	"JSON":            {"x.json", `{"apiVersion":"v1","kind":"A","metadata":{"name":"x","namespace":"y"}}`, "1 A y/x"},
	"JSON, several":   {"x.json", "{\"apiVersion\":\"v1\",\"kind\":\"A\"}\n\n{\n \"apiVersion\":\"v1\",\"kind\":\"B\"}\n", "1 A /\n4 B /"},
	"JSON, glued":     {"x.json", `{"apiVersion":"v1","kind":"A"}{"apiVersion":"v1","kind":"B"}{}`, "1 A /\n1 B /\n1 skipped: not a Kubernetes resource: no `apiVersion` and `kind`"},
	"JSON, then YAML": {"x.yaml", "{\"apiVersion\":\"v1\",\"kind\":\"A\"}\n---\n" + b, "1 A /\n3 B /"},
	"JSON, broken":    {"x.json", "{\n \"a\": 1,\n \"b\" 2\n}\n", "3:6 error manifest_syntax: invalid JSON: invalid character '2' after object key"},
	"JSON, cut off":   {"x.json", "{\n \"a\": 1,\n", "2:9 error manifest_syntax: invalid JSON: the text ends before the object does"},
	"JSON, third broken": {"x.json", `{"apiVersion":"v1","kind":"A"}{"apiVersion":"v1","kind":"B"}` + "\n{x}",
		"1 A /\n1 B /\n2:2 error manifest_syntax: invalid JSON: invalid character 'x' looking for beginning of object key string"},
	"JSON, duplicate": {"x.json", "{\"apiVersion\":\"v1\",\"kind\":\"A\",\n\"kind\":\"B\"}",
		"1 B /\n2:1 warning manifest_duplicate_key: the key is given twice in this mapping; only the last one counts"},
	"flow YAML":             {"x.yaml", "{apiVersion: v1, kind: A}\n---\n{apiVersion: v1, kind: B}\n", "1 A /\n3 B /"},
	"JSON of another shape": {"x.json", "[{\"op\":\"add\"}]", "1 skipped: not a Kubernetes resource: the document is a list"},
	"JSON with comments":    {"tsconfig.json", "{\n // c, \"\n \"a\": \"/*, ]\", /* , } */ \"b\": [1, /**/],\n}\n", "1 skipped: not a Kubernetes resource: JSON with comments"},
	"JSON with comments, a resource": {"x.json", "{\n // c\n \"apiVersion\": \"v1\", \"kind\": \"A\",\n}\n",
		"2:2 error manifest_syntax: invalid JSON: invalid character '/' looking for beginning of object key string"},
	"JSON with comments, and broken": {"x.json", "{\n // c\n \"a\": [1\n}\n",
		"2:2 error manifest_syntax: invalid JSON: invalid character '/' looking for beginning of object key string"},
	"JSON with tabs": {"x.json", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"A\"\n}\n", "2 A /"},
}

const (
	aTemplate      = aTemplateReason
	aKustomization = "a kustomization: check what `kustomize build` makes of it"
)

func TestRead(t *testing.T) {
	for name, test := range readCases {
		t.Run(name, func(t *testing.T) {
			file := Read(Source{Path: test.file, Text: []byte(test.text)}, Limits{})
			if got := summary(file); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			for _, p := range file.Problems {
				if p.File != test.file {
					t.Errorf("problem without its file: %+v", p)
				}
			}
		})
	}
}

func TestTheFirstLineIsWhereLocateSays(t *testing.T) {
	for name, test := range readCases {
		for _, d := range Read(Source{Path: test.file, Text: []byte(test.text)}, Limits{}).Documents {
			if located := d.Locate(nil); located.Line != d.Line {
				t.Errorf("%s: line %d, located %s", name, d.Line, show(located))
			}
		}
	}
}

func TestResourcesSayWhatExemptionsMatchOn(t *testing.T) {
	const containers = "containers: [{image: a}, {image: b}, {image: 1}, x]\n      initContainers: [{image: c}, {image: a}]\n" +
		"      ephemeralContainers: [{image: d}]\n"
	want := []string{"a", "b", "c", "d"}
	for shape, spec := range map[string]string{
		"Pod":         "spec:\n      " + containers,
		"Deployment":  "spec:\n  template:\n    spec:\n      " + containers,
		"CronJob":     "spec:\n jobTemplate:\n  spec:\n   template:\n    spec:\n      " + containers,
		"PodTemplate": "template:\n    spec:\n      " + containers,
	} {
		document := only(t, "x.yaml", a+spec)
		if got := document.Resource.Images; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: images %v", shape, got)
		}
	}
	got := only(t, "x.yaml", a+`metadata:
  name: web
  namespace: prod
  labels: {app: web}
  annotations:
    policy.attest.continuu.ms/exempt: "yes"
    kubectl.kubernetes.io/last-applied-configuration: "{}"
`).Resource
	wanted := model.Resource{
		APIVersion: "v1", Kind: "A", Namespace: "prod", Name: "web", Labels: map[string]string{"app": "web"},
		Annotations: map[string]string{"policy.attest.continuu.ms/exempt": "yes"},
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("resource %+v", got)
	}
}

func TestNativeValuesAreThoseOfTheAPIMachinery(t *testing.T) {
	document := only(t, "x.yaml", "apiVersion: v1\nkind: A\nv: [1, 1.5, 1e3, 9223372036854775808, true, null, x, {}]\n")
	want := []any{int64(1), 1.5, int64(1000), 9223372036854775808.0, true, nil, "x", map[string]any{}}
	if got := document.Native().(map[string]any)["v"]; !reflect.DeepEqual(got, want) {
		t.Errorf("native %#v", got)
	}
}
