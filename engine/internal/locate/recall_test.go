package locate

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/trial"
)

// A constant message, a message that names another container's values, and conditions on fields that no message names:
// what recalling must not be misled by.
const sly = `
package sly
violation["some image moves"] {
  endswith(input.review.object.spec.containers[_].image, ":latest")
}
violation[msg] {
  c := input.review.object.spec.containers[_]
  c.securityContext.privileged
  msg := sprintf("%v is privileged", [c.image])
}
violation[msg] {
  c := input.review.object.spec.containers[i]
  c.resources.limits.cpu == "2"
  msg := sprintf("the neighbour of %v is greedy", [input.review.object.spec.containers[(i + 1) % 2].name])
}
violation[msg] {
  c := input.review.object.spec.containers[_]
  limit := c.resources.limits[kind]
  limit == "2"
  msg := sprintf("%v has too much", [c.name])
}
violation[msg] {
  c := input.review.object.spec.containers[_]
  not c.livenessProbe
  msg := sprintf("%v in %v has no probe", [c.name, input.review.object.metadata.name])
}
`

func choose[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomPod(r *rand.Rand) map[string]any {
	name := choose(r, "web", "db", "cache", fmt.Sprintf("app-%d", r.IntN(1000)))
	var containers []any
	for range 2 {
		c := map[string]any{
			"name":            choose(r, name, "main", "sidecar", fmt.Sprintf("c-%d", r.IntN(1000))),
			"image":           choose(r, "nginx", "nginx:latest", "web", fmt.Sprintf("registry/a:%d", r.IntN(50)), "registry/a:latest"),
			"securityContext": map[string]any{"privileged": r.IntN(2) == 0},
			"resources":       map[string]any{"limits": map[string]any{"cpu": choose(r, "1", "2"), "memory": choose(r, "1", "2", "3Gi")}},
		}
		if r.IntN(4) == 0 {
			c["livenessProbe"] = map[string]any{"exec": map[string]any{}}
		}
		containers = append(containers, c)
	}
	labels := map[string]any{"app": name, "team": choose(r, "a", "B", "web")}
	return map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "labels": labels},
		"spec": map[string]any{"containers": containers},
	}
}

const randomParameters = `{"labels": [{"key": "owner"}, {"key": "team", "allowedRegex": "^[a-z]+$"}], "exemptImages": ["web"]}`

func TestWhatIsRecalledIsWhatAnEvaluationFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(trial.Seed(t), 1)) //nolint:gosec // a test wants variety, not secrets
	sets := map[string]rules{
		"sly": compile(t, sly), "privileged": compile(t, privileged, exempt), "labels": compile(t, requiredLabels),
	}
	plans := map[string]*Plans{"sly": {}, "privileged": {}, "labels": {}}
	recalled, total := 0, 0
	for range 1500 {
		manifest, err := json.Marshal(randomPod(r))
		if err != nil {
			t.Fatal(err)
		}
		for name, rules := range sets {
			q := rules.query(t, string(manifest), randomParameters)
			entries := entriesOf(t, q)
			want, err := Paths(context.Background(), q, entries)
			if err != nil {
				t.Fatal(err)
			}
			q.Plans, q.Copy = plans[name], NewCopy(q.Resource)
			for _, entry := range entries {
				if _, ok := q.recall(entry); ok {
					recalled++
				}
				total++
			}
			got, err := Paths(context.Background(), q, entries)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: recalled %v, evaluated %v (%v)\n%v\n%s", name, got, want, err, entries, manifest)
			}
		}
	}
	t.Logf("%d of %d recalled", recalled, total)
	if recalled*3 < total {
		t.Errorf("only %d of %d entries were recalled: this test compares little", recalled, total)
	}
}

// What was found for one resource is found for another without an evaluation where the entry tells that it must be the same
// place, and nowhere else.
func TestWhatIsRecalled(t *testing.T) {
	const (
		limits = "deny contains m if { some c in input.resource.spec.containers; c.cpu != \"1\"; m := sprintf(%s, [c.name]) }"
		image  = "deny contains m if { some c in input.resource.spec.containers; endswith(c.image, \"x\"); m := sprintf(\"%v of %v is bad\", [c.image, c.name]) }"
		pods   = "{metadata: {name: %s}, spec: {containers: [{name: %s, image: %s, cpu: %q}, {name: %s, image: %s, cpu: %q}]}}"
	)
	web := fmt.Sprintf(pods, "web", "a", "ax", "2", "b", "b", "1")
	for name, c := range map[string]struct {
		rule, first, second, parameters string
		want                            string // the places, `-` for one that is evaluated
	}{
		"the same":                        {rule: image, second: web, want: "/spec/containers/0/image"},
		"other names":                     {rule: image, second: fmt.Sprintf(pods, "db", "c", "cx", "3", "d", "d", "1"), want: "/spec/containers/0/image"},
		"names of several words":          {rule: image, second: fmt.Sprintf(pods, "db", "c", "c d-ex", "3", "d", "d", "1"), want: "/spec/containers/0/image"},
		"a name within another":           {rule: image, first: fmt.Sprintf(pods, "web", "a-b", "a-bx", "2", "b", "a", "1"), second: fmt.Sprintf(pods, "db", "c-d", "c-dx", "2", "d", "c", "1"), want: "/spec/containers/0/image"},
		"the neighbour":                   {rule: image, second: fmt.Sprintf(pods, "web", "a", "a", "2", "b", "bx", "1"), want: "-"},
		"a name that stands twice":        {rule: image, second: fmt.Sprintf(pods, "c", "c", "cx", "3", "d", "d", "1"), want: "-"},
		"a name of the neighbour":         {rule: image, second: fmt.Sprintf(pods, "db", "c", "cx", "3", "c", "d", "1"), want: "-"},
		"two names that were one":         {rule: image, first: fmt.Sprintf(pods, "a", "a", "ax", "2", "b", "b", "1"), second: fmt.Sprintf(pods, "c", "d", "cx", "3", "e", "f", "1"), want: "-"},
		"an empty name":                   {rule: image, second: fmt.Sprintf(pods, "db", "\"\"", "cx", "3", "d", "d", "1"), want: "-"},
		"another shape":                   {rule: image, second: strings.Replace(web, "metadata: {", "metadata: {uid: u, ", 1), want: "-"},
		"another type":                    {rule: image, second: strings.Replace(web, "name: web", "name: 7", 1), want: "-"},
		"other parameters":                {rule: image, second: web, parameters: "{a: 1}", want: "-"},
		"other words":                     {rule: "deny contains m if { some c in input.resource.spec.containers; endswith(c.image, \"x\"); m := sprintf(\"%v of %v is %v\", [c.image, c.name, to_number(c.cpu) * 10]) }", second: strings.Replace(web, `"2"`, `"3"`, 1), want: "-"},
		"words before and after":          {rule: strings.Replace(image, "is bad", "is bad, every time", 1), second: web, want: "/spec/containers/0/image"},
		"a value by its key":              {rule: fmt.Sprintf(limits, `"%v has its bad cpu"`), second: strings.Replace(web, "name: a", "name: c", 1), want: "/spec/containers/0/cpu"},
		"a value by its key, at the end":  {rule: fmt.Sprintf(limits, `"%v has no cpus but its cpu"`), second: strings.Replace(web, "name: a", "name: c", 1), want: "/spec/containers/0/cpu"},
		"a value by its key, at first":    {rule: fmt.Sprintf(limits, `"cpu of %v"`), second: strings.Replace(web, "name: a", "name: c", 1), want: "/spec/containers/0/cpu"},
		"a value by its key that differs": {rule: fmt.Sprintf(limits, `"%v has its bad cpu"`), second: strings.Replace(web, `"2"`, `"3"`, 1), want: "-"},
		"a value by no key":               {rule: fmt.Sprintf(limits, `"%v has too much"`), second: web, want: "-"},
		"a value by a part of its key":    {rule: fmt.Sprintf(limits, `"%v has its bad cpu_share"`), second: web, want: "-"},
		"a value by the end of a word":    {rule: fmt.Sprintf(limits, `"%v has its bad gcpu"`), second: web, want: "-"},
		"an element that nothing names":   {rule: "deny contains \"the cpu is bad\" if { some c in input.resource.spec.containers; c.cpu != \"1\" }", second: web, want: "-"},
		"an element by another's name":    {rule: "deny contains m if { some i, c in input.resource.spec.containers; c.cpu != \"1\"; m := sprintf(\"cpu beside %v\", [input.resource.spec.containers[1 - i].name]) }", second: web, want: "-"},
		"an element by two names":         {rule: "deny contains m if { some i, c in input.resource.spec.containers; c.cpu != \"1\"; m := sprintf(\"cpu of %v beside %v\", [c.name, input.resource.spec.containers[1 - i].name]) }", second: web, want: "/spec/containers/0/cpu"},
		"what has no elements":            {rule: "deny contains m if { input.resource.metadata.name != \"\"; m := sprintf(\"the name %v\", [input.resource.metadata.name]) }", second: strings.Replace(web, "name: web", "name: db", 1), want: "/metadata/name"},
		"what is no scalar":               {rule: "deny contains m if { not input.resource.spec.paused; m := sprintf(\"%v runs\", [input.resource.metadata.name]) }", second: strings.Replace(web, "name: web", "name: db", 1), want: "/spec"},
		"an entry with more":              {rule: strings.Replace(strings.Replace(image, "contains m if", "contains {\"msg\": m, \"more\": [c.name, 1, {c.image}, null]} if", 1), "is bad", "", 1), second: fmt.Sprintf(pods, "db", "c", "cx", "3", "d", "d", "1"), want: "/spec/containers/0/image"},
		"an entry with other keys":        {rule: "deny contains {c.cpu: m} if { some c in input.resource.spec.containers; endswith(c.image, \"x\"); m := c.image }", second: strings.Replace(web, `"2"`, `"3"`, 1), want: "-"},
		"an entry with other numbers":     {rule: "deny contains {\"msg\": c.image, \"n\": to_number(c.cpu)} if { some c in input.resource.spec.containers; endswith(c.image, \"x\") }", second: strings.Replace(web, `"2"`, `"3"`, 1), want: "-"},
		"an entry with more numbers":      {rule: "deny contains {\"msg\": c.image, \"n\": numbers.range(1, to_number(c.cpu))} if { some c in input.resource.spec.containers; endswith(c.image, \"x\") }", second: strings.Replace(web, `"2"`, `"3"`, 1), want: "-"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, plans := compile(t, one(c.rule)...), &Plans{}
			ask := func(manifest, parameters string) (Query, []*ast.Term) {
				q := rules.query(t, manifest, parameters)
				q.Plans, q.Copy = plans, NewCopy(q.Resource)
				return q, entriesOf(t, q)
			}
			q, found := ask(cmp.Or(c.first, web), "{}")
			if _, err := Paths(context.Background(), q, found); err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			q, found = ask(c.second, cmp.Or(c.parameters, "{}"))
			if len(found) != 1 {
				t.Fatal(found)
			}
			got := "-"
			if path, ok := q.recall(found[0]); ok {
				got = pointer(path)
			}
			if got != c.want {
				t.Errorf("%v: got %s, want %s", found, got, c.want)
			}
			evaluated := pathsOf(t, q, found)
			if got != "-" && got != pointer(evaluated[0]) {
				t.Errorf("%v: an evaluation finds %s", found, pointer(evaluated[0]))
			}
		})
	}
}

// A memory is bounded by how many entries of one shape it keeps, and by how many shapes.
func TestAMemoryIsBounded(t *testing.T) {
	s := NewSketch(term(t, "{a: b}"))
	path := []any{"a"}
	var entries, shapes memory[[]any]
	for i := range 2 * maxPatterns {
		entries.learn(s, circumstances{}, ast.StringTerm(fmt.Sprintf("%d: b", i)), path, path)
	}
	for i := range 2 * maxCircumstances {
		shapes.learn(s, circumstances{parameters: i}, ast.StringTerm("b"), path, path)
	}
	for i := range 2 * maxCircumstances {
		if _, ok := shapes.recall(s, circumstances{parameters: i}, ast.StringTerm("b")); ok != (i < maxCircumstances) {
			t.Errorf("shape %d: %v", i, ok)
		}
	}
	for i := range 2 * maxPatterns {
		if _, ok := entries.recall(s, circumstances{}, ast.StringTerm(fmt.Sprintf("%d: b", i))); ok != (i < maxPatterns) {
			t.Errorf("entry %d: %v", i, ok)
		}
	}
	var all memory[[]any]
	for i := range 2 * maxKept {
		all.learn(s, circumstances{parameters: i % maxCircumstances}, ast.StringTerm(fmt.Sprintf("%d: b", i)), path, path)
	}
	if all.kept != maxKept {
		t.Errorf("%d are kept", all.kept)
	}
	shapes.learn(s, circumstances{}, ast.StringTerm("more of b"), path, path)
	if _, ok := shapes.recall(s, circumstances{}, ast.StringTerm("more of b")); !ok {
		t.Error("nothing more is kept of a shape that is known")
	}
}

func entriesOf(t *testing.T, q Query) []*ast.Term {
	t.Helper()
	var entries []*ast.Term
	body := ast.NewBody(ast.Equality.Expr(ast.VarTerm("x"), ast.NewTerm(q.Rule)))
	compiled, err := q.Compiler.QueryCompiler().Compile(body)
	if err != nil {
		t.Fatal(err)
	}
	err = topdown.NewQuery(compiled).WithCompiler(q.Compiler).WithInput(q.Input).
		Iter(context.Background(), func(result topdown.QueryResult) error {
			if set, ok := result["x"].Value.(ast.Set); ok {
				entries = append(entries, set.Slice()...)
			}
			return nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// What a rule is about that compares a resource with others may be another field for the resource itself.
func TestNothingIsRecalledOfRulesThatReadData(t *testing.T) {
	for name, c := range map[string]struct {
		module string
		want   bool
	}{
		"other resources":                {`deny contains "m" if input.resource.x == data.inventory.x`, true},
		"other resources, in a function": {"f(x) if x == data.inventory[_]\ndeny contains \"m\" if f(input.resource.x)", true},
		"rules alone":                    {"f(x) if x == 1\ng := 1\ndeny contains \"m\" if { f(input.resource.x); data.p.g == 1 }", false},
		"rules that call each other":     {"g if h\nh if input.resource.y\ndeny contains \"m\" if g", false},
		"a rule by its name":             {"g.a := 1\ndeny contains \"m\" if { some k; data.p.g[k] == input.resource.x }", false},
	} {
		t.Run(name, func(t *testing.T) {
			rules := compile(t, one(c.module)...)
			if got := readsData(rules.compiler, rules.query(t, "{x: 1}", "{}").Rule); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
