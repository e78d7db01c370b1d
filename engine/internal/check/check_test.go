package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

const unnamed = `package demo
violation contains {"msg": input.resource.metadata.name, "path": "/metadata/name"} if input.resource.data.bad
warn contains "careful" if input.resource.data.careful
`

func TestInOrderDeliversInOrderWhoeverFinishesFirst(t *testing.T) {
	for _, n := range []int{0, 1, 7, window, 3*window + 1} {
		var got []int
		inOrder(context.Background(), n, 4, func() func(int) int {
			return func(i int) int { return i }
		}, func(i int) bool {
			got = append(got, i)
			return true
		})
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("n=%d: %v", n, got)
		}
	}
}

func TestInOrderHoldsNoMoreThanAWindow(t *testing.T) {
	var started, delivered atomic.Int64
	inOrder(context.Background(), 4*window, 4, func() func(int) int {
		return func(i int) int {
			if ahead := started.Add(1) - delivered.Load(); ahead > window+1 {
				t.Errorf("%d results ahead", ahead)
			}
			return i
		}
	}, func(int) bool {
		delivered.Add(1)
		return true
	})
}

func TestInOrderStops(t *testing.T) {
	count := 0
	inOrder(context.Background(), 10*window, 4, func() func(int) int { return func(i int) int { return i } }, func(int) bool {
		count++
		return count < 3
	})
	if count != 3 {
		t.Errorf("%d deliveries", count)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	inOrder(ctx, 10*window, 4, func() func(int) int { return func(i int) int { return i } }, func(int) bool { return true })
}

// loadSet compiles policies of a test, each in a file of its own.
func loadSet(t *testing.T, texts ...string) *policyset.Set { return loadFiles(t, ".rego", texts...) }

// loadMixed loads templates and constraints of a test.
func loadMixed(t *testing.T, text string) *policyset.Set { return loadFiles(t, ".yaml", text) }

func loadFiles(t *testing.T, ending string, texts ...string) *policyset.Set {
	t.Helper()
	var paths []string
	for i, text := range texts {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("p%d%s", i, ending))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, _, problems := policyset.Load(context.Background(), policyset.Params{Paths: paths, OPA: true, Gatekeeper: true})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

func configMap(name, key string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  %s: \"1\"\n", name, key)
}

// collect runs a check and returns everything it streamed.
func collect(t *testing.T, set *policyset.Set, params Params) (all Batch, result Result) {
	t.Helper()
	if params.Policies == nil {
		params.Policies = []rego.Selection{{Name: "demo"}}
	}
	result, err := Run(context.Background(), set, params, func(b Batch) error {
		offset := len(all.Resources)
		for _, f := range b.Findings {
			f.Resource += offset
			all.Findings = append(all.Findings, f)
		}
		all.Resources = append(all.Resources, b.Resources...)
		all.Problems = append(all.Problems, b.Problems...)
		all.Checked = append(all.Checked, b.Checked...)
		all.Skipped = append(all.Skipped, b.Skipped...)
		all.Judged += b.Judged
		for kind, number := range b.Unspoken {
			if all.Unspoken == nil {
				all.Unspoken = map[string]int{}
			}
			all.Unspoken[kind] += number
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, result
}

func TestFindingsComeInTheOrderOfTheFilesWithTheirPlace(t *testing.T) {
	folder := t.TempDir()
	for i := range 500 {
		key := "fine"
		if i%7 == 0 {
			key = "bad"
		}
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%03d.yaml", i)), []byte(configMap(fmt.Sprintf("c%d", i), key)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, result := collect(t, loadSet(t, unnamed), Params{Paths: []string{folder}})
	if result.Files != 500 || result.Resources != 500 || len(all.Findings) != 72 {
		t.Fatalf("%+v, %d findings", result, len(all.Findings))
	}
	for i, f := range all.Findings {
		want := fmt.Sprintf("c%d", i*7)
		if f.Message != want || all.Resources[f.Resource].Name != want || f.Location.Line != 4 || f.Location.Path != "/metadata/name" {
			t.Fatalf("finding %d: %+v of %+v", i, f, all.Resources[f.Resource])
		}
	}
}

func TestRulesSayTheirEnforcement(t *testing.T) {
	text := configMap("a", "bad") + "---\n" + configMap("b", "careful")
	all, _ := collect(t, loadSet(t, unnamed), Params{Inputs: []Text{{File: "<stdin>", Text: text}}, Checked: true})
	got := map[string]string{}
	for _, f := range all.Findings {
		got[f.Rule] = f.Enforcement + " " + f.Severity
	}
	if got["violation"] != "strict medium" || got["warn"] != "warn medium" {
		t.Errorf("%v", got)
	}
	if len(all.Checked) != 2 || !slices.Equal(all.Checked[0].Policies, []string{"demo"}) {
		t.Errorf("checked %+v", all.Checked)
	}
}

func TestAnErrorOfTheReceiverEndsTheRun(t *testing.T) {
	gone := errors.New("gone")
	_, err := Run(context.Background(), loadSet(t, unnamed), Params{
		Inputs: []Text{{File: "a", Text: configMap("a", "bad")}}, Policies: []rego.Selection{{Name: "demo"}},
	}, func(Batch) error { return gone })
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestEntriesThatAreNoFindingsAreErrors(t *testing.T) {
	cases := map[string]struct{ rule, said string }{
		"a number":              {`violation contains 7`, "gave number"},
		"an object without msg": {`violation contains {"severity": "high"}`, "without `msg` or `message`"},
		"an unknown severity":   {`violation contains {"msg": "x", "severity": "grave"}`, "`grave` is no severity"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all, _ := collect(t, loadSet(t, "package demo\n"+c.rule), Params{Inputs: []Text{{File: "a", Text: configMap("a", "x")}}})
			if len(all.Findings) != 0 || len(all.Problems) != 1 || all.Problems[0].Severity != model.Error {
				t.Fatalf("%+v", all)
			}
			if !strings.Contains(all.Problems[0].Message, c.said) {
				t.Errorf("%q does not say %q", all.Problems[0].Message, c.said)
			}
		})
	}
}

func TestWhatAnEntrySaysIsRead(t *testing.T) {
	policy := `package demo
violation contains {
	"message": "m", "severity": "High", "violated": true, "fix": "do it", "path": "/data", "more": {"a": 1},
	"details": {"b": [2]},
}
deny := ["one", "two"]
warn if input.resource.kind == "ConfigMap"
`
	all, _ := collect(t, loadSet(t, policy), Params{Inputs: []Text{{File: "a", Text: configMap("a", "x")}}})
	if len(all.Findings) != 4 || len(all.Problems) != 0 {
		t.Fatalf("%+v", all)
	}
	f := all.Findings[0]
	if f.Severity != "high" || f.Fix != "do it" || f.Location.Line != 5 || fmt.Sprint(f.Details) != "map[b:[2] more:map[a:1]]" {
		t.Errorf("%+v", f)
	}
	if all.Findings[3].Message != "`warn` holds" {
		t.Errorf("%+v", all.Findings[3])
	}
}

func TestWhatNoPolicyLooksAtIsCounted(t *testing.T) {
	const namespaces = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n---\n"
	inputs := []Text{{File: "a", Text: namespaces + configMap("a", "x")}, {File: "b", Text: "# nothing\n"}, {File: "c", Text: "replicas: 1\n"}}
	for name, test := range map[string]struct {
		selection rego.Selection
		want      string
	}{
		"a policy that looks at everything":            {rego.Selection{Name: "demo"}, "3 judged, map[]"},
		"a policy that looks at namespaced resources":  {rego.Selection{Name: "demo", Level: "Namespace"}, "3 judged, map[Namespace:2]"},
		"a policy that is not there: nothing is asked": {rego.Selection{Name: "other"}, "3 judged, map[ConfigMap:1 Namespace:2]"},
	} {
		t.Run(name, func(t *testing.T) {
			all, result := collect(t, loadSet(t, unnamed), Params{Inputs: inputs, Policies: []rego.Selection{test.selection}})
			if got := fmt.Sprintf("%d judged, %v", all.Judged, all.Unspoken); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			unspoken := all.Unspoken["Namespace"] + all.Unspoken["ConfigMap"]
			if want := (Result{Files: 3, Resources: 3, Unspoken: unspoken, Skipped: 1}); result != want {
				t.Errorf("answer %+v, want %+v", result, want)
			}
		})
	}
}

const inventoryPolicy = `# METADATA
# custom:
#   inventory: [Secret]
package demo
violation contains {"msg": name} if some name, _ in data.inventory.namespace[_].v1.Secret
`

func secret(name string) string {
	return "apiVersion: v1\nkind:\n  Secret\nmetadata: {name: " + name + ", namespace: x}\n"
}

func TestTheInventoryIsReadAsAWhole(t *testing.T) {
	for name, test := range map[string]struct {
		policy, text string
		findings     int
		problem      string
	}{
		"a kind on another line":                   {inventoryPolicy, secret("known"), 1, ""},
		"a syntax error":                           {inventoryPolicy, secret("known") + "---\na: b: c\n", 1, "mapping values are not allowed in this context"},
		"a syntax error that no policy would meet": {unnamed, "a: b: c\n", 0, "mapping values are not allowed in this context"},
		"keys that collide":                        {unnamed, secret("{1: a, '1': b}"), 0, "the key `1` is given twice, with and without quotes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "known.yaml")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for way, params := range map[string]Params{"file": {Inventory: []string{path}}, "text": {Known: []Text{{File: "known", Text: test.text}}}} {
				params.Inputs = []Text{{File: "a", Text: configMap("a", "x")}}
				all, result := collect(t, loadSet(t, test.policy), params)
				if len(all.Findings) != test.findings || result.Resources != 1 {
					t.Errorf("%s: %d findings, %+v", way, len(all.Findings), result)
				}
				if test.problem == "" != (len(all.Problems) == 0) || test.problem != "" && all.Problems[0].Message != test.problem {
					t.Errorf("%s: problems %+v", way, all.Problems)
				}
			}
		})
	}
}

func TestObjectsAreToldApartAsKubernetesDoes(t *testing.T) {
	for name, test := range map[string]struct {
		first, second string
		twice         bool
	}{
		"the same":                          {"v1 Pod x name: a", "v1 Pod x name: a", true},
		"two versions of a group":           {"apps/v1 Deployment x name: a", "apps/v1beta1 Deployment x name: a", true},
		"two groups":                        {"apps/v1 Deployment x name: a", "extensions/v1beta1 Deployment x name: a", false},
		"two groups, the core group's kind": {"v1 Service x name: a", "serving.knative.dev/v1 Service x name: a", false},
		"two kinds":                         {"v1 Pod x name: a", "v1 Secret x name: a", false},
		"two namespaces":                    {"v1 Pod x name: a", "v1 Pod y name: a", false},
		"two names":                         {"v1 Pod x name: a", "v1 Pod x name: b", false},
		"generated names":                   {"v1 Pod x generateName: a-", "v1 Pod x generateName: a-", false},
		"a name like a generated one":       {"v1 Pod x generateName: a", "v1 Pod x name: a", false},
		"no names":                          {"v1 Pod x labels: {}", "v1 Pod x labels: {}", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := ""
			for _, object := range []string{test.first, test.second} {
				part := strings.SplitN(object, " ", 4)
				text += fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {namespace: %s, %s}\n", part[0], part[1], part[2], part[3])
			}
			all, _ := collect(t, loadSet(t, unnamed), Params{Inputs: []Text{{File: "a", Text: text}}})
			if got := len(all.Problems) == 1 && all.Problems[0].Code == "duplicate_object"; got != test.twice || len(all.Problems) > 1 {
				t.Errorf("problems %+v", all.Problems)
			}
		})
	}
}

func TestAGeneratedNameIsAnIdentity(t *testing.T) {
	const text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: web-\ndata: {careful: \"1\"}\n"
	all, _ := collect(t, loadSet(t, unnamed), Params{Inputs: []Text{{File: "a", Text: text}}})
	if len(all.Findings) != 1 || all.Resources[0].Name != "web-" {
		t.Errorf("%+v of %+v", all.Findings, all.Resources)
	}
}

func TestEvaluationIsMeasuredWhereThatIsAskedFor(t *testing.T) {
	set := loadSet(t, "package demo\nviolation contains \"x\"\n")
	inputs := []Text{{"a.yaml", configMap("a", "k") + "---\n" + configMap("b", "k")}, {"c.yaml", configMap("c", "k")}}
	for _, timed := range []bool{true, false} {
		var spent map[string]int64
		params := Params{Inputs: inputs, Policies: []rego.Selection{{Name: "demo"}}, Timed: timed}
		if _, err := Run(t.Context(), set, params, func(b Batch) error { spent = b.Spent; return nil }); err != nil {
			t.Fatal(err)
		}
		if timed != (spent[rego.Engine] > 0) {
			t.Errorf("asked for: %v, measured: %v", timed, spent)
		}
	}
}

func TestALineIsAWholeNumber(t *testing.T) {
	for line, want := range map[string]string{`1.5`: "map[line:1.5]", `"2"`: "map[line:2]", `0`: "map[]", `1`: "map[]"} {
		set := loadSet(t, fmt.Sprintf("package demo\nviolation contains {\"msg\": \"x\", \"path\": \"/data/k\", \"details\": {\"line\": %s}}\n", line))
		all, _ := collect(t, set, Params{Inputs: []Text{{"a.yaml", configMap("a", "k")}}})
		if len(all.Findings) != 1 || fmt.Sprint(all.Findings[0].Details) != want {
			t.Errorf("%s: %v", line, all.Findings)
		}
	}
}
