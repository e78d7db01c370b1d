package validate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/trial"
)

const (
	goodRego   = "package a\nimport rego.v1\ndeny contains \"no\" if input.resource.kind == \"Pod\"\n"
	otherRego  = "package c\nimport rego.v1\ndeny contains \"no\" if input.resource.kind == \"Job\"\n"
	brokenRego = "package b\nimport rego.v1\ndeny contains \"no\" if {\n"
	pod        = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
)

// told are problems in one line each: place relative to a folder, and message.
func told(root string, problems []model.Problem) []string {
	out := []string{}
	for _, p := range problems {
		file := filepath.ToSlash(strings.TrimPrefix(p.File, root+string(filepath.Separator)))
		out = append(out, fmt.Sprintf("%s:%d:%d %s: %s", file, p.Line, p.Column, p.Severity, p.Message))
	}
	return out
}

func input(text string) Params { return Params{Inputs: []Text{{File: "in.yaml", Text: text}}} }

func TestMetadataIsCheckedAsAnAPIServerWould(t *testing.T) {
	cases := map[string]struct{ metadata, want string }{
		"a name":                                  {`{name: web}`, ""},
		"a name that the API server makes":        {`{generateName: web-}`, ""},
		"no name":                                 {`{namespace: a}`, "3:1 error: the resource has no `metadata.name`"},
		"an empty name":                           {`{name: ""}`, "3:12 error: the resource has no `metadata.name`"},
		"an empty name beside one that is made":   {`{name: "", generateName: web-}`, ""},
		"a name with colons, as a role may have":  {`{name: "system:node"}`, ""},
		"a name that is a way up":                 {`{name: ".."}`, "3:12 error: `..` is no name"},
		"a name that is the folder itself":        {`{name: "."}`, "3:12 error: `.` is no name"},
		"a name with a slash":                     {`{name: a/b}`, "3:12 error: `a/b` is no name"},
		"a name with a percent sign":              {`{name: a%b}`, "3:12 error: `a%b` is no name"},
		"a namespace":                             {`{name: a, namespace: prod}`, ""},
		"a namespace of null":                     {`{name: a, namespace: null}`, ""},
		"an empty namespace":                      {`{name: a, namespace: ""}`, ""},
		"a namespace in capitals":                 {`{name: a, namespace: Prod}`, "3:21 error: `Prod` is no valid namespace"},
		"a namespace of 64 characters":            {`{name: a, namespace: ` + strings.Repeat("n", 64) + `}`, "3:21 error: `nnn"},
		"labels and annotations":                  {`{name: a, labels: {a.b/c: d}, annotations: {e.f/G: "any thing\n"}}`, ""},
		"labels of null":                          {`{name: a, labels: null}`, ""},
		"a label with a prefix in capitals":       {`{name: a, labels: {A.B/c: d}}`, ""},
		"a label of 63 characters":                {`{name: a, labels: {a: ` + strings.Repeat("v", 63) + `}}`, ""},
		"a label of 64 characters":                {`{name: a, labels: {a: ` + strings.Repeat("v", 64) + `}}`, "3:30 error: `vvv"},
		"a label with a space":                    {`{name: a, labels: {a: "b c"}}`, "3:30 error: `b c` is no valid label value"},
		"a key with a space":                      {`{name: a, labels: {"a b": c}}`, "3:30 error: `a b` is no valid key"},
		"an annotation whose key has two slashes": {`{name: a, annotations: {a/b/c: d}}`, "3:35 error: `a/b/c` is no valid key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := Run(t.Context(), input("apiVersion: v1\nkind: Pod\nmetadata: "+c.metadata+"\n"))
			got := told("", result.Problems)
			if c.want == "" && len(got) == 0 && result.Resources == 1 {
				return
			}
			if c.want == "" || len(got) != 1 || !strings.HasPrefix(got[0], "in.yaml:"+c.want) {
				t.Errorf("got %q of %d resources, want %q", got, result.Resources, c.want)
			}
			for _, p := range result.Problems {
				if p.Hint == "" || p.Code != "manifest_invalid" || !strings.HasPrefix(p.Resource, "Pod/") || p.EndLine != p.Line || p.EndColumn < p.Column {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

func TestWhatHasNoShapeOfAResourceIsAnError(t *testing.T) {
	cases := map[string]string{
		"no metadata":                    "apiVersion: v1\nkind: Pod\n",
		"metadata of null":               "apiVersion: v1\nkind: Pod\nmetadata: null\n",
		"metadata that is a list":        "apiVersion: v1\nkind: Pod\nmetadata: [a]\n",
		"a name that is a number":        "apiVersion: v1\nkind: Pod\nmetadata: {name: 1}\n",
		"a namespace that is a list":     "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: [b]}\n",
		"labels that are a list":         "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: [b]}\n",
		"a label that is a number":       "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {b: 1}}\n",
		"annotations that are a text":    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: b}\n",
		"an annotation that is a number": "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {b: 1}}\n",
		"YAML that is none":              "a: [\n",
		"a key that stands twice":        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nmetadata: {name: b}\n",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			result := Run(t.Context(), input(text))
			if len(result.Problems) == 0 || result.Problems[0].File != "in.yaml" || result.Problems[0].Line == 0 {
				t.Errorf("got %q", told("", result.Problems))
			}
		})
	}
}

func TestProblemsCountFilesPoliciesAndResources(t *testing.T) {
	cases := map[string]struct {
		files                    map[string]string
		paths                    []string // all files by default
		links                    map[string]string
		counted, found, policies int
		problems, skipped        int
	}{
		"nothing":                {},
		"a policy":               {files: map[string]string{"a.rego": goodRego}, counted: 1, policies: 1},
		"a policy that is named": {files: map[string]string{"a.rego": goodRego, "b.rego": brokenRego}, paths: []string{"a.rego"}, counted: 1, policies: 1},
		"a policy below folders, hidden ones too": {files: map[string]string{"x/.attest/a.rego": goodRego}, counted: 1, policies: 1},
		"a policy behind a link": {
			files: map[string]string{"real/a.rego": goodRego}, links: map[string]string{"link": "real"}, paths: []string{"link"}, counted: 1, policies: 1,
		},
		"a policy that can't be parsed":                {files: map[string]string{"b.rego": brokenRego}, counted: 1, problems: 1},
		"tests, which are no policies":                 {files: map[string]string{"a_test.rego": "package a_test\nimport rego.v1\ntest_a if true\n"}, counted: 1},
		"two resources in one file":                    {files: map[string]string{"a.yaml": pod + "---\n" + pod}, counted: 1, found: 2},
		"a document that is no resource":               {files: map[string]string{"a.yaml": "replicas: 2\n"}, counted: 1, skipped: 1},
		"a folder of another tool":                     {files: map[string]string{"node_modules/a.yaml": "a: [\n", "b.yaml": pod}, counted: 1, found: 1, skipped: 1},
		"a template and its constraint":                {files: map[string]string{"t.yaml": trial.Template, "c.yaml": trial.Constraint}, counted: 2, policies: 1},
		"a template without any constraint":            {files: map[string]string{"t.yaml": trial.Template}, counted: 1},
		"a constraint without its template":            {files: map[string]string{"c.yaml": trial.Constraint}, counted: 1, problems: 1},
		"a template whose Rego can't be parsed":        {files: map[string]string{"t.yaml": strings.Replace(trial.Template, "{ input", "{{ input", 1)}, counted: 1, problems: 1},
		"a path that is not there, which is told once": {paths: []string{"none"}, problems: 1},
		"a module that is not there":                   {paths: []string{"none.rego"}, counted: 1, problems: 1},
		"an archive that is none":                      {files: map[string]string{"a.tar.gz": "x"}, paths: []string{"a.tar.gz"}, problems: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := trial.Folder(t, c.files)
			for name, target := range c.links {
				if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
					t.Skip("no links here: ", err)
				}
			}
			params := Params{Paths: []string{root}}
			if c.paths != nil {
				params.Paths = nil
				for _, path := range c.paths {
					params.Paths = append(params.Paths, filepath.Join(root, path))
				}
			}
			r := Run(t.Context(), params)
			got := []int{r.Files, r.Resources, len(r.Policies), len(r.Problems), len(r.Skipped)}
			if want := []int{c.counted, c.found, c.policies, c.problems, c.skipped}; !slices.Equal(got, want) {
				t.Errorf("files, resources, policies, problems, skipped: got %v, want %v: %q", got, want, told(root, r.Problems))
			}
		})
	}
}

func TestArchivesAreValidatedAsFoldersAre(t *testing.T) {
	root := trial.Folder(t, map[string]string{"p/a.rego": goodRego, "p/t.yaml": trial.Template, "p/c.yaml": trial.Constraint, "p/data.json": `{"x": 1}`})
	archive := filepath.Join(root, "p.tar.gz")
	if _, problems := bundle.Build(bundle.BuildParams{Paths: []string{filepath.Join(root, "p")}, Output: archive}); problems != nil {
		t.Fatal(problems)
	}
	for name, paths := range map[string][]string{"alone": {archive}, "beside a file": {archive, filepath.Join(root, "more.yaml")}} {
		trial.Files(t, root, map[string]string{"more.yaml": pod})
		r := Run(t.Context(), Params{Paths: paths})
		if len(r.Policies) != 2 || r.Files != 2+len(paths) || r.Resources != len(paths)-1 || len(r.Problems) > 0 {
			t.Errorf("%s: %d policies, %d files, %d resources, %q", name, len(r.Policies), r.Files, r.Resources, told(root, r.Problems))
		}
	}
	unsigned := Run(t.Context(), Params{Paths: []string{archive}, Verification: &bundle.Verification{Keys: "no key", File: "key.pem"}})
	if len(unsigned.Problems) != 1 || len(unsigned.Policies) != 0 || unsigned.Files != 0 {
		t.Errorf("an archive that is not verified was looked at: %+v", unsigned)
	}
}

func TestLibrariesAreKnownButNotValidated(t *testing.T) {
	root := trial.Folder(t, map[string]string{"lib/l.rego": "package lib\nimport rego.v1\nhelp if input.a\n", "a.rego": "package a\nimport rego.v1\nimport data.lib\ndeny contains 1 if lib.help\n"})
	r := Run(t.Context(), Params{Paths: []string{filepath.Join(root, "a.rego")}, Libraries: []string{filepath.Join(root, "lib")}})
	if r.Files != 1 || len(r.Policies) != 1 || len(r.Problems) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestProblemsAreInTheOrderOfFileLineAndColumn(t *testing.T) {
	bad := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a/b\n  namespace: X\n  labels: {\"a b\": \"c d\", \"e f\": g}\n"
	params := Params{Inputs: []Text{{"z.yaml", bad}, {"b.yaml", "a: [\n"}, {"a.yaml", bad + "---\n" + bad}}}
	got := told("", Run(t.Context(), params).Problems)
	var places []string
	for _, line := range got {
		places = append(places, strings.Fields(line)[0])
	}
	want := []string{
		"a.yaml:4:3", "a.yaml:5:3", "a.yaml:6:12", "a.yaml:6:12", "a.yaml:6:26", "a.yaml:11:3", "a.yaml:12:3", "a.yaml:13:12", "a.yaml:13:12", "a.yaml:13:26",
		"b.yaml:2:1", "z.yaml:4:3", "z.yaml:5:3", "z.yaml:6:12", "z.yaml:6:12", "z.yaml:6:26",
	}
	if !slices.Equal(places, want) {
		t.Errorf("got  %q\nwant %q", places, want)
	}
}

func TestAMessageIsOneLineHoweverTheUsersTextIs(t *testing.T) {
	for name, text := range map[string]string{
		"a key":        `{name: a, labels: {"b\nc d": e}}`,
		"a value":      `{name: a, labels: {b: "c\n\e[31md"}}`,
		"a field":      "{name: a}\n\"s\\npec\": {}",
		"a long value": `{name: a, labels: {b: "` + strings.Repeat("c", 100_000) + `"}}`,
	} {
		r := Run(t.Context(), Params{Inputs: []Text{{"a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: " + text + "\n"}}})
		if len(r.Problems) != 1 || strings.ContainsAny(r.Problems[0].Message, "\n\x1b") || len(r.Problems[0].Message) > 500 {
			t.Errorf("%s: %.400q", name, told("", r.Problems))
		}
	}
}

func TestATextOfAnySortIsAnsweredAndCounted(t *testing.T) {
	answered := func(text string, name string) bool {
		manifest := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %q, labels: {%q: %q}}\n", name, name, text)
		r := Run(context.Background(), Params{Inputs: []Text{{"a.yaml", text}, {"b.yaml", manifest}}})
		return r.Files == 2 && r.Resources <= 1 && !slices.ContainsFunc(r.Problems, func(p model.Problem) bool {
			return p.File == "" || p.Message == "" || strings.Contains(p.Message, "\n")
		})
	}
	trial.Law(t, answered)
}

func TestManifestsAreHeldToTheTypesOfKubernetesAndOfTheirDefinitions(t *testing.T) {
	crd := `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}
`
	shop := "apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: a}\nspec:\n  siez: 1\n  size: x\n"
	for name, test := range map[string]struct {
		texts []string
		want  []string
	}{
		"a field of a Pod":      {[]string{pod + "spec:\n  contianers: []\n"}, []string{"f0:5:3 error: `spec` has no field `contianers`"}},
		"a label that is told":  {[]string{"apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {b: 1}}\n"}, []string{"f0:3:30 error: `metadata.labels.b` must be a string"}},
		"a custom resource":     {[]string{shop, crd}, []string{"f0:5:3 error: `spec` has no field `siez`", "f0:6:3 error: `spec.size`: Invalid value: \"string\""}},
		"one nobody defines":    {[]string{shop}, nil},
		"a definition in error": {[]string{strings.Replace(crd, "openAPIV3Schema", "openAPIV3Scheme", 1)}, []string{"f0:9:54 error: `spec.versions[0].schema` has no field `openAPIV3Scheme`"}},
	} {
		t.Run(name, func(t *testing.T) {
			var params Params
			for i, text := range test.texts {
				params.Inputs = append(params.Inputs, Text{File: fmt.Sprintf("f%d", i), Text: text})
			}
			got := told("", Run(t.Context(), params).Problems)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got %q", got)
			}
		})
	}
	old := Params{Inputs: []Text{{File: "f", Text: "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"}}}
	for version, problems := range map[string]int{"": 1, "1.24": 0, "1.25": 1, "newest": 1} {
		old.Kubernetes = version
		if got := Run(t.Context(), old).Problems; len(got) != problems || version == "newest" && got[0].Code != "kubernetes_version" {
			t.Errorf("%s: %+v", version, got)
		}
	}
}

func TestPublishedManifestsFitTheirTypes(t *testing.T) {
	shared := os.Getenv("ATTEST_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	corpus := filepath.Join(shared, "corpus")
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("no corpus of manifests at %s: set ATTEST_SHARED", corpus)
	}
	outdated := 0
	for _, p := range Run(t.Context(), Params{Paths: []string{corpus}}).Problems {
		switch {
		case p.Code != "manifest_schema":
		case strings.Contains(p.File, "_archived"): // each was looked at: they are gone, or have typing errors
			outdated++
		default:
			t.Errorf("%s:%d:%d %s (%s)", p.File, p.Line, p.Column, p.Message, p.Hint)
		}
	}
	if outdated != 18 {
		t.Errorf("%d errors in what is archived", outdated)
	}
}

func TestExamplesThatAreMeantToFailMayBeWrong(t *testing.T) {
	const wrong = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  contianers: []\n"
	for name, problems := range map[string]int{
		"p/examples/a/fail/x.yaml": 0, "p/examples/a/pass/x.yaml": 1, "q/examples/a/fail/x.yaml": 1, "p/fail/x.yaml": 1,
		"p/examples/fail/x.yaml": 1,
	} {
		root := trial.Folder(t, map[string]string{"p/p.rego": goodRego, name: wrong})
		if result := Run(t.Context(), Params{Paths: []string{root}}); len(result.Problems) != problems || result.Resources != 1 {
			t.Errorf("%s: %d resources, %q", name, result.Resources, told(root, result.Problems))
		}
	}
}

func TestDataDocumentsOfPoliciesAreValidated(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		want  []string
	}{
		"beside a policy":                       {map[string]string{"p/a.rego": goodRego, "p/data.json": "{"}, []string{"p/data.json:"}},
		"above a policy":                        {map[string]string{"p/x/a.rego": goodRego, "p/data.json": "{"}, []string{"p/data.json:"}},
		"below a policy":                        {map[string]string{"p/a.rego": goodRego, "p/x/y/data.json": "{", "p/x/z/data.json": "{}"}, []string{"p/x/y/data.json:"}},
		"not where no policy is above or below": {map[string]string{"p/a.rego": goodRego, "q/data.json": `{"x": 1}`, "q/x/data.json": `{"y": 1}`}, nil},
		"not without a policy":                  {map[string]string{"q/data.json": `{"x": 1}`, "q/x/data.json": `{"y": 1}`}, nil},
		"a policy that is sound":                {map[string]string{"p/a.rego": goodRego, "p/data.json": `{"x": 1}`}, nil},
		"two files of one value":                {map[string]string{"p/a.rego": goodRego, "p/data.json": `{"x": 1}`, "p/x/data.json": `{"y": 1}`}, []string{"p/x/data.json:"}},
		"the document of evidence":              {map[string]string{"p/a.rego": goodRego, "attest/evidence/data.json": "{}", "data.json": `{"attest": {"evidence": {}}}`}, []string{"data.json:"}},
		"what does not parse, once":             {map[string]string{"p/a.rego": goodRego, "p/data.yaml": "a: [\n"}, []string{"p/data.yaml:"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := trial.Folder(t, c.files)
			got := told(root, Run(t.Context(), Params{Paths: []string{root}}).Problems)
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPatchesOfKustomizationsNeedNotBeWhole(t *testing.T) {
	const kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [base.yaml]\npatches: [{path: patch.yaml}]\n"
	const base = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: a}]\n"
	cases := map[string]struct {
		patch string
		want  []string
	}{
		"a container without an image": {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, tty: true}]\n", nil},
		"what kustomize takes out":     {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, $patch: delete}]\n", nil},
		"a field that is none":         {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  contianers: []\n", []string{"patch.yaml:5:3"}},
		"a value of another type":      {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: 1\n", []string{"patch.yaml:5:3"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := trial.Folder(t, map[string]string{"kustomization.yaml": kustomization, "base.yaml": base, "patch.yaml": c.patch})
			got := told(root, Run(t.Context(), Params{Paths: []string{root}}).Problems)
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsLeftOutIsNotValidated(t *testing.T) {
	rule := func(pattern, regex string) load.Rule {
		return load.Rule{Pattern: pattern, Regex: regex, Matches: true, From: "exclude"}
	}
	generated := []load.Rule{rule("gen/", "(^|/)gen/"), rule("*.bad", `\.bad\.(rego|yaml)$`)}
	cases := map[string]struct {
		files map[string]string
		links map[string]string
		below string
		want  int // files that are looked at
	}{
		"a folder":                        {files: map[string]string{"a.rego": goodRego, "gen/b.rego": brokenRego, "gen/c.yaml": "a: [\n"}, want: 1},
		"a folder below others":           {files: map[string]string{"a.rego": goodRego, "x/gen/b.rego": brokenRego}, want: 1},
		"files":                           {files: map[string]string{"a.rego": goodRego, "a.bad.rego": brokenRego, "a.bad.yaml": "a: [\n"}, want: 1},
		"what another name leads to":      {files: map[string]string{"a.rego": goodRego, "real/gen/b.rego": brokenRego}, links: map[string]string{"link": "real"}, want: 1},
		"a link of such a name":           {files: map[string]string{"x/a.rego": goodRego, "y/b.rego": otherRego}, links: map[string]string{"x/gen": "../y"}, below: "x", want: 1},
		"not the folder that was named":   {files: map[string]string{"gen/b.rego": goodRego}, below: "gen", want: 1},
		"still what is below it, by name": {files: map[string]string{"gen/b.rego": goodRego, "gen/a.bad.rego": brokenRego}, below: "gen", want: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := trial.Folder(t, c.files)
			for name, target := range c.links {
				if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
					t.Skip("no links here: ", err)
				}
			}
			leaving := load.LeaveOut{Filters: []load.Filter{{Base: root, Exclude: generated}}}
			r := Run(t.Context(), Params{Paths: []string{filepath.Join(root, c.below)}, LeaveOut: leaving})
			if r.Files != c.want || len(r.Problems) > 0 {
				t.Errorf("looked at %d files, want %d: %q", r.Files, c.want, told(root, r.Problems))
			}
		})
	}
}

func TestAPatternThatCanNotBeUsedIsAnError(t *testing.T) {
	leaving := load.LeaveOut{Filters: []load.Filter{{Base: "/", Exclude: []load.Rule{{Pattern: "[", Regex: "["}}}}}
	r := Run(t.Context(), Params{Inputs: []Text{{"a.yaml", pod}}, LeaveOut: leaving})
	if len(r.Problems) != 1 || r.Problems[0].Code != "bad_pattern" || !strings.Contains(r.Problems[0].Message, "`[`") || r.Resources != 1 {
		t.Errorf("%q, %d resources", told("", r.Problems), r.Resources)
	}
}
