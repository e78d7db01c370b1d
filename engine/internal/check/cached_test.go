package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/results"
	"attest.continuu.ms/engine/internal/version"
)

const detailed = `package demo
violation contains {"msg": msg, "path": ["data", key], "number": 1.50, "nested": {"a": [1, null, true]}} if {
	some key in ["bad", "worse"]
	input.resource.data[key]
	msg := sprintf("%v <%v> in %v", [key, "é", input.resource.metadata.name])
}
`

// told is all that a run says, as it goes over the wire.
func told(t *testing.T, set *policyset.Set, params Params) string {
	t.Helper()
	all, result := collect(t, set, params)
	text, err := all.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + string(counts)
}

// kept is the only file of a folder of results; "" where there is none.
func keptFile(t *testing.T, place results.Place) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(place.Folder, "*.results"))
	if err != nil || len(files) > 1 {
		t.Fatalf("%v %v", files, err)
	}
	if len(files) == 0 {
		return ""
	}
	return files[0]
}

func resultsPlace(t *testing.T) results.Place {
	folder := t.TempDir()
	return results.Place{Folder: filepath.Join(folder, "attest", "results"), Key: filepath.Join(folder, "state", "key")}
}

func manifests(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": configMap("one", "bad") + "---\n# a remark\n" + configMap("two", "fine"), "b.yaml": configMap("three", "worse"),
		"none.yaml": "just: text\n", "empty.yaml": "", "list.json": `{"apiVersion": "v1", "kind": "List", "items": [` +
			`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-", "labels": {"a": "b"}}, "data": {"bad": "1"}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestASecondRunSaysWhatTheFirstSaidAndAsksNobody(t *testing.T) {
	set, params := loadSet(t, detailed), Params{Paths: []string{manifests(t)}, Checked: true}
	plain := told(t, set, params)
	params.Results = resultsPlace(t)
	if first := told(t, set, params); first != plain {
		t.Fatalf("the first run says\n%s\nnot\n%s", first, plain)
	}
	if keptFile(t, params.Results) == "" {
		t.Fatal("nothing was kept")
	}
	if second := told(t, set, params); second != plain {
		t.Fatalf("the second run says\n%s\nnot\n%s", second, plain)
	}
	params.Policies = []rego.Selection{{Name: "demo"}}
	run := &run{ctx: context.Background(), set: set, rego: set.Rego, params: params}
	if err := run.begin(); err != nil {
		t.Fatal(err)
	}
	defer run.close()
	evaluator, err := run.evaluator()
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range load.WalkLeaving(params.Paths, nil).Sources {
		run.orKnown(evaluator, source, func(source load.Source) fileResult {
			t.Errorf("%s was judged again", source.Path)
			return fileResult{}
		})
	}
}

// A run with results that another one has left says what it would say without them, whatever differs between the two.
func TestNothingThatAnAnswerDependsOnIsOverlooked(t *testing.T) {
	const namespace = `package demo
violation contains {"msg": msg, "path": ["metadata", "namespace"]} if {
	labels := object.get(input, ["namespace", "metadata", "labels"], "none")
	said := [object.get(input, "operation", ""), object.get(input, "user", ""), object.get(input.resource.metadata, "namespace", "")]
	msg := sprintf("%v %v", [labels, said])
}
`
	const parameters = `package demo
violation contains {"msg": sprintf("%v", [input.parameters])} if true
`
	named := func(label string) Text {
		return Text{"ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {is: " + label + "}}\n"}
	}
	inside := Text{"map.yaml", strings.Replace(configMap("one", "bad"), "name: one", "name: one\n  namespace: a", 1)}
	with := func(parameters map[string]any, severity, level string) []rego.Selection {
		return []rego.Selection{{Name: "demo", Parameters: parameters, Severity: severity, Level: level}}
	}
	secret := func(name string) []Text {
		return []Text{{"known.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: a}\n"}}
	}
	for name, test := range map[string]struct {
		policy        string
		first, second Params
	}{
		"the content": {detailed, Params{Inputs: []Text{{"a", configMap("one", "bad")}}}, Params{Inputs: []Text{{"a", configMap("one", "fine")}}}},
		"the file":    {detailed, Params{Inputs: []Text{{"a", configMap("one", "bad")}}}, Params{Inputs: []Text{{"b", configMap("one", "bad")}}}},
		"the line":    {detailed, Params{Inputs: []Text{{"a", configMap("one", "bad")}}}, Params{Inputs: []Text{{"a", "\n\n" + configMap("one", "bad")}}}},
		"what is a name and what is text": {
			detailed, Params{Inputs: []Text{{"a", "#\n" + configMap("one", "bad")}}}, Params{Inputs: []Text{{"a#", "\n" + configMap("one", "bad")}}},
		},
		"parameters": {parameters, Params{Inputs: []Text{inside}, Policies: with(map[string]any{"a": 1}, "", "")}, Params{Inputs: []Text{inside}, Policies: with(map[string]any{"a": 2}, "", "")}},
		"a severity": {parameters, Params{Inputs: []Text{inside}, Policies: with(nil, "low", "")}, Params{Inputs: []Text{inside}, Policies: with(nil, "high", "")}},
		"a level": {
			parameters, Params{Inputs: []Text{named("x")}, Policies: with(nil, "", "")}, Params{Inputs: []Text{named("x")}, Policies: with(nil, "", "Namespace")},
		},
		"who is asked": {
			parameters, Params{Inputs: []Text{inside}, Policies: with(nil, "", "")}, Params{Inputs: []Text{inside}, Policies: []rego.Selection{{Name: "other"}}},
		},
		"the Namespace object": {namespace, Params{Inputs: []Text{inside, named("x")}}, Params{Inputs: []Text{inside, named("y")}}},
		"the namespace":        {namespace, Params{Inputs: []Text{{"a", configMap("one", "bad")}}, Namespace: "x"}, Params{Inputs: []Text{{"a", configMap("one", "bad")}}, Namespace: "y"}},
		"the operation":        {namespace, Params{Inputs: []Text{inside}, Operation: "CREATE"}, Params{Inputs: []Text{inside}, Operation: "UPDATE"}},
		"the user": {
			namespace, Params{Inputs: []Text{inside}, User: map[string]any{"name": "eve"}}, Params{Inputs: []Text{inside}, User: map[string]any{"name": "bob"}},
		},
		"the inventory": {inventoryPolicy, Params{Inputs: []Text{inside}, Known: secret("x")}, Params{Inputs: []Text{inside}, Known: secret("y")}},
		"a limit":       {detailed, Params{Inputs: []Text{inside}}, Params{Inputs: []Text{inside}, Limits: Limits{DocumentBytes: 10}}},
		"what is told":  {detailed, Params{Inputs: []Text{inside}}, Params{Inputs: []Text{inside}, Checked: true}},
	} {
		t.Run(name, func(t *testing.T) {
			set, place := loadSet(t, test.policy), resultsPlace(t)
			plain := told(t, set, test.second)
			test.first.Results, test.second.Results = place, place
			if first := told(t, set, test.first); first == plain {
				t.Fatal("both say the same: this tests nothing")
			}
			for range 2 {
				if got := told(t, set, test.second); got != plain {
					t.Errorf("after another run it says\n%s\nnot\n%s", got, plain)
				}
			}
		})
	}
}

func TestOtherPoliciesAndDataHaveOtherResults(t *testing.T) {
	load := func(policy, data string) *policyset.Set {
		return loadWith(t, compiled.Compiled, data, policy)
	}
	const policy = "package demo\nviolation contains {\"msg\": sprintf(\"%v\", [data.evidence])} if true\n"
	params := Params{Inputs: []Text{{"a", configMap("one", "bad")}}}
	place := resultsPlace(t)
	for _, set := range []*policyset.Set{
		load(policy, `{"evidence": 1}`), load(policy, `{"evidence": 2}`), load(policy+"warn contains \"more\" if true\n", `{"evidence": 2}`),
	} {
		params.Results = results.Place{}
		plain := told(t, set, params)
		params.Results = place
		for range 2 {
			if got := told(t, set, params); got != plain {
				t.Errorf("it says\n%s\nnot\n%s", got, plain)
			}
		}
	}
}

func TestWhatDependsOnAnythingElseIsNeverKept(t *testing.T) {
	for name, policy := range map[string]string{
		"the clock":                     `violation contains {"msg": sprintf("%v", [time.now_ns()])} if true`,
		"the clock, in a helper":        "violation contains {\"msg\": now} if true\nnow := sprintf(\"%v\", [time.now_ns()])",
		"the clock, in a function":      "violation contains {\"msg\": now(1)} if true\nnow(_) := sprintf(\"%v\", [time.now_ns()])",
		"the clock, after `else`":       "violation contains {\"msg\": now} if true\nnow := 1 if { input.resource.no } else := time.now_ns()",
		"the clock, in a comprehension": `violation contains {"msg": sprintf("%v", [[t | t := time.now_ns()]])} if true`,
		"time zones":                    `violation contains {"msg": sprintf("%v", [time.clock([0, "Europe/Berlin"])])} if true`,
		"chance":                        `violation contains {"msg": sprintf("%v", [rand.intn("x", 9)])} if true`,
		"names of its own":              `violation contains {"msg": uuid.rfc4122("x")} if true`,
		"the machine":                   `violation contains {"msg": sprintf("%v", [opa.runtime()])} if true`,
		"hosts":                         `violation contains {"msg": sprintf("%v", [json.match_schema(input.resource, {})])} if true`,
		"certificates, which expire":    `violation contains {"msg": sprintf("%v", [crypto.x509.parse_and_verify_certificates("x")])} if true`,
	} {
		t.Run(name, func(t *testing.T) {
			params := Params{Inputs: []Text{{"a", configMap("one", "bad")}}, Results: resultsPlace(t)}
			collect(t, loadSet(t, "package demo\n"+policy), params)
			if kept := keptFile(t, params.Results); kept != "" {
				t.Errorf("results were kept in %s", kept)
			}
		})
	}
}

// Nobody notes who asks for time zones, so that not even a file is kept for which no policy does.
func TestWhatMayDependOnTimeZonesIsNeverKept(t *testing.T) {
	const policy = "package demo\nviolation contains {\"msg\": \"x\"} if { input.resource.data.bad; time.clock([0, \"Europe/Berlin\"]) }\n"
	params := Params{Inputs: []Text{{"a", configMap("one", "fine")}}, Results: resultsPlace(t)}
	collect(t, loadSet(t, policy), params)
	if kept := keptFile(t, params.Results); kept != "" {
		t.Errorf("results were kept in %s", kept)
	}
}

// noting is a watcher that does nothing.
type noting struct{ breaking }

func (noting) Document(*load.Document) {}

// Who wants to see or to measure evaluations is not served with the results of earlier ones, nor are requests.
func TestRunsThatNoResultsAreKeptOf(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Params)
		kept   bool
	}{
		"any other":            {func(*Params) {}, true},
		"one on record":        {func(p *Params) { p.Debug = true }, false},
		"one that is measured": {func(p *Params) { p.Timed = true }, false},
		"one that is watched":  {func(p *Params) { p.Watch = func() Watcher { return noting{} } }, false},
		"one with objects":     {func(p *Params) { p.State = admission.NewHeld(1).Now() }, false},
		"a request":            {func(p *Params) { p.Review = reviewOf(common + `"operation": "CREATE", "object": ` + pod) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			params := Params{Inputs: []Text{{"a", configMap("one", "bad")}, {"b", "# nothing\n"}}, Results: resultsPlace(t)}
			test.change(&params)
			collect(t, loadSet(t, unnamed), params)
			if kept := keptFile(t, params.Results) != ""; kept != test.kept {
				t.Errorf("kept: %v", kept)
			}
		})
	}
}

func TestAProgramIsToldFromOthersOfItsVersion(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%s %d %d", version.Version, info.Size(), info.ModTime().UnixNano())
	if got, err := program(); got != want || err != nil {
		t.Errorf("%q, %v, not %q", got, err, want)
	}
}

// Whether the clock counts is known for each file once its policies were asked.
func TestAFileForWhichNobodyAskedTheClockIsKept(t *testing.T) {
	const policy = `package demo
violation contains {"msg": sprintf("%v", [time.now_ns() > 0])} if input.resource.data.bad
violation contains {"msg": "x"} if { input.resource.data.worse; expired }
expired if time.now_ns() > time.parse_rfc3339_ns(input.resource.data.until)
`
	for name, test := range map[string]struct {
		text string
		kept bool
	}{
		"asked":                      {configMap("one", "bad"), false},
		"not asked":                  {configMap("one", "fine"), true},
		"asked for one of two":       {configMap("one", "fine") + "---\n" + configMap("two", "bad"), false},
		"asked in a rule of its own": {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {worse: \"1\", until: \"2020-01-01T00:00:00Z\"}}", false},
	} {
		for _, evaluator := range []compiled.Mode{compiled.OPA, compiled.Compiled, compiled.Both} {
			t.Run(fmt.Sprintf("%s, %s", name, evaluator), func(t *testing.T) {
				params := Params{Inputs: []Text{{"a", test.text}}, Results: resultsPlace(t)}
				set := loadWith(t, evaluator, "{}", policy)
				first := told(t, set, params)
				if kept := keptFile(t, params.Results) != ""; kept != test.kept {
					t.Errorf("kept is %v", kept)
				}
				if again := told(t, set, params); again != first {
					t.Errorf("it says\n%s\nnot\n%s", again, first)
				}
			})
		}
	}
}

func TestProblemsAndSecretsAreNeverKept(t *testing.T) {
	for name, test := range map[string]struct{ policy, text string }{
		"an error of a builtin": {"package demo\nviolation contains {\"msg\": \"x\"} if to_number(input.resource.metadata.name)", configMap("one", "bad")},
		"an error of a rule":    {"package demo\nviolation contains {\"msg\": x} if true\nx := 1\nx := 2 if input.resource", configMap("one", "bad")},
		"an error in the file":  {detailed, configMap("one", "bad") + "---\na: b: c\n"},
		"a secret": {
			"package demo\nviolation contains {\"msg\": \"x\", \"path\": [\"data\", \"bad\"], \"secret\": true} if true",
			strings.Replace(configMap("one", "bad"), `"1"`, `"a long secret of theirs"`, 1),
		},
	} {
		t.Run(name, func(t *testing.T) {
			params := Params{Inputs: []Text{{"a", test.text}}, Results: resultsPlace(t)}
			collect(t, loadSet(t, test.policy), params)
			if kept := keptFile(t, params.Results); kept != "" {
				t.Errorf("results were kept in %s", kept)
			}
		})
	}
}

// Whatever stands in the folder, the run says what it says without it.
func TestDamagedAndSwappedResultsAreComputedAgain(t *testing.T) {
	set, params := loadSet(t, detailed), Params{Paths: []string{manifests(t)}, Checked: true}
	plain := told(t, set, params)
	params.Results = resultsPlace(t)
	told(t, set, params)
	file := keptFile(t, params.Results)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := told(t, set, params); got != plain {
			t.Errorf("%s: it says\n%s\nnot\n%s", what, got, plain)
		}
	}
	for at := 0; at < len(good); at += 7 { // every kind of byte, and no more: each is a run
		bad := append([]byte{}, good...)
		bad[at] ^= 0x41
		try(fmt.Sprintf("byte %d changed", at), bad)
	}
	for _, size := range []int{0, 1, 16, 48, 49, 80, 100, len(good) / 2, len(good) - 1} {
		try(fmt.Sprintf("cut after %d bytes", size), good[:size])
	}
	try("more at the end", append(append([]byte{}, good...), good...))
	try("nothing but zeros", make([]byte, len(good)))
}

func TestResultsOfAnotherRunInPlaceOfItsOwnAreNoResults(t *testing.T) {
	set, text := loadSet(t, detailed), configMap("one", "bad")
	other := loadSet(t, "package demo\nother := 1\nviolation contains {\"msg\": \"never\"} if false")
	params := Params{Inputs: []Text{{"a", text}}}
	plain := told(t, set, params)
	params.Results = resultsPlace(t)
	told(t, set, params)
	own := keptFile(t, params.Results)
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	told(t, other, params)
	if err := os.Rename(keptFile(t, params.Results), own); err != nil {
		t.Fatal(err)
	}
	if got := told(t, set, params); got != plain {
		t.Errorf("it says\n%s\nnot\n%s", got, plain)
	}
}

// judgedFile is a result with something in every member that is kept.
func judgedFile() fileResult {
	resource := model.Resource{
		APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web", Template: "t", Fragment: "f:1", Generated: true,
		Labels: map[string]string{"a": "b", "c": ""}, Annotations: map[string]string{"d": "e"}, Images: []string{"x", "y"},
	}
	finding := model.Finding{
		Policy: "p", Engine: "opa", Rule: "warn", Severity: "low", Enforcement: "warn", Message: "m", Fix: "do it", Resource: 1,
		Location: model.Location{File: "a", Line: 1, Column: 2, EndLine: 3, EndColumn: 4, Path: "/x"},
		Details:  map[string]any{"n": json.Number("1.50")},
	}
	plain := finding
	plain.Resource, plain.Details, plain.Fix = 0, nil, ""
	return fileResult{
		resources: []model.Resource{{Kind: "Secret"}, resource},
		findings:  []model.Finding{finding, plain},
		skipped:   []model.Skipped{{File: "a", Line: 5, Reason: "no manifest"}},
		judged:    []judged{{id: model.Resource{Kind: "Secret"}, file: "a", line: 6}, {id: resource, file: "a", line: 7, constraints: []string{"K/one", "K/two"}}},
	}
}

func encoded(t *testing.T, result fileResult) []byte {
	t.Helper()
	value, err := encodeResult(&result)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestAKeptResultIsReadAsItWasWritten(t *testing.T) {
	value := encoded(t, judgedFile())
	if got, whole := decodeResult(value, "a"); !whole || !reflect.DeepEqual(got, judgedFile()) {
		t.Errorf("%v: %+v", whole, got)
	}
	if got, whole := decodeResult(encoded(t, fileResult{}), "a"); !whole || !reflect.DeepEqual(got, fileResult{}) {
		t.Errorf("nothing at all: %v, %+v", whole, got)
	}
}

// A part of a result is none, nor is one with something behind it or within.
func TestBytesThatAreNoResultAreRead(t *testing.T) {
	value := encoded(t, judgedFile())
	for size := range value {
		if got, whole := decodeResult(value[:size], "a"); whole {
			t.Errorf("%d of %d bytes are read as %+v", size, len(value), got)
		}
	}
	pointing := func(at int) []byte {
		result := judgedFile()
		result.findings[1].Resource = at
		return encoded(t, result)
	}
	for name, value := range map[string][]byte{
		"a byte more":               append(slices.Clone(value), 0),
		"details that are no JSON":  bytes.Replace(value, []byte(`{"n":1.50}`), []byte(`{"n":1.5x}`), 1),
		"a resource before all":     pointing(-1),
		"a resource behind all":     pointing(2),
		"a resource far behind all": pointing(1 << 40),
		"less than nothing":         {1},
		"a number without end":      bytes.Repeat([]byte{0xff}, 20),
		"a number that is too long": append(bytes.Repeat([]byte{0xff}, 9), 0x7f),
	} {
		if got, whole := decodeResult(value, "a"); whole {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAResultThatCanNotBeWrittenIsNotKept(t *testing.T) {
	result := judgedFile()
	result.findings[0].Details = map[string]any{"no": func() {}}
	if value, err := encodeResult(&result); err == nil || value != nil {
		t.Errorf("%q, %v", value, err)
	}
}

func FuzzKeptResult(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, value []byte) {
		out, whole := decodeResult(value, "a")
		if whole {
			for _, finding := range out.findings {
				_ = out.resources[finding.Resource]
			}
		}
	})
}

func TestTheDigestOfARunHasNoTwoMeanings(t *testing.T) {
	a, b := ast.StringTerm("a"), ast.StringTerm("b")
	set := loadSet(t, detailed)
	digests := map[[32]byte]string{}
	for name, around := range map[string][]*ast.Term{
		"none": nil, "a": {a}, "b": {b}, "a, b": {a, b}, "b, a": {b, a}, "ab": {ast.StringTerm("ab")}, "number": {ast.IntNumberTerm(1)}, "text": {ast.StringTerm("1")},
	} {
		digest, err := (&run{set: set, rego: set.Rego}).digest(around)
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := digests[digest]; taken {
			t.Errorf("%s and %s have one digest", name, other)
		}
		digests[digest] = name
	}
}
