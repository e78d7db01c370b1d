package rego

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/model"
)

// own is a policy of the project.
func own(text string) Module {
	return Module{Source: Source{File: "p.rego", Text: "package p\n" + text}}
}

// warned are the places and fields of the warnings about fields that the input lacks: `3:2 kind`.
func warned(problems []model.Problem) string {
	var out []string
	for _, p := range problems {
		if p.Code == "input_field" {
			_, field, _ := strings.Cut(p.Message, "`input.")
			field, _, _ = strings.Cut(field, "`")
			out = append(out, fmt.Sprintf("%d:%d %s", p.Line, p.Column, field))
		}
	}
	return strings.Join(out, ", ")
}

func TestFieldsThatTheInputDoesNotHave(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"one that it has":          {`deny contains "x" if input.resource.kind == input.review.kind.kind`, ""},
		"conftest's":               {`deny contains "x" if input.kind == "Pod"`, "2:22 kind"},
		"once for each file":       {"deny contains \"x\" if {\n  input.kind == \"Pod\"\n  input.kind != input.spec\n}", "3:3 kind, 4:17 spec"},
		"in brackets":              {`deny contains "x" if input["kind"] == "Pod"`, "2:22 kind"},
		"a key that is computed":   {`deny contains "x" if input[input.parameters.key]`, ""},
		"by an import":             {"import input.request as req\ndeny contains \"x\" if req.kind.kind == \"Pod\"", "2:8 request"},
		"by an import of it all":   {"import input as doc\ndeny contains \"x\" if doc.kind == \"Pod\"", "3:22 kind"},
		"by a rule":                {"doc := input\ndeny contains \"x\" if doc.kind == \"Pod\"", "3:22 kind"},
		"by a variable":            {`deny contains "x" if { doc := input; doc.kind == "Pod" }`, "2:38 kind"},
		"by a unified variable":    {`deny contains "x" if { doc = input; doc.kind == "Pod" }`, "2:37 kind"},
		"of another variable":      {`deny contains "x" if { doc := input.resource; doc.kind == "Pod" }`, ""},
		"in a comprehension":       {`deny contains "x" if count([c | some c in input.spec.containers]) > 0`, "2:43 spec"},
		"in a nested every":        {`deny contains "x" if every c in input.resource.spec { c == input.spec }`, "2:60 spec"},
		"in a function":            {"is_pod(_) if input.kind == \"Pod\"\ndeny contains \"x\" if is_pod(1)", "2:14 kind"},
		"in an else":               {"k := 1 if input.resource.x\nelse := 2 if { input.kind }\ndeny contains \"x\" if k == 2", "3:16 kind"},
		"in a head":                {`deny contains input.metadata.name if true`, "2:15 metadata"},
		"by object.get":            {`deny contains "x" if object.get(input, "kind", "") == "Pod"`, "2:33 kind"},
		"by object.get and a path": {`deny contains "x" if { y := object.get(input, ["spec", "a"], ""); y }`, "2:40 spec"},
		"by a nested object.get":   {`deny contains "x" if count(object.get(input, "spec", {})) > 0`, "2:39 spec"},
		"by object.get, had":       {`deny contains "x" if object.get(input, "resource", {}) == 1`, ""},
		"with another input":       {`deny contains "x" if { y := input.kind with input as {"kind": "Pod"}; y }`, ""},
		"a rule nobody reaches":    {"allow if input.method == \"GET\"\ndeny contains \"x\" if input.resource.kind", ""},
		"no policy at all":         {`allow if input.method == "GET"`, ""},
		"the input as a whole":     {`deny contains "x" if walk(input, [_, "root"])`, ""},
		"a name that is shadowed":  {`deny contains "x" if { some doc in input.resource.list; doc.kind == "Pod" }`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Compile(context.Background(), []Module{own(c.text)}, Options{Form: ResourceForm})
			if got := warned(problems); got != c.want || model.HasErrors(problems) {
				t.Errorf("got %s, want %s: %v", got, c.want, problems)
			}
		})
	}
}

func TestFieldsAreThoseOfTheForm(t *testing.T) {
	all := own(`deny contains "x" if { input.resource; input.kind; input.request; input.parameters; input.spec; data.attest.lib.x }`)
	library := Module{Library: true, Source: Source{File: "lib.rego", Text: "package attest.lib\nx if input.resource\ny if input.review"}}
	for form, want := range map[Form]string{
		"":            "",
		ResourceForm:  "2:40 kind, 2:52 request, 2:85 spec",
		ConftestForm:  "2:24 resource, 2:52 request, 2:6 resource",
		AdmissionForm: "2:24 resource, 2:67 parameters, 2:85 spec, 2:6 resource",
	} {
		t.Run(string(form), func(t *testing.T) {
			_, problems := Compile(context.Background(), []Module{all, library}, Options{Form: form})
			if got := warned(problems); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestOnlyTheProjectsOwnPoliciesAreWarnedOf(t *testing.T) {
	for name, module := range map[string]Module{
		"a library":           {Library: true, Source: Source{File: "p.rego", Text: "package p\nx if input.kind"}},
		"one that is shipped": {Shipped: true, Source: Source{File: "p.rego", Text: "package p\ndeny contains \"x\" if input.kind"}},
		"a test":              {Source: Source{File: "p_test.rego", Text: "package p_test\ndeny contains \"x\" if input.kind"}},
		"a test rule":         own("deny contains \"x\" if test_kind\ntest_kind if input.kind"),
	} {
		t.Run(name, func(t *testing.T) {
			modules := []Module{module, {Source: Source{File: "q.rego", Text: "package q\ndeny contains \"x\" if data.p.x"}}}
			if _, problems := Compile(context.Background(), modules, Options{Form: ResourceForm}); len(problems) > 0 {
				t.Error(problems)
			}
		})
	}
}

func TestAnInlinePolicyIsWarnedOfAtItsPlace(t *testing.T) {
	inline := Module{Source: Source{File: "a.yaml", Line: 7, Column: 9, Text: "package p\ndeny contains \"x\" if input.kind"}}
	_, problems := Compile(context.Background(), []Module{inline}, Options{Form: ResourceForm})
	if got := warned(problems); got != "8:30 kind" {
		t.Error(got)
	}
}

func TestEachFormFindsTheResourceAndItsFields(t *testing.T) {
	ctx, parse := context.Background(), ast.MustParseTerm
	pod := parse(`{"apiVersion": "apps/v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"host": true}}`)
	in := Input{
		Resource: pod, Identity: model.Resource{APIVersion: "apps/v1", Kind: "Pod", Name: "web", Namespace: "prod"},
		Operation: "CREATE", User: parse(`{"username": "ann"}`), Namespace: parse(`{"kind": "Namespace"}`),
	}
	const review = `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "", "name": "web", "namespace": "prod",
		"operation": "CREATE", "kind": {"group": "apps", "version": "v1", "kind": "Pod"}, "userInfo": {"username": "ann"}, "object": %s}}`
	shipped := Module{Shipped: true, Source: Source{File: "s.rego", Text: "package s\ndeny contains \"s\" if input.resource.spec.host"}}
	for form, c := range map[Form]struct{ at, input string }{
		ConftestForm:  {"input", pod.String()},
		AdmissionForm: {"input.request.object", fmt.Sprintf(review, pod)},
	} {
		for _, mode := range []compiled.Mode{compiled.OPA, compiled.Compiled, compiled.Both} {
			t.Run(string(form)+" "+string(mode), func(t *testing.T) {
				set, problems := Compile(ctx, []Module{own(`deny contains "p" if ` + c.at + ".spec.host"), shipped}, Options{Form: form, Evaluator: mode})
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				evaluator, err := set.NewEvaluator(ctx, []Selection{{Name: "p"}, {Name: "s"}}, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				defer evaluator.Close(ctx)
				found, problems := evaluator.Evaluate(ctx, in)
				if len(found) != 2 || len(problems) > 0 {
					t.Fatal(found, problems)
				}
				if !found[0].Input.Equal(parse(c.input)) {
					t.Errorf("the input is %s", found[0].Input)
				}
				if paths := fmt.Sprint(evaluator.Locate(ctx, found, pod)); paths != "[[spec host] [spec host]]" {
					t.Errorf("they stand at %s", paths)
				}
			})
		}
	}
}

func TestNothingIsKeptFromOneFormToAnother(t *testing.T) {
	ctx := context.Background()
	library := Module{Library: true, Source: Source{File: "lib.rego", Text: "package lib\nkind := object.get(input, \"kind\", \"none\")"}}
	module := func(name string, shipped bool) Module {
		text := "package " + name + "\ndeny contains data.lib.kind"
		return Module{Shipped: shipped, Source: Source{File: name + ".rego", Text: text}}
	}
	modules := []Module{library, module("a", false), module("b", true), module("c", false)}
	set, _ := Compile(ctx, modules, Options{Form: ConftestForm})
	evaluator, err := set.NewEvaluator(ctx, []Selection{{Name: "a"}, {Name: "b"}, {Name: "c"}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer evaluator.Close(ctx)
	found, _ := evaluator.Evaluate(ctx, Input{Resource: ast.MustParseTerm(`{"kind": "Pod"}`), Identity: model.Resource{Kind: "Pod"}})
	var said []string
	for _, v := range found {
		said = append(said, v.Policy.Name+" "+v.Message)
	}
	if got := strings.Join(said, ", "); got != "a Pod, b none, c Pod" {
		t.Error(got)
	}
}

func TestAnUnknownFormIsRefused(t *testing.T) {
	var form Form
	if err := form.UnmarshalJSON([]byte(`"opa"`)); err == nil || !strings.Contains(err.Error(), "resource, conftest or admission") {
		t.Error(err)
	}
	if err := form.UnmarshalJSON([]byte(`""`)); err != nil || form != ResourceForm {
		t.Error(form, err)
	}
}
