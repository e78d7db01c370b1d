package load

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/trial"
)

// Parts of files that a reader may get wrong, or that may lead it to think that a file is something else.
var (
	fileNames = []string{"x.yaml", "x.yaml", "x.json", "values.yaml", "kustomization.yaml", "Chart.yaml", "x.yaml.gotmpl", "templates/x.yaml"}
	lures     = []string{
		"# {{- x }}\n", "{{- if .Values.x }}\n", "{{- end }}\n", "a: {{ .Values.x }}\n", "a: '{{ x }}'\n", "# {{/*\n", "# */}}\n", "{{/*\n", "*/}}\n",
		"// c\n", "/* c */", "# apiVersion: v1\n", "%YAML 1.1\n", "# {{- `\n", "b: \"{{ `\n", "c: '` }}'\n", "{{ include \"a\" . }}\n",
	}
	separators = []string{
		"---\n", "---\n", "---\n", "--- # c\n", "---\r\n", "---", "--- {{ x }}\n", "----\n", "...\n", "\n---\n", " ---\n", "---\t\n", "\ufeff", "\n\n",
		strings.Repeat(" ", 4100), "\u00a0", "\u0085", "\n ---\n---\n",
	}
	odd = []string{
		"a: {1: a, \"1\": b}\n", "1.5: a\n'1.5': b\n", "a: [1e-400, 1e400, 0x1F, 017, 0o17, 1_000, -0, -0.0]\n", "b: 123456789012345678901234567890\n",
		"a: .inf\n", "a: !!binary aGk=\n", "a: 2001-01-01\n", "a: yes\n", "~: 1\n", "a: &a [x]\nb: *a\n", "a: *b\n", "<<: {kind: Pod, apiVersion: v1}\n",
		"a: \"\\u00e9\\x41\"\n", "a: x\x00y\n", "a: \xff\n", "\tb: 1\n", "a: |\n  ---\n  x\n", "a: \"\n---\n\"\n", "a: b: c\n", "a: [\n", "a: 'x\n", "kind: [Pod]\n",
		"metadata: {name: 5}\n", "metadata: {labels: {a: 1}}\n", "items: [{apiVersion: v1, kind: Secret}]\n", "items:\n", "items: []\n", "items: [{a: 1}, null, x]\n",
		"a: " + strings.Repeat("x", 5000) + "\n", "kind: ''\n", "? kind\n: Pod\n", "a:\u00a0x\n", "a: x # {{\n", "\"kind\": \"P\\\n  od\"\n",
	}
	whole = []string{
		"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", "kind: Pod\napiVersion: v1\n", "kind: Pod\n", "apiVersion: v1\nmetadata: {name: p}\n", "replicas: 1\n",
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"n":[1e-400,1.0,-0,12345678901234567890]}` + "\n", `{"a":1}`, "{a: 1, kind: Pod}\n",
		`{"apiVersion":"v1","kind":"Pod","n":1e400}`, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",}\n", "[1]\n", "null\n", "5\n", "text\n", "- kind: Pod\n", "{{ x }}\n",
		"apiVersion: v1\nkind: List\n", "apiVersion: apps/v1\nkind: DeploymentList\n", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
		"apiVersion: v1\nkind: Pod\nitems: [{metadata: {name: q}}]\n",
	}
)

// randomFile makes a file of documents, or changes one that people wrote.
func randomFile(random *rand.Rand, corpus []string) string {
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	var text strings.Builder
	if len(corpus) > 0 && random.IntN(3) == 0 {
		seed := pick(corpus)
		for range 1 + random.IntN(2) {
			cut := random.IntN(len(seed) + 1)
			rest := min(len(seed), cut+random.IntN(4))
			seed = seed[:cut] + pick([][]string{lures, separators, odd, whole, pieces}[random.IntN(5)]) + seed[rest:]
		}
		return seed
	}
	for range 1 + random.IntN(3) {
		if random.IntN(4) == 0 {
			text.WriteString(pick(lures))
		}
		text.WriteString(pick(whole))
		for range random.IntN(2) {
			text.WriteString(pick([][]string{lures, odd, odd, pieces}[random.IntN(4)]))
		}
		text.WriteString(pick(separators))
	}
	switch random.IntN(40) {
	case 0:
		return strings.ReplaceAll(text.String(), "\n", "\r\n")
	case 1:
		return "\xfe\xff" + utf16(text.String(), false)
	case 2:
		return "\xff\xfe" + utf16(text.String(), true)
	}
	return text.String()
}

// smallFiles are those of the corpus that are worth changing; none where it is absent.
func smallFiles(t *testing.T) (texts []string) {
	t.Helper()
	for _, source := range corpusIfThere() {
		if raw, err := os.ReadFile(source.Path); err == nil && len(raw) < 20_000 {
			texts = append(texts, string(raw))
		}
	}
	return texts
}

// TestRandomFilesAreWhatKubectlMakesOfThem takes the number of files from ATTEST_FUZZ_FILES.
func TestRandomFilesAreWhatKubectlMakesOfThem(t *testing.T) {
	seed, files := trial.Seed(t), 2_000
	if !testing.Short() {
		files = 60_000
	}
	if given, err := strconv.Atoi(os.Getenv("ATTEST_FUZZ_FILES")); err == nil {
		files = given
	}
	random := rand.New(rand.NewPCG(seed, 0))
	corpus := smallFiles(t)
	outcomes := map[string]int{}
	for i := range files {
		text, name := randomFile(random, corpus), fileNames[random.IntN(len(fileNames))]
		if err := sameAsKubectl(name, text); err != nil {
			t.Fatalf("file %d of seed %d, %s: %v\n%q", i, seed, name, err, text)
		}
		for _, document := range Read(Source{Path: name, Text: []byte(text)}, Limits{}).Documents {
			kind := document.Resource.Kind
			if !strings.ContainsAny(kind, " \n") && !MayHold(&Source{Path: name, Text: []byte(text)}, []string{"No", kind}, Limits{}) {
				t.Fatalf("file %d of seed %d, %s, seems to hold no %s\n%q", i, seed, name, kind, text)
			}
		}
		outcomes[outcomeOf(name, text)]++
	}
	t.Log(outcomes)
	for _, outcome := range []string{"judged", "skipped", "refused"} {
		if outcomes[outcome] < files/50 {
			t.Errorf("only %d of %d files are %s", outcomes[outcome], files, outcome)
		}
	}
}

func outcomeOf(name, text string) string {
	switch file := Read(Source{Path: name, Text: []byte(text)}, Limits{}); {
	case len(file.Problems) > 0:
		return "refused"
	case len(file.Documents) > 0:
		return "judged"
	case len(file.Skipped) > 0:
		return "skipped"
	}
	return "empty"
}

// TestATemplateOfAChartHidesNothing reads random files where they stand in a chart.
func TestATemplateOfAChartHidesNothing(t *testing.T) {
	root := folder(t, map[string]string{"Chart.yaml": "name: x\n", "templates/": ""})
	path := filepath.Join(root, "templates", "x.yaml")
	random := rand.New(rand.NewPCG(12, 0))
	excused := 0
	for range 400 {
		text := randomFile(random, nil)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		objects, _ := kubectlObjects(text)
		file := Read(Source{Path: path}, Limits{})
		if len(file.Problems) > 0 {
			continue
		}
		if len(file.Documents) < len(objects) {
			t.Fatalf("%d of %d objects are judged\n%s\n%q", len(file.Documents), len(objects), summary(file), text)
		}
		excused += min(len(file.Skipped), 1)
	}
	if excused < 8 {
		t.Errorf("only %d files are excused", excused)
	}
}

func FuzzFile(f *testing.F) {
	for _, test := range hiddenDocuments {
		f.Add(test.file, test.text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		if err := sameAsKubectl(fmt.Sprint(name, ".yaml"), text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
