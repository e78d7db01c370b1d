package policyset

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const keptTemplate = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nope}
spec:
  crd: {spec: {names: {kind: Nope}}}
  targets: [{target: admission.k8s.gatekeeper.sh, rego: "package nope\nviolation[{\"msg\": \"no\"}] { true }"}]
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Nope
metadata: {name: all}
`

func TestASetIsMadeAgainOfWhatWasKept(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, map[string]string{
		"own/p.rego":           "package p\nviolation contains \"x\" if input.resource.kind == data.kind\n",
		"own/q.rego":           "package q\nimport data.lib.help\ndeny contains \"y\" if help.yes\n",
		"own/data.yaml":        "kind: Pod\nnumber: 12345678901234567890.5\n",
		"own/nope.yaml":        keptTemplate,
		"lib/help.rego":        "package lib.help\nyes := true\n",
		"shipped/s.rego":       "package s\nviolation contains \"z\"\n",
		"shipped/p.rego":       "package p\nviolation contains \"shipped\"\n",
		"own/broken_test.rego": "package p_test\nnot rego",
	})
	at := func(name string) []string { return []string{filepath.Join(folder, name)} }
	params := Params{Paths: at("own"), Shipped: at("shipped"), Libraries: at("lib"), OPA: true, Gatekeeper: true}
	first, policies, problems := Load(t.Context(), params)
	keeping, text := Keep(params)
	if len(problems) > 0 || text == "" {
		t.Fatal(problems, text)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	second, again, problems := Load(t.Context(), keeping)
	if len(problems) > 0 || !reflect.DeepEqual(policies, again) || !reflect.DeepEqual(first.Read, second.Read) {
		t.Error(problems, policies, again)
	}
	if first.Digest != second.Digest || len(policies) != 4 {
		t.Error("the sets are told apart", len(policies))
	}
	if a, b := first.Rego.Document(t.Context(), nil), second.Rego.Document(t.Context(), nil); a != nil && a.Compare(b) != 0 {
		t.Error(a, b)
	}
}

func TestWhatIsBrokenIsBrokenAgain(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, map[string]string{"p.rego": "package p\nviolation {", "c.yaml": "a: [", "data.json": "7"})
	params := Params{Paths: []string{folder}, OPA: true, Gatekeeper: true}
	_, _, first := Load(t.Context(), params)
	keeping, _ := Keep(params)
	_, _, second := Load(t.Context(), keeping)
	if len(first) == 0 || !reflect.DeepEqual(first, second) {
		t.Error(first, second)
	}
}

func TestWhatWasNotKeptIsRefused(t *testing.T) {
	for _, text := range []string{"no base64", "aGVsbG8="} {
		_, _, problems := Load(t.Context(), Params{Kept: text, OPA: true})
		if len(problems) == 0 || !strings.Contains(problems[0].Message, "that were kept can't be read") {
			t.Error(text, problems)
		}
	}
}

func TestTextThatIsNoUTF8IsNotKept(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, map[string]string{"p.rego": "package p\n# \xff\n"})
	if _, text := Keep(Params{Paths: []string{folder}, OPA: true}); text != "" {
		t.Error(text)
	}
}
