package locate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const unlimitedRule = `deny contains msg if {
	some i, c in input.resource.spec.containers
	not c.resources.limits.cpu
	msg := sprintf("%d", [i])
}`

func TestTwins(t *testing.T) {
	twins := `{kind: Pod, spec: {containers: [{name: a, image: x}, {name: a, image: x}, {name: a, image: x}]}}`
	check(t, telling{3, 9, 10}, map[string]shape{
		"equal containers, an entry each": {one(unlimitedRule), twins, "{}", map[string]string{
			"0": "/spec/containers/0", "1": "/spec/containers/1", "2": "/spec/containers/2"}},
		"equal containers, one entry": {one(`deny contains c.name if { some c in input.resource.spec.containers; c.image == "x" }`),
			twins, "{}", map[string]string{"a": "/spec/containers/0/image"}},
		"equal containers through a function": {one(`deny contains sprintf("%d", [i]) if { some i, c in input.resource.spec.containers; bad(c) }
bad(c) if c.image == "x"`), twins, "{}", map[string]string{
			"0": "/spec/containers/0/image", "1": "/spec/containers/1/image", "2": "/spec/containers/2/image"}},
		"equal containers through a negated function": {one(`deny contains sprintf("%d", [i]) if { some i, c in input.resource.spec.containers; not good(c) }
good(c) if c.image == "y"`), twins, "{}", map[string]string{
			"0": "/spec/containers/0/image", "1": "/spec/containers/1/image", "2": "/spec/containers/2/image"}},
	})
}

func TestOrderOfEntries(t *testing.T) {
	q := compile(t, one(unlimitedRule)...).query(t, `{spec: {containers: [{name: a}, {name: b}]}}`, "{}")
	entries := []*ast.Term{ast.StringTerm("1"), ast.StringTerm("never derived"), ast.StringTerm("0"), ast.StringTerm("1"), nil}
	paths, err := Paths(context.Background(), q, entries)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(paths))
	for i := range paths {
		got[i] = pointer(paths[i])
	}
	if want := "/spec/containers/1||/spec/containers/0|/spec/containers/1|"; strings.Join(got, "|") != want {
		t.Errorf("got %v, want %v", strings.Join(got, "|"), want)
	}
}

func TestWholeInputIsTheResource(t *testing.T) {
	r := compile(t, one(`deny contains "no" if { input.kind == "Pod"; not input.spec.containers[0].resources.limits }`)...)
	resource := term(t, pod)
	q := Query{Compiler: r.compiler, Rule: r.ref, Input: resource, Resource: resource, Roots: []ast.Ref{ast.InputRootRef}}
	q.Input = term(t, `{kind: Pod, spec: {containers: [{name: a}]}}`)
	q.Resource = q.Input
	if got := located(t, q)["no"]; got != "/spec/containers/0" {
		t.Errorf("got %q", got)
	}
}

func TestNothingToLookAt(t *testing.T) {
	r := compile(t, one(unlimitedRule)...)
	for name, q := range map[string]Query{
		"no resource":     {Compiler: r.compiler, Rule: r.ref},
		"no input":        {Compiler: r.compiler, Rule: r.ref, Resource: ast.StringTerm("x")},
		"a scalar":        {Compiler: r.compiler, Rule: r.ref, Resource: ast.NullTerm(), Input: ast.NullTerm(), Roots: []ast.Ref{ast.InputRootRef}},
		"an unknown rule": {Compiler: r.compiler, Rule: ast.MustParseRef("data.x.deny"), Resource: ast.NullTerm(), Input: ast.NullTerm()},
		"an empty root":   {Compiler: r.compiler, Rule: r.ref, Resource: ast.NullTerm(), Input: ast.NullTerm(), Roots: []ast.Ref{{}}},
	} {
		paths, err := Paths(context.Background(), q, []*ast.Term{ast.StringTerm("0")})
		if err != nil || len(paths) != 1 || paths[0] != nil {
			t.Errorf("%s: got %v, %v", name, paths, err)
		}
	}
}

// A resource with many findings, each of which would go over all of the resource again, costs no more than two evaluations of
// everything.
func TestExpressionsEvaluatedAgainAreBounded(t *testing.T) {
	rules := compile(t, "package p\nviolation contains m if { c := all[n]; bad(c, all); m := n }\nall[c.name] := c if some c in input.resource.spec.containers\n"+
		"bad(c, others) if { every o in others { o.image != c.name }; c.image == \"x\" }")
	var containers []string
	for i := range 900 {
		containers = append(containers, fmt.Sprintf("{name: c%d, image: x}", i))
	}
	q := rules.query(t, fmt.Sprintf("{kind: Pod, spec: {containers: [%s]}}", strings.Join(containers, ", ")), "{}")
	found := entries(t, q)
	q.Plans, q.Copy, q.Derived = &Plans{}, NewCopy(q.Resource), derivations(t, q)
	for _, entry := range found {
		q.told(entry).path(t.Context(), true)
	}
	if len(found) != 900 || q.spent < maxEvents || q.spent > maxEvents+1 {
		t.Errorf("%d findings, %d events", len(found), q.spent)
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	q := compile(t, one(unlimitedRule)...).query(t, pod, "{}")
	q.Prepare = func(*topdown.Query) *topdown.Query { panic("broken") }
	heard := stumbled
	defer func() { stumbled = heard }()
	stumbled = func(any) {}
	paths, err := Paths(context.Background(), q, []*ast.Term{ast.StringTerm("0"), term(t, "{path: /spec}")})
	if err == nil || len(paths) != 2 || pointer(paths[1]) != "/spec" {
		t.Errorf("got %v, %v", paths, err)
	}
}

func TestDeadline(t *testing.T) {
	q := compile(t, one(`deny contains "slow" if {
	some x in numbers.range(1, 100000)
	some y in numbers.range(1, 100000)
	x * y < 0
}`)...).query(t, pod, "{}")
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	begin := time.Now()
	_, err := Paths(ctx, q, []*ast.Term{ast.StringTerm("slow")})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

func TestEventsAreBounded(t *testing.T) {
	q := compile(t, one(`deny contains "slow" if {
	some x in numbers.range(1, 100000)
	some y in numbers.range(1, 100000)
	x * y < 0
}`)...).query(t, pod, "{}")
	paths, err := Paths(context.Background(), q, []*ast.Term{ast.StringTerm("never")})
	if err != nil || paths[0] != nil {
		t.Errorf("got %v, %v", paths, err)
	}
}

func TestEvaluationErrorKeepsWhatWasFound(t *testing.T) {
	q := compile(t, one(`deny contains "first" if input.resource.spec.hostNetwork
deny contains "second" if { clash == 3 }
clash := 1 if input.resource.spec.hostNetwork
clash := 2 if input.resource.spec.volumes`)...).query(t, pod, "{}")
	paths, err := Paths(context.Background(), q, []*ast.Term{ast.StringTerm("first"), ast.StringTerm("second")})
	if err == nil || pointer(paths[0]) != "/spec/hostNetwork" || paths[1] != nil {
		t.Errorf("got %v, %v", paths, err)
	}
}

func TestDeepResource(t *testing.T) {
	deep := ast.ObjectTerm(ast.Item(ast.StringTerm("bad"), ast.BooleanTerm(true)))
	for range 3000 {
		deep = ast.ObjectTerm(ast.Item(ast.StringTerm("x"), deep))
	}
	r := compile(t, one(`deny contains "deep" if { walk(input.resource, [_, v]); v.bad == true }`)...)
	q := Query{
		Compiler: r.compiler, Rule: r.ref, Resource: deep, Roots: []ast.Ref{ast.MustParseRef("input.resource")},
		Input: ast.ObjectTerm(ast.Item(ast.StringTerm("resource"), deep)),
	}
	if _, err := Paths(context.Background(), q, []*ast.Term{ast.StringTerm("deep")}); err != nil {
		t.Fatal(err)
	}
}

func TestWideResource(t *testing.T) {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "- {name: c%d, image: x}\n", i)
	}
	q := compile(t, one(`deny contains c.name if { some c in input.resource.spec.containers; c.name == "c19999"; not c.resources }`)...).
		query(t, "spec:\n  containers:\n  "+strings.ReplaceAll(b.String(), "\n", "\n  "), "{}")
	if got := located(t, q)["c19999"]; got != "/spec/containers/19999" {
		t.Errorf("got %q", got)
	}
}

// TestConcurrent shares the plans of one policy; the race detector watches.
func TestConcurrent(t *testing.T) {
	r, plans := compile(t, privileged, exempt), &Plans{}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			q := r.query(t, pod, "{}")
			q.Plans = plans
			for range 20 {
				paths, err := Paths(context.Background(), q, entries(t, q))
				if err != nil || len(paths) != 1 || pointer(paths[0]) != "/spec/containers/1/securityContext/privileged" {
					t.Errorf("got %v, %v", paths, err)
				}
			}
		})
	}
	group.Wait()
}

// TestStable: the same question has the same answer, whatever order maps are walked in.
func TestStable(t *testing.T) {
	q := compile(t, limits).query(t, pod, "{cpu: 50m}")
	first := fmt.Sprint(located(t, q))
	for range 50 {
		if again := fmt.Sprint(located(t, q)); again != first {
			t.Fatalf("got %v, then %v", first, again)
		}
	}
}
