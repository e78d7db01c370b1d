package policyset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

// below is a new folder with files in it, its name without links.
func below(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trial.Files(t, root, files)
	return root
}

// link makes links below a folder: name → what it leads to.
func link(t *testing.T, root string, links map[string]string) {
	t.Helper()
	for name, target := range links {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Skip("no links here: ", err)
		}
	}
}

func rooted(root string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, filepath.Join(root, name))
	}
	return out
}

// shown are the files of modules, relative to a folder and sorted.
func shown(root string, modules []rego.Module) []string {
	out := []string{}
	for _, m := range modules {
		out = append(out, filepath.ToSlash(strings.TrimPrefix(m.File, root+string(filepath.Separator))))
	}
	slices.Sort(out)
	return out
}

func TestWhichRegoASourceHolds(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		links map[string]string
		paths []string
		want  []string
	}{
		"every .rego file below a folder": {files: map[string]string{"p/a.rego": plainRego, "p/x/y/b.rego": otherRego}, want: []string{"p/a.rego", "p/x/y/b.rego"}},
		"no tests":                        {files: map[string]string{"p/a.rego": plainRego, "p/a_test.rego": "package t"}, want: []string{"p/a.rego"}},
		"a file of tests that is named":   {files: map[string]string{"p/a_test.rego": "package t"}, paths: []string{"p/a_test.rego"}, want: []string{"p/a_test.rego"}},
		"no hidden folders":               {files: map[string]string{"p/a.rego": plainRego, "p/.git/b.rego": otherRego}, want: []string{"p/a.rego"}},
		"a hidden folder that is named":   {files: map[string]string{".p/a.rego": plainRego}, paths: []string{".p"}, want: []string{".p/a.rego"}},
		"nothing of other endings":        {files: map[string]string{"p/a.rego.bak": plainRego, "p/REGO": "x", "p/a.txt": "x"}, want: []string{}},
		"nothing of an empty folder":      {files: map[string]string{"p/.keep": ""}, want: []string{}},
		"a folder that is named by a link": {
			files: map[string]string{"real/a.rego": plainRego, "real/deep/b.rego": otherRego},
			links: map[string]string{"p": "real"}, want: []string{"p/a.rego", "p/deep/b.rego"},
		},
		"a folder behind a link within": {
			files: map[string]string{"p/a.rego": plainRego, "real/b.rego": otherRego},
			links: map[string]string{"p/more": "../real"}, want: []string{"p/a.rego", "p/more/b.rego"},
		},
		"a file behind a link": {files: map[string]string{"p/.keep": "", "b.rego": otherRego}, links: map[string]string{"p/a.rego": "../b.rego"}, want: []string{"p/a.rego"}},
		"a folder once, though links lead round in circles": {
			files: map[string]string{"p/x/a.rego": plainRego}, links: map[string]string{"p/x/up": "..", "p/y": "x"}, want: []string{"p/x/a.rego"},
		},
		"as a cluster mounts it": { // a volume of a ConfigMap
			files: map[string]string{"p/..2026/a.rego": plainRego}, links: map[string]string{"p/..data": "..2026", "p/a.rego": "..data/a.rego"}, want: []string{"p/a.rego"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := below(t, c.files)
			link(t, root, c.links)
			if c.paths == nil {
				c.paths = []string{"p"}
			}
			sources, problems := Read(Params{Paths: rooted(root, c.paths), OPA: true})
			if got := shown(root, sources.Modules); !slices.Equal(got, c.want) || len(problems) > 0 {
				t.Errorf("got %q, %v, want %q", got, problems, c.want)
			}
		})
	}
}

func TestWhereDataStands(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		paths []string
		given string
		want  string
	}{
		"at the top, where its folder was named": {files: map[string]string{"p/data.json": `{"a": 1}`}, want: `{"a":1}`},
		"under the names of its folders":         {files: map[string]string{"p/x/y/data.yml": "a: 1"}, want: `{"x":{"y":{"a":1}}}`},
		"a value other than an object, below a folder": {
			files: map[string]string{"p/hosts/data.yaml": "[a, b]"}, want: `{"hosts":["a","b"]}`,
		},
		"at the top, where the file itself was named":  {files: map[string]string{"p/x/data.json": `{"a": 1}`}, paths: []string{"p/x/data.json"}, want: `{"a":1}`},
		"merged, where two files are of one object":    {files: map[string]string{"p/data.json": `{"x": {"a": 1}}`, "p/x/data.yaml": "b: 2"}, want: `{"x":{"a":1,"b":2}}`},
		"merged, where two sources are of one object":  {files: map[string]string{"p/data.json": `{"x": {"a": 1}}`, "q/data.json": `{"x": {"b": 2}}`}, paths: []string{"p", "q"}, want: `{"x":{"a":1,"b":2}}`},
		"merged with what the request gives":           {files: map[string]string{"p/data.json": `{"x": {"a": 1}}`}, given: `{"x": {"b": 2}}`, want: `{"x":{"a":1,"b":2}}`},
		"with every digit of its numbers":              {files: map[string]string{"p/data.json": `{"n": 12345678901234567890.125}`, "p/x/data.yaml": "n: 9007199254740993"}, given: `{"m": 98765432109876543210}`, want: `{"m":98765432109876543210,"n":12345678901234567890.125,"x":{"n":9007199254740993}}`},
		"not from files that only begin like it":       {files: map[string]string{"p/data.json.bak": `{"a": 1}`, "p/mydata.json": `{"a": 1}`}, want: `{}`},
		"not from hidden folders":                      {files: map[string]string{"p/.x/data.json": `{"a": 1}`}, want: `{}`},
		"an object that is empty clashes with nothing": {files: map[string]string{"p/data.json": `{"x": {}}`, "p/x/data.json": `{}`}, want: `{"x":{}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := below(t, c.files)
			if c.paths == nil {
				c.paths = []string{"p"}
			}
			sources, problems := Read(Params{Paths: rooted(root, c.paths), OPA: true, Data: json.RawMessage(c.given)})
			if got, _ := json.Marshal(sources.Data); string(got) != c.want || len(problems) > 0 {
				t.Errorf("got %s, %v, want %s", got, problems, c.want)
			}
		})
	}
}

func TestWhatIsSwitchedOffIsNotLoaded(t *testing.T) {
	root := below(t, map[string]string{"p/a.rego": otherRego, "p/t.yaml": trial.Template, "p/c.yaml": trial.Constraint, "p/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"})
	inline := Inline{File: "c.yaml", Line: 4, Column: 2, Text: "package inline\nimport rego.v1\ndeny contains 1 if false\n", Name: "mine", Severity: "low"}
	for name, c := range map[string]struct {
		opa, gatekeeper bool
		want            []string
		modules         int
		objects         int
	}{
		"both are loaded":                       {true, true, []string{"gatekeeper", "opa", "opa"}, 2, 2},
		"plain policies alone, inline ones too": {true, false, []string{"opa", "opa"}, 2, 0},
		"constraints alone, and no examples":    {false, true, []string{"gatekeeper"}, 0, 2},
		"nothing at all":                        {false, false, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			params := Params{Paths: []string{filepath.Join(root, "p")}, Modules: []Inline{inline}, OPA: c.opa, Gatekeeper: c.gatekeeper}
			_, policies, problems := Load(t.Context(), params)
			var engines []string
			for _, p := range policies {
				engines = append(engines, p.Engine)
			}
			if slices.Sort(engines); !slices.Equal(engines, c.want) || len(problems) > 0 {
				t.Errorf("got %q, want %q: %v", engines, c.want, problems)
			}
			if sources, _ := Read(params); len(sources.Modules) != c.modules || len(sources.Objects) != c.objects {
				t.Errorf("read %d modules and %d objects, want %d and %d", len(sources.Modules), len(sources.Objects), c.modules, c.objects)
			}
		})
	}
}

func TestWhatConfigurationSaysOfAnInlinePolicyHolds(t *testing.T) {
	inline := Inline{File: "c.yaml", Line: 14, Column: 9, Text: "package custom\nimport rego.v1\ndeny contains 1 if false\n", Name: "mine", Severity: "high"}
	_, policies, problems := Load(t.Context(), Params{Modules: []Inline{inline}, OPA: true})
	if len(problems) > 0 || len(policies) != 1 {
		t.Fatal(policies, problems)
	}
	if p := policies[0]; p.Name != "mine" || p.Severity != "high" || p.File != "c.yaml" || p.Line != 14 {
		t.Errorf("%+v", p)
	}
	inline.Text = "package custom\nimport rego.v1\ndeny contains 1 if {\n"
	if _, _, problems = Load(t.Context(), Params{Modules: []Inline{inline}, OPA: true}); len(problems) == 0 || problems[0].File != "c.yaml" || problems[0].Line < 14 {
		t.Errorf("the mistake is not placed in the configuration: %+v", problems)
	}
}

func TestSeveritiesAreThoseThatConstraintsState(t *testing.T) {
	stated := strings.Replace(trial.Constraint, "{name: none}", `{name: none, annotations: {"gatekeeper.attest.continuu.ms/severity": High}}`, 1)
	for text, want := range map[string]string{trial.Constraint: "", stated: "high"} {
		root := below(t, map[string]string{"t.yaml": trial.Template, "c.yaml": text})
		set, policies, problems := Load(t.Context(), Params{Paths: []string{root}, Gatekeeper: true})
		if len(policies) != 1 || !reflect.DeepEqual(set.Severities, map[string]string{policies[0].Name: want}) {
			t.Errorf("%v %v %v", policies, set.Severities, problems)
		}
	}
}

func TestTestsAreCompiledWithTheirPoliciesLibrariesAndData(t *testing.T) {
	root := below(t, map[string]string{"p/a.rego": plainRego, "p/a_test.rego": "package a_test", "lib/l.rego": libRego, "lib/l_test.rego": "package lib_test", "p/limits/data.json": `{"few": 2}`})
	inline := Inline{File: root + "/c.yaml", Text: "package inline"}
	params := Params{Paths: rooted(root, []string{"p"}), Libraries: rooted(root, []string{"lib"}), Modules: []Inline{inline}}
	modules, data, problems := Testable(params)
	if got, want := shown(root, modules), []string{"c.yaml", "lib/l.rego", "lib/l_test.rego", "p/a.rego", "p/a_test.rego"}; !slices.Equal(got, want) || len(problems) > 0 {
		t.Errorf("got %q, %v, want %q", got, problems, want)
	}
	if text, _ := json.Marshal(data); string(text) != `{"limits":{"few":2}}` {
		t.Errorf("%s", text)
	}
	for _, m := range modules {
		if m.Library != strings.Contains(m.File, "/lib/") {
			t.Errorf("`%s` is a library: %v", m.File, m.Library)
		}
	}
}

func TestModulesAreTheFilesThatAreNamedAndTheirLibraries(t *testing.T) {
	root := below(t, map[string]string{"a.rego": plainRego, "a_test.rego": "package a_test", "lib/l.rego": libRego, "lib/l_test.rego": "package lib_test"})
	modules, problems := Modules(rooted(root, []string{"a.rego", "a_test.rego"}), rooted(root, []string{"lib"}), nil)
	if got, want := shown(root, modules), []string{"a.rego", "a_test.rego", "lib/l.rego"}; !slices.Equal(got, want) || len(problems) > 0 {
		t.Errorf("got %q, %v, want %q", got, problems, want)
	}
	if _, problems = Modules(rooted(root, []string{"gone.rego"}), rooted(root, []string{"none"}), nil); len(problems) != 2 || !model.HasErrors(problems) {
		t.Errorf("what is missing is not told: %v", problems)
	}
}
