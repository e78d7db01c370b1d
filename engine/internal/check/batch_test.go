package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// batches runs a check and returns what it streamed, part by part.
func batches(t *testing.T, params Params, policies ...string) (parts []Batch) {
	t.Helper()
	params.Policies = append(params.Policies, rego.Selection{Name: "demo"})
	if _, err := Run(context.Background(), loadSet(t, policies...), params, func(b Batch) error {
		parts = append(parts, b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return parts
}

func repeated(n int, text string) (inputs []Text) {
	for i := range n {
		inputs = append(inputs, Text{File: fmt.Sprintf("f%d", i), Text: text})
	}
	return inputs
}

func TestABatchIsBounded(t *testing.T) {
	findings := "package demo\nviolation contains {\"msg\": sprintf(\"%d\", [i])} if some i in numbers.range(1, 100)\n"
	for name, test := range map[string]struct {
		params Params
		policy string
		files  int // of the first part at most; fewer where a machine is slow
	}{
		"by files":       {Params{Inputs: repeated(300, configMap("a", "fine"))}, unnamed, batchFiles},
		"by findings":    {Params{Inputs: repeated(9, configMap("a", "x"))}, findings, 3},
		"by evaluations": {Params{Inputs: repeated(300, configMap("a", "fine")), Debug: true}, unnamed, batchFindings / 2},
	} {
		t.Run(name, func(t *testing.T) {
			parts := batches(t, test.params, test.policy)
			files := 0
			for _, part := range parts {
				files += part.Files
				if part.Files == 0 || part.Files > test.files || part.Total != len(test.params.Inputs) {
					t.Errorf("a part with %d files of %d", part.Files, part.Total)
				}
			}
			if files != len(test.params.Inputs) {
				t.Errorf("%d files in all", files)
			}
		})
	}
}

func TestWhenAPartIsSent(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	for name, test := range map[string]struct {
		files, findings, decisions int
		since                      time.Time
		due                        bool
	}{
		"soon":                         {127, 128, 127, time.Now().Add(time.Hour), false},
		"after so many files":          {128, 0, 0, time.Now().Add(time.Hour), true},
		"after so many findings":       {1, 256, 0, time.Now().Add(time.Hour), true},
		"after so many evaluations":    {1, 0, 256, time.Now().Add(time.Hour), true},
		"after so many of both":        {1, 128, 128, time.Now().Add(time.Hour), true},
		"after so long":                {1, 0, 0, long, true},
		"after so many and after long": {128, 256, 256, long, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{lastFlush: test.since, pending: Batch{
				Files: test.files, Findings: make([]model.Finding, test.findings), Decisions: make([]Decision, test.decisions),
			}}
			if got := r.due(); got != test.due {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWhatIsWrongWithPathsIsToldWithoutAnyFile(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "node_modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, params := range map[string]Params{
		"a problem": {Paths: []string{filepath.Join(folder, "missing.yaml")}},
		"a skip":    {Paths: []string{folder}},
	} {
		t.Run(name, func(t *testing.T) {
			parts := batches(t, params, unnamed)
			if len(parts) != 1 || len(parts[0].Problems)+len(parts[0].Skipped) != 1 {
				t.Errorf("%+v", parts)
			}
		})
	}
	if parts := batches(t, Params{}, unnamed); len(parts) != 0 {
		t.Errorf("of nothing: %+v", parts)
	}
}

func TestFailFastStopsAtTheFirstFinding(t *testing.T) {
	inputs := append(repeated(3, configMap("a", "fine")), repeated(500, configMap("b", "bad"))...)
	all, result := collect(t, loadSet(t, unnamed), Params{Inputs: inputs, FailFast: true})
	if result.Files != 4 || len(all.Findings) != 1 {
		t.Errorf("%+v, %d findings", result, len(all.Findings))
	}
}

func TestTheSizeOfADocumentIsBoundedAsAsked(t *testing.T) {
	inputs := []Text{{File: "a", Text: configMap("a", "bad")}}
	for limit, refused := range map[int64]bool{0: false, 10: true, 1000: false} {
		all, _ := collect(t, loadSet(t, unnamed), Params{Inputs: inputs, Limits: Limits{DocumentBytes: limit}})
		if got := len(all.Problems) > 0; got != refused {
			t.Errorf("%d bytes: %+v", limit, all.Problems)
		}
	}
}

const whereabouts = `package demo
violation contains {"msg": sprintf("%v of %v", [input.resource.metadata.name, object.get(input.resource.metadata, "namespace", "none")])}
`

func TestANamespaceIsGivenToWhatNamesNone(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"one that names none":      {configMap("a", "x"), "a of given"},
		"one with its own":         {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: own}\n", "a of own"},
		"one of the whole cluster": {"apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n", "a of none"},
	} {
		t.Run(name, func(t *testing.T) {
			all, _ := collect(t, loadSet(t, whereabouts), Params{Inputs: []Text{{File: "a", Text: test.text}}, Namespace: "given"})
			if len(all.Findings) != 1 || all.Findings[0].Message != test.want {
				t.Fatalf("%+v %+v", all.Findings, all.Problems)
			}
			namespace := strings.TrimPrefix(test.want, "a of ")
			if got := all.Resources[0].Namespace; got != strings.ReplaceAll(namespace, "none", "") {
				t.Errorf("the resource is in `%s`", got)
			}
		})
	}
}

func TestOnlyANamespaceIsTakenForOne(t *testing.T) {
	const policy = "package demo\nviolation contains {\"msg\": label} if label := input.namespace.metadata.labels.team\n"
	labelled := "apiVersion: %s\nkind: %s\nmetadata: {name: shop, labels: {team: %s}}\n"
	known := []Text{
		{File: "namespace", Text: fmt.Sprintf(labelled, "v1", "Namespace", "right")},
		{File: "another group", Text: fmt.Sprintf(labelled, "example.com/v1", "Namespace", "group")},
		{File: "another kind", Text: fmt.Sprintf(labelled, "v1", "Secret", "kind")},
	}
	pod := []Text{{File: "a", Text: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"}}
	for _, order := range [][]Text{known, {known[2], known[1], known[0]}} {
		all, _ := collect(t, loadSet(t, policy), Params{Inputs: pod, Known: order})
		var said []string
		for _, finding := range all.Findings {
			said = append(said, finding.Message)
		}
		if fmt.Sprint(said) != "[right]" {
			t.Errorf("%v", said)
		}
	}
}

func TestFindingsPointAtTheirOwnResource(t *testing.T) {
	text := configMap("a", "bad") + "---\n" + configMap("b", "fine") + "---\n" + configMap("c", "bad")
	two := "package other\nviolation contains {\"msg\": input.resource.metadata.name} if input.resource.data.bad\n"
	all, _ := collect(t, loadSet(t, unnamed, two), Params{
		Inputs: []Text{{File: "a", Text: text}}, Policies: []rego.Selection{{Name: "demo"}, {Name: "other"}},
	})
	var names []string
	for _, resource := range all.Resources {
		names = append(names, resource.Name)
	}
	if !slices.Equal(names, []string{"a", "c"}) || len(all.Findings) != 4 {
		t.Fatalf("%v, %d findings", names, len(all.Findings))
	}
	for _, finding := range all.Findings {
		if got := all.Resources[finding.Resource].Name; got != finding.Message {
			t.Errorf("what is said of %s stands at %s", finding.Message, got)
		}
	}
}

func TestAWrongUserEndsTheRun(t *testing.T) {
	user := map[string]any{"name": func() {}}
	_, err := Run(context.Background(), loadSet(t, unnamed), Params{User: user}, func(Batch) error { return nil })
	if err == nil {
		t.Error("a user that is no document was taken")
	}
}

func TestPoliciesSeeWhoAsksWhereSomebodyDoes(t *testing.T) {
	set := loadSet(t, "package demo\nwarn contains sprintf(\"%v\", [object.get(input, [\"user\", \"username\"], \"nobody\")])\nwarn contains \"no user\" if not input.user\n")
	cases := map[string]struct {
		user map[string]any
		want []string
	}{
		"nobody":           {nil, []string{"no user", "nobody"}},
		"an empty user":    {map[string]any{}, []string{"no user", "nobody"}},
		"a user":           {map[string]any{"username": "eve"}, []string{"eve"}},
		"one without name": {map[string]any{"groups": []any{"a"}}, []string{"nobody"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all, _ := collect(t, set, Params{Inputs: repeated(1, configMap("a", "x")), Policies: []rego.Selection{{Name: "demo"}}, User: c.user})
			var got []string
			for _, finding := range all.Findings {
				got = append(got, finding.Message)
			}
			if slices.Sort(got); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWrongParametersEndTheRunBeforeAnythingIsRead(t *testing.T) {
	params := Params{Policies: []rego.Selection{{Name: "demo", Parameters: map[string]any{"a": func() {}}}}}
	if _, err := Run(context.Background(), loadSet(t, unnamed), params, func(Batch) error { return nil }); err == nil || !strings.Contains(err.Error(), "parameters of policy `demo`") {
		t.Errorf("got %v", err)
	}
}

func TestACheckThatEndedEarlyIsNoResult(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Run(ctx, loadSet(t, unnamed), Params{Inputs: repeated(1, configMap("a", "x"))}, func(Batch) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

const constrained = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: named}
spec:
  crd: {spec: {names: {kind: Named}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package named
      violation[{"msg": msg}] { msg := input.review.object.metadata.name }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Named
metadata: {name: one}
spec: {match: {kinds: [{apiGroups: [""], kinds: [ConfigMap]}]}}
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: Named
metadata: {name: two}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Secret]}]}}
`

func TestEachConstraintIsOnRecordWithItsOwnFindings(t *testing.T) {
	set := loadMixed(t, constrained)
	text := configMap("a", "x") + "---\n" + secret("b") + "---\napiVersion: v1\nkind: Service\nmetadata: {name: c}\n"
	var decisions []Decision
	var parts Batch
	params := Params{Inputs: []Text{{File: "a", Text: text}}, Debug: true, Policies: []rego.Selection{{Name: "Named/one"}, {Name: "Named/two"}}}
	if _, err := Run(context.Background(), set, params, func(b Batch) error {
		parts = b
		decisions = append(decisions, b.Decisions...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range decisions {
		got = append(got, fmt.Sprint(one.Policy, " on ", one.Resource, " at ", one.Line, ": ", one.Violations))
	}
	want := []string{"Named/one on ConfigMap/a at 1: [a]", "Named/two on Secret/x/b at 8: [b]"}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if fmt.Sprint(parts.Unspoken) != "map[Service:1]" || parts.Judged != 3 {
		t.Errorf("%d judged, %v", parts.Judged, parts.Unspoken)
	}
	for _, finding := range parts.Findings {
		if len(finding.Details) != 0 || finding.Severity != "medium" || finding.Engine != "gatekeeper" {
			t.Errorf("%+v", finding)
		}
	}
}

func TestAWarningIsNoFindingThatEndsARun(t *testing.T) {
	twice := configMap("a", "fine") + "---\n" + configMap("a", "fine")
	all, result := collect(t, loadSet(t, unnamed), Params{Inputs: repeated(2, twice), FailFast: true})
	if result.Files != 2 || len(all.Problems) != 3 {
		t.Errorf("%+v, %+v", result, all.Problems)
	}
	for _, problem := range all.Problems {
		if problem.Severity != model.Warning || !strings.HasSuffix(problem.Message, "f0:1") {
			t.Errorf("%+v", problem)
		}
	}
}

func TestAReceiverThatFailedIsToldNoMore(t *testing.T) {
	for name, test := range map[string]struct {
		say  error
		want error
	}{
		"it failed": {errors.New("gone"), nil},
		"it left":   {nil, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			parts := 0
			params := Params{Inputs: repeated(3*window, configMap("a", "bad")), Policies: []rego.Selection{{Name: "demo"}}}
			_, err := Run(ctx, loadSet(t, unnamed), params, func(Batch) error {
				parts++
				if test.say == nil {
					cancel()
				}
				return test.say
			})
			if want := cmp.Or(test.say, test.want); !errors.Is(err, want) || test.say != nil && parts != 1 {
				t.Errorf("%v after %d parts, want %v", err, parts, want)
			}
		})
	}
}

// A problem of a policy stands where the policy does, and where that is nowhere, at what was judged.
func TestAProblemWithoutAPlaceIsOneOfTheResource(t *testing.T) {
	const conflict = "package demo\nviolation contains {\"msg\": x} if true\nx := 1\nx := 2 if input.resource\n"
	text := "# a remark\n---\n" + configMap("a", "x")
	for file, want := range map[string]string{"own.yaml": "own.yaml", "": "a.yaml:3"} {
		set, _, problems := policyset.Load(t.Context(), policyset.Params{
			Modules: []policyset.Inline{{File: file, Line: 7, Column: 1, Text: conflict}}, OPA: true,
		})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		all, _ := collect(t, set, Params{Inputs: []Text{{"a.yaml", text}}})
		if len(all.Problems) != 1 || !strings.HasPrefix(fmt.Sprintf("%s:%d", all.Problems[0].File, all.Problems[0].Line), want) {
			t.Errorf("%q: %+v", file, all.Problems)
		}
	}
}

// What is remembered of each object of a run must not hold the texts of all files.
func TestAnObjectThatIsRememberedHoldsNoTextOfItsFile(t *testing.T) {
	text := `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web"}}`
	file := load.Read(load.Source{Path: "a.json", Text: []byte(text)}, load.DefaultLimits)
	id := file.Documents[0].Resource
	group, _ := id.GroupVersion()
	theirs := object{group, id.Kind, id.Namespace, id.Name, ""}
	own := theirs.own()
	if own != theirs || own.name != "web" || own.kind != "Deployment" || own.namespace != "shop" || own.group != "apps" {
		t.Errorf("%v became %v", theirs, own)
	}
	for i, pair := range [][2]string{{own.group, theirs.group}, {own.kind, theirs.kind}, {own.namespace, theirs.namespace}, {own.name, theirs.name}} {
		if unsafe.StringData(pair[0]) == unsafe.StringData(pair[1]) {
			t.Errorf("%d: %s is the text of the file", i, pair[0])
		}
	}
}
