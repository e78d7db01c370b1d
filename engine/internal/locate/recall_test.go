package locate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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
