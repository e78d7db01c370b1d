package conflict

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// vocabulary are conditions that random rules are made of.
var vocabulary = []string{
	`input.resource.kind == "Deployment"`, `input.resource.kind == "Pod"`, `input.resource.kind in {"Pod", "Deployment"}`, `input.resource.kind != "Pod"`,
	`input.resource.spec.replicas < 2`, `input.resource.spec.replicas <= 2`, `input.resource.spec.replicas > 1`, `input.resource.spec.replicas >= 2`,
	`input.resource.spec.replicas == 2`, `input.resource.spec.replicas != 2`, `not input.resource.spec.replicas`, `not input.resource.spec.replicas >= 2`,
	`input.resource.spec.hostNetwork`, `not input.resource.spec.hostNetwork`, `input.resource.spec.hostNetwork == true`, `input.resource.spec.hostNetwork == false`,
	`input.resource.spec.policy in {"a", "b"}`, `not input.resource.spec.policy in {"a", "b"}`, `input.resource.spec.policy != "a"`, `input.resource.spec.policy == "b"`,
	`not input.resource.metadata.labels.team`, `input.resource.metadata.labels.team`, `input.resource.metadata.labels.team == "x"`,
	`some c# in input.resource.spec.containers; c#.tty`, `some c# in input.resource.spec.containers; c#.tty == true; c#.name == "a"`,
	`some c# in input.resource.spec.containers; not c#.tty`, `some c# in input.resource.spec.containers; c#.name != "a"`,
	`some d# in input.resource.spec.containers; d#.name == "a"`, `every e# in input.resource.spec.containers { e#.tty }`,
	`count(input.resource.spec.containers) > 1`, `startswith(input.resource.spec.policy, "a")`,
}

// dice draws the same cases every time.
type dice struct{ *rand.Rand }

// rule joins conditions, the variables of each of which are its own.
func (d dice) rule() string {
	var out []string
	for range 1 + d.IntN(3) {
		out = append(out, strings.ReplaceAll(vocabulary[d.IntN(len(vocabulary))], "#", fmt.Sprint(len(out))))
	}
	return strings.Join(out, "; ")
}

func (d dice) resource() map[string]any {
	pick := func(into map[string]any, key string, values ...any) {
		if i := d.IntN(len(values) + 1); i < len(values) {
			into[key] = values[i]
		}
	}
	spec, labels := map[string]any{}, map[string]any{}
	pick(spec, "replicas", json.Number("0"), json.Number("1"), json.Number("1.5"), json.Number("2"), json.Number("3"), "2", nil, false)
	pick(spec, "hostNetwork", true, false, "yes", nil)
	pick(spec, "policy", "a", "b", "c", "ab", json.Number("1"), false)
	pick(labels, "team", "x", "y", false)
	var containers []any
	for range d.IntN(3) {
		container := map[string]any{}
		pick(container, "name", "a", "b")
		pick(container, "tty", true, false)
		containers = append(containers, container)
	}
	if containers != nil {
		spec["containers"] = containers
	}
	out := map[string]any{"metadata": map[string]any{"labels": labels}, "spec": spec}
	pick(out, "kind", "Deployment", "Pod", "Service")
	return out
}

// TestWhatIsCertainHolds draws pairs of rules, and resources that would show that a certain conflict is none.
func TestWhatIsCertainHolds(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	pairs, resources := 1500, 250
	if testing.Short() {
		pairs = 400
	}
	seen := map[string]int{}
	for range pairs {
		first, second := d.rule(), d.rule()
		units := unitsOf(t, policy("a", first), policy("b", second))
		if units == nil {
			continue // a rule that does not compile
		}
		a, b := units[0], units[1]
		claims := claimed(a, b)
		for range resources {
			r := d.resource()
			ha, hb := held(a, r), held(b, r)
			for name, claim := range claims {
				seen[name]++
				if !claim(r, ha, hb) {
					t.Fatalf("%s is not so:\n a: %s (%v)\n b: %s (%v)\n %s", name, first, ha, second, hb, explore.Text(r))
				}
			}
		}
	}
	for _, name := range []string{"a implies b", "b implies a", "a can't hold", "one of both"} {
		if seen[name] == 0 {
			t.Errorf("%s was never claimed, so this test shows nothing", name)
		}
	}
}

func unitsOf(t *testing.T, some ...files) []*unit {
	t.Helper()
	f := &finder{ctx: context.Background(), tell: func(string) error { return nil }}
	for _, one := range some {
		for name, text := range one {
			f.sources.Modules = append(f.sources.Modules, rego.Module{Source: rego.Source{File: name, Text: text}, Origin: "."})
		}
	}
	if model.HasErrors(f.open()) || len(f.units) != len(some) {
		return nil
	}
	for _, j := range f.judges {
		f.reduce(j)
	}
	return f.units
}

func held(u *unit, resource map[string]any) bool {
	o := u.subject.Run(context.Background(), u.subject.Place(resource))
	return o.Err == nil && o.Held[u.number]
}

// claimed are the certain conflicts of two rules, as laws that every resource must keep.
func claimed(a, b *unit) map[string]func(r map[string]any, a, b bool) bool {
	out := map[string]func(map[string]any, bool, bool) bool{}
	if a.implies(b) {
		out["a implies b"] = func(_ map[string]any, a, b bool) bool { return !a || b }
	}
	if b.implies(a) {
		out["b implies a"] = func(_ map[string]any, a, b bool) bool { return !b || a }
	}
	if a.sameConditions(b) {
		out["a is b"] = func(_ map[string]any, a, b bool) bool { return a == b }
	}
	if a.impossible() {
		out["a can't hold"] = func(_ map[string]any, a, _ bool) bool { return !a }
	}
	if p := proof(a, b); p != nil {
		out["one of both"] = func(r map[string]any, a, b bool) bool {
			return !inScope(r, p.guards) || !p.total && !sets(r, shortRef(p.a.about)) || a || b
		}
	}
	return out
}

// inScope says whether a resource is one that a contradiction is about.
func inScope(r map[string]any, guards conjunction) bool {
	return !slices.ContainsFunc(guards, func(l literal) bool {
		value, there := any(r), true
		for _, key := range strings.Split(shortRef(l.ref), ".") {
			object, _ := value.(map[string]any)
			value, there = object[key]
		}
		switch {
		case l.operator == "not":
			return there && value != false
		}
		return !there || !l.admits(explore.Term(value))
	})
}

// sets says whether a resource has a field, of some element of a list where it is one's.
func sets(r map[string]any, field string) bool {
	values := []any{r}
	for _, key := range strings.Split(field, ".") {
		name, open := strings.CutSuffix(key, "[_]")
		var next []any
		for _, value := range values {
			object, _ := value.(map[string]any)
			inner, there := object[name]
			if list, isList := inner.([]any); open && isList {
				next = append(next, list...)
			} else if there && !open {
				next = append(next, inner)
			}
		}
		values = next
	}
	return len(values) > 0
}
