package explore

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"attest.continuu.ms/engine/internal/trial"
)

// open compiles a policy of which the rules are given.
func open(t *testing.T, rules string) *Subject {
	t.Helper()
	return opened(t, "package p\n\n"+rules)
}

// opened compiles a policy.
func opened(t *testing.T, text string) *Subject {
	t.Helper()
	file := trial.File(t, "p.rego", text)
	subject, problems := Open(context.Background(), Options{File: file, Limit: 5 * time.Second})
	if subject == nil {
		t.Fatal(problems)
	}
	return subject
}

func world(t *testing.T, text string) World {
	t.Helper()
	value, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return World(value.(map[string]any))
}

// reachable are conditions that a search must find an input for, by what they ask of it.
var reachable = map[string]string{
	"an equal text":              `input.resource.spec.type == "NodePort"`,
	"a number above":             `input.resource.spec.replicas > 7`,
	"a number of elements":       `count(input.resource.spec.containers) > 1`,
	"a field that is missing":    `input.resource.kind == "Pod"; not input.resource.metadata.labels.team`,
	"a beginning":                `startswith(input.resource.metadata.name, "tmp-")`,
	"an end":                     `endswith(input.resource.metadata.name, "-tmp")`,
	"a part":                     `contains(input.resource.metadata.name, "secret")`,
	"a regular expression":       "regex.match(`^[a-z]+-[0-9]{3}$`, input.resource.metadata.name)",
	"a glob":                     `glob.match("*.company.com", [], input.resource.spec.host)`,
	"a member":                   `input.resource.spec.type in {"LoadBalancer", "NodePort"}`,
	"a key of a list of fields":  `some field in ["hostPID", "hostIPC"]; input.resource.spec[field]`,
	"a parameter":                `input.parameters.strict == true; input.resource.kind == "Service"`,
	"a helper":                   `helper(input.resource.spec)`,
	"a branch of a helper":       `kind == "b"`,
	"a document that tests mock": `data.teams[input.resource.metadata.labels.team].blocked`,
	"an answer from outside":     `http.send({"method": "get", "url": "http://a"}).body.blocked`,
	"another text":               `input.resource.spec.type != "ClusterIP"; input.resource.kind == "Service"`,
	"another number":             `input.resource.spec.replicas != 1; input.resource.kind == "Deployment"`,
	"a number below another":     `input.resource.spec.minAvailable < input.resource.spec.replicas`,
	"a fraction":                 `input.resource.spec.ratio > 0.75`,
	"a value of an object":       `some team in {"a": "shop", "b": "web"}; input.resource.metadata.labels.team == team`,
	"an own member":              `"NET_ADMIN" in input.resource.spec.capabilities`,
	"a field with a default":     `object.get(input.resource.spec, "paused", false) == true`,
	"a field by a path":          `object.get(input.resource, ["spec", "paused"], false) == true`,
	"a text that holds JSON":     `json.unmarshal(input.resource.metadata.annotations.rules).hosts[_] == "example"`,
	"an address of a network":    `net.cidr_contains("10.1.0.0/16", input.resource.spec.ip)`,
	"a moment":                   `time.parse_rfc3339_ns(input.resource.metadata.annotations.until) > time.parse_rfc3339_ns("2026-06-01T00:00:00Z")`,
	"a beginning out of a list":  `some prefix in ["a-", "tmp-"]; startswith(input.resource.metadata.name, prefix); prefix != "a-"`,
	"a quantity":                 `units.parse_bytes(input.resource.spec.size) > units.parse_bytes("4Gi"); input.resource.kind == "PersistentVolumeClaim"`,
}

const helpers = `
helper(spec) if spec.securityContext.runAsUser == 0

kind := "a" if {
	input.resource.kind == "Pod"
} else := "b" if input.resource.kind == "Job"
`

func TestSearchReaches(t *testing.T) {
	for name, condition := range reachable {
		t.Run(name, func(t *testing.T) {
			s := open(t, "deny contains \"x\" if {\n"+strings.ReplaceAll(condition, "; ", "\n")+"\n}\n"+helpers)
			if len(Search(context.Background(), s, s.Seeds(nil), 3000).Holding(0)) == 0 {
				t.Errorf("no input found for %s", condition)
			}
		})
	}
}

// impossibles are conditions with what partial evaluation must say: whether no input satisfies them.
var impossibles = map[string]struct {
	conditions string
	never      bool
}{
	"two values at one place":         {`input.a == 1; input.a == 2`, true},
	"two values, turned around":       {`1 == input.a; input.a == 2`, true},
	"above and below":                 {`input.a > 5; input.a < 3`, true},
	"above and equal":                 {`input.a > 5; input.a == 5`, true},
	"a bound that holds":              {`input.a >= 5; input.a <= 5`, false},
	"two places":                      {`input.a == 1; input.b == 2`, false},
	"any element of a list":           {`input.a[_] == 1; input.a[_] == 2`, false},
	"one of them under not":           {`input.a == 1; not input.a == 2`, false},
	"false by itself":                 {`1 == 2`, true},
	"a value that is no constant":     {`input.a == input.b; input.a == 2`, false},
	"two values through a helper":     {`kind == "x"; input.resource.kind == "Pod"`, false},
	"the same value again":            {`input.a == "x"; input.a == "x"`, false},
	"a value with another input":      {`input.a == 1; other with input as {"a": 2}`, false},
	"a comparison of different types": {`input.a > 5; input.a < "x"`, false},
}

func TestNever(t *testing.T) {
	for name, c := range impossibles {
		t.Run(name, func(t *testing.T) {
			s := open(t, "deny contains \"x\" if {\n"+strings.ReplaceAll(c.conditions, "; ", "\n")+"\n}\n\nother if input.a == 2\n"+helpers)
			if got := s.Never(context.Background(), 0); got != c.never {
				t.Errorf("never is %v of %s", got, c.conditions)
			}
		})
	}
}

func TestWhatTheSearchFindsIsNeverCalledImpossible(t *testing.T) {
	for name, condition := range reachable {
		s := open(t, "deny contains \"x\" if {\n"+strings.ReplaceAll(condition, "; ", "\n")+"\n}\n"+helpers)
		if s.Never(context.Background(), 0) {
			t.Errorf("%s: %s", name, condition)
		}
	}
}

func TestMinimiseLeavesNothingThatCouldGo(t *testing.T) {
	s := open(t, `deny contains "x" if {
	input.resource.spec.containers[_].privileged
	input.resource.kind == "Pod"
}
`)
	start := world(t, `{"input": {"resource": {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}, {"name": "b", "privileged": true}]}}}}`)
	keep := func(w World) bool { return s.Run(context.Background(), w).Violates() }
	w := Minimise(context.Background(), start, keep)
	if want := `{"input":{"resource":{"kind":"Pod","spec":{"containers":[{"privileged":true}]}}}}`; w.Key() != want {
		t.Errorf("left is %s", w.Key())
	}
	for _, path := range removable(w) {
		if smaller, ok := w.Apply(Edit{Path: path, Remove: true}); ok && keep(smaller) {
			t.Errorf("%s could go too", path)
		}
	}
}

func TestASearchIsTheSameEachTime(t *testing.T) {
	keys := func() (out []string) {
		s := open(t, `deny contains "x" if input.resource.spec.replicas > 7`)
		for _, found := range Search(context.Background(), s, s.Seeds(nil), 500).Tried {
			out = append(out, found.World.Key())
		}
		return out
	}
	if !slices.Equal(keys(), keys()) {
		t.Error("two searches tried different worlds")
	}
}

func TestASearchStopsWhereEveryEvaluationIsTooLong(t *testing.T) {
	s := open(t, `deny contains "x" if {
	some a in numbers.range(1, 100000)
	some b in numbers.range(1, 100000)
	a * b < 0
}
`)
	s.limit = time.Millisecond
	pool := Search(context.Background(), s, s.Seeds(nil), 5000)
	if len(pool.Tried) > 0 || pool.Failed == 0 || pool.Failed > maxFailed {
		t.Errorf("%d evaluations failed, %d did not", pool.Failed, len(pool.Tried))
	}
}

func TestEditsLeaveTheWorldAsItWas(t *testing.T) {
	same := func(key string, value string, index uint8) bool {
		w := World{"input": map[string]any{"a": []any{"x", "y"}, "b": map[string]any{"c": "d"}}}
		before := w.Key()
		for _, path := range []Path{{"input", key}, {"input", "a", int(index % 4)}, {"input", "b", "c"}, {"input", "b", key, "e"}} {
			if changed, ok := w.Apply(Edit{Path: path, Value: value}); ok {
				if there, known := changed.At(path); !known || there != value {
					return false
				}
			}
			w.Apply(Edit{Path: path, Remove: true})
		}
		return w.Key() == before
	}
	trial.Law(t, same)
}

func TestSubstituteReplacesKeysAndTexts(t *testing.T) {
	w := world(t, `{"input": {"kind": "ConfigMap", "data": {"key": "data"}}}`)
	got, found := w.Substitute(map[string]any{"ConfigMap": "Secret", "data": "stringData"})
	if want := `{"input":{"kind":"Secret","stringData":{"key":"stringData"}}}`; !found || got.Key() != want {
		t.Errorf("%v %s", found, got.Key())
	}
	if _, found := w.Substitute(map[string]any{"Pod": "Job"}); found {
		t.Error("nothing was there to replace")
	}
}

func TestStrictAnswersOnlyWhatWasAsked(t *testing.T) {
	s := open(t, `deny contains "x" if http.send({"method": "get", "url": sprintf("http://%s", [input.host])}).body.blocked`)
	w := world(t, `{"input": {"host": "a"}, "http.send": {"body": {"blocked": true}}}`)
	strict, ok := s.Strict(context.Background(), w)
	if !ok || !s.Run(context.Background(), strict).Violates() {
		t.Fatalf("%v %s", ok, strict.Key())
	}
	other, _ := strict.Apply(Edit{Path: Path{"input", "host"}, Value: "b"})
	if s.Run(context.Background(), other).Violates() {
		t.Error("a request that nobody expected was answered")
	}
}

func TestExamplesOfPatternsMatch(t *testing.T) {
	for _, pattern := range []string{`^a+b?[0-9]{2,3}$`, `(x|y)z*`, `[^a-z]`, `-[0-9]{2}-[0-9]{4}`, `^$`} {
		if len(Examples(pattern)) == 0 {
			t.Errorf("no example of %s", pattern)
		}
	}
	if Examples(`(`) != nil {
		t.Error("an example of something that is no pattern")
	}
}
