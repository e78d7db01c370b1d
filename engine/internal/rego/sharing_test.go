package rego

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// idle is an observer; policies that are observed share nothing.
type idle struct{}

func (idle) Begin(_ Evaluation, q *topdown.Query) *topdown.Query { return q }
func (idle) End(Evaluation, []Violation, []model.Problem)        {}

func TestWhatIsSharedIsTheSameForEveryPolicy(t *testing.T) {
	library := Source{File: "lib.rego", Text: `package lib
names contains c.name if some c in input.resource.spec.containers
wanted contains c.name if { some c in input.resource.spec.containers; c.name != input.parameters.not }
long(name) if count(name) > input.parameters.length
kind := input.resource.kind`}
	policy := func(name string) Module {
		return Module{Source: Source{File: name + ".rego", Text: "package " + name + `
violation contains sprintf("names %v", [data.lib.names])
violation contains sprintf("wanted %v", [data.lib.wanted])
violation contains sprintf("long %v", [name]) if { some name in data.lib.names; data.lib.long(name) }
violation contains sprintf("with %v", [names]) if names := data.lib.names with input as {"resource": {"spec": {"containers": [{"name": "other"}]}}}
violation contains sprintf("kind %v", [data.lib.kind])`}}
	}
	set, problems := Compile(context.Background(), []Module{{Source: library, Library: true}, policy("a"), policy("b")}, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	selections := []Selection{
		{Name: "a", Parameters: map[string]any{"not": "app", "length": 2}},
		{Name: "b", Parameters: map[string]any{"not": "sidecar", "length": 5}},
	}
	pod := ast.MustParseTerm(`{"kind": "Pod", "spec": {"containers": [{"name": "app"}, {"name": "sidecar"}]}}`)
	in := Input{Resource: pod, Identity: model.Resource{Kind: "Pod", Name: "x"}}
	alone, shared := bothWays(t, set, selections, []Input{in, in})
	if alone != shared {
		t.Errorf("alone:\n%s\nshared:\n%s", alone, shared)
	}
	if !strings.Contains(shared, `b wanted {"app"}`) || !strings.Contains(shared, `a wanted {"sidecar"}`) {
		t.Errorf("parameters were mixed up:\n%s", shared)
	}
}

func TestShippedPoliciesSayTheSameWithAndWithoutSharing(t *testing.T) {
	root := "../../../policies"
	var modules []Module
	var inputs []Input
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.rego"):
		case strings.HasSuffix(path, ".rego"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			modules = append(modules, Module{Source: Source{File: path, Text: string(text)}, Library: strings.Contains(path, "/lib/")})
		case strings.HasSuffix(path, ".yaml"):
			for _, d := range load.Read(load.Source{Path: path}, load.DefaultLimits).Documents {
				inputs = append(inputs, Input{Resource: d.Term, Identity: d.Resource, Operation: "CREATE"})
			}
		}
		return err
	})
	if err != nil || len(inputs) < 50 {
		t.Fatalf("%d examples, %v", len(inputs), err)
	}
	set, problems := Compile(context.Background(), modules, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var selections []Selection
	for _, p := range set.Policies {
		selections = append(selections, Selection{Name: p.Name})
	}
	alone, shared := bothWays(t, set, selections, inputs)
	if alone != shared {
		t.Error("the findings differ")
	}
	if strings.Count(shared, "\n") < len(inputs) {
		t.Errorf("only %d findings on %d examples", strings.Count(shared, "\n"), len(inputs))
	}
}

// bothWays evaluates the inputs with and without sharing and returns all messages.
func bothWays(t *testing.T, set *Set, selections []Selection, inputs []Input) (alone, shared string) {
	t.Helper()
	ctx := context.Background()
	texts := make([]string, 2)
	for way := range texts {
		e, err := set.NewEvaluator(ctx, selections, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(ctx)
		if way == 0 {
			e.Observe(idle{})
		}
		var b strings.Builder
		for _, in := range inputs {
			violations, problems := e.Evaluate(ctx, in)
			for _, v := range violations {
				fmt.Fprintln(&b, v.Policy.Name, v.Message, v.Severity, v.Details)
			}
			fmt.Fprint(&b, problems)
		}
		texts[way] = b.String()
	}
	return texts[0], texts[1]
}
