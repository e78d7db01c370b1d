package gkgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/policyset"
)

// generate makes the templates of policies that stand in a folder, one file for each text.
func generate(t *testing.T, data string, sources ...string) Result {
	t.Helper()
	folder := t.TempDir()
	for i, source := range sources {
		file := filepath.Join(folder, string(rune('a'+i))+".rego")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	params := policyset.Params{Paths: []string{folder}, OPA: true, Gatekeeper: true, Data: []byte(data)}
	return Run(Params{Params: params, Policies: []string{"p"}})
}

func TestReferences(t *testing.T) {
	const helper = "package team.lib\nname(x) := x.metadata.name\nunused := 1\n"
	cases := map[string]struct {
		policy string   // after `package p`
		want   []string // fragments of the template's Rego
	}{
		"the resource": {
			`violation contains m if { m := input.resource.kind }`, []string{"m := input.review.object.kind"},
		},
		"the resource by a computed key": {
			`violation contains m if { some k in ["kind"]; m := input.resource[k] }`, []string{"input.review.object[k]"},
		},
		"references in references": {
			`violation contains m if { m := input.parameters[input.resource.kind] }`,
			[]string{"input.parameters[input.review.object.kind]"},
		},
		"references in comprehensions and calls": {
			`violation contains m if { m := concat("", [x | some x in [input.resource.kind]]) }`,
			[]string{"[x | some x in [input.review.object.kind]]"},
		},
		"references in a comprehension that is looked into": {
			`violation contains m if { m := [x | some x in [input.resource.kind]][0] }`,
			[]string{"[x | some x in [input.review.object.kind]][0]"},
		},
		"a comparison of comparisons": {
			`violation contains "x" if not (input.resource.a == 1) == (input.resource.b in [2])`,
			[]string{"not (input.review.object.a == 1) == [input.review.object.b in [2]][0]"},
		},
		"a comparison with a comparison": {
			`violation contains "x" if input.resource.a == (input.resource.b == false)`,
			[]string{"input.review.object.a == (input.review.object.b == false)"},
		},
		"a comparison with a membership": {
			`violation contains "x" if { y := [input.resource.a == (input.resource.b in [2])]; y[0] }`,
			[]string{"input.review.object.a == [input.review.object.b in [2]][0]"},
		},
		"a membership of a membership": {
			`violation contains "x" if input.resource.a in (input.resource.b in [2])`,
			[]string{"input.review.object.a in [input.review.object.b in [2]][0]"},
		},
		"comparisons of sums": {`violation contains "x" if input.resource.a + 1 < (2 + 3) * 4`, []string{"(input.review.object.a + 1) < ((2 + 3) * 4)"}},
		"a comparison that a variable holds": {
			`violation contains x if { x := input.resource.a == 1 }`, []string{"x := input.review.object.a == 1"},
		},
		"the operation": {`violation contains input.operation`, []string{"violation contains input.review.operation"}},
		"the user": {
			`violation contains m if { m := input.user.username }`,
			[]string{"import data.lib.attest_input", "attest_input.user.username", "package lib.attest_input"},
		},
		"the Namespace object": {
			`violation contains m if { m := input.namespace.metadata.name }`,
			[]string{"attest_input.namespace.metadata.name", "input.review.namespaceObject"},
		},
		"the Namespace object as older Gatekeepers gave it": {
			`violation contains m if { m := input.review._unstable.namespace.metadata.name }`,
			[]string{"attest_input.namespace.metadata.name"},
		},
		"the review": {`violation contains m if { m := input.review.object.kind }`, []string{"m := input.review.object.kind"}},
		"the whole input": {
			`violation contains m if { walk(input, [_, m]); is_string(m) }`, []string{"walk(attest_input.document, "},
		},
		"the input by a computed key": {
			`violation contains m if { some k in ["resource"]; m := input[k].kind }`, []string{"attest_input.document[k].kind"},
		},
		"a name that is taken": {
			`violation contains m if { attest_input := 1; m := sprintf("%v%v", [attest_input, input.user.username]) }`,
			[]string{"import data.lib.attest_input as attest_input_", "attest_input_.user.username"},
		},
		"a package by import": {
			"import data.team.lib\nviolation contains m if { m := lib.name(input.resource) }",
			[]string{"import data.lib.team.lib\n", "lib.name(input.review.object)", "package lib.team.lib"},
		},
		"a package by its full name": {
			"violation contains m if { m := data.team.lib.name(input.resource) }",
			[]string{"import data.lib.team.lib as team_lib", "team_lib.name(input.review.object)"},
		},
		"a rule by import": {
			"import data.team.lib.name as n\nviolation contains m if { m := n(input.resource) }",
			[]string{"import data.lib.team.lib.name as n", "n(input.review.object)"},
		},
		"a part of the input by import": {
			"import input.resource as r\nviolation contains m if { m := r.kind }",
			[]string{"r := input.review.object", "m := r.kind"},
		},
		"a document": {
			"violation contains m if { m := data.settings.words[_] }",
			[]string{"attest_data.document.settings.words[_]", `json.unmarshal("{\"settings\":{\"words\":[\"a\"]}}")`},
		},
		"a document that is not there": {
			"violation contains m if { m := data.nothing.there }", []string{"attest_data.document.nothing.there"},
		},
		"the evidence": {
			"violation contains m if { m := data.attest.evidence.receipts[_] }",
			[]string{"attest_data.evidence.receipts[_]", "evidence := input.parameters.attestEvidence"},
		},
		"the inventory": {
			"violation contains m if { m := data.inventory.cluster.v1.Namespace[_].metadata.name }",
			[]string{"m := data.inventory.cluster.v1.Namespace[_].metadata.name"},
		},
		"with": {
			"kind := input.resource.kind\nviolation contains m if { m := kind with input.resource as {\"kind\": \"Pod\"} }",
			[]string{`m := kind with input.review.object as {"kind": "Pod"}`},
		},
		"Rego v0": {
			"violation[{\"msg\": m}] { m := input.resource.kind; input.resource.kind in [\"Pod\"] }",
			[]string{`violation contains {"msg": m} if {`},
		},
		"Rego v0 with values of heads and branches": {
			"level(x) = 1 { x > 3 } else = 2 { x == (2 == x) }\ndefault high = false\nhigh = true { level(3) == 1 }\nkinds[x] = y { x := 1; y := [x][_] }\n" +
				"violation[{\"msg\": m}] { m := level(1); high; kinds[1]; input.resource }",
			[]string{"x == (2 == x)", "else := 2", "default high := false"},
		},
		"text that spans lines keeps its tabs": {
			"violation contains m if { m := `one\n\ttwo`; input.resource }", []string{"`one\n\ttwo`"},
		},
		"a policy that warns and denies": {
			"deny contains \"d\"\nwarn contains \"w\"", []string{`found.warn := policy.warn if not is_left_out("warn")`},
		},
		"comments of what is kept": {
			"# why\nviolation contains \"x\"", []string{"# why\nviolation contains \"x\""},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := generate(t, `{"settings": {"words": ["a"], "other": 1}}`, "package p\n"+c.policy, helper)
			if len(result.Problems) > 0 || len(result.Templates) != 1 {
				t.Fatalf("problems %v, %d templates", result.Problems, len(result.Templates))
			}
			text := result.Templates[0].Rego + strings.Join(result.Templates[0].Libs, "\n")
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if strings.Contains(text, "unused") || strings.Contains(text, "other") || strings.Contains(text, "input.resource") {
				t.Errorf("too much in\n%s", text)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct{ policy, message string }{
		"the whole input replaced": {
			`violation contains "x" if { input.resource with input as {} }`, "`with input as` replaces the whole input",
		},
		"a document replaced": {
			`violation contains "x" if { data.settings with data.settings as {} }`, "replaces a data document",
		},
		"everything below a package": {`violation contains m if { m := data.team[_].x }`, "reads all of `data.team`"},
		"all data":                   {`violation contains m if { some k; m := data[k].x }`, "reads all of `data`"},
		"an import above packages": {
			"import data.team\nviolation contains m if { m := team.lib.x }", "reads all of `data.team`",
		},
		"an import with the name of a rule in another file": {
			"import input.resource as clash\nviolation contains m if { m := clash.kind }", "have one name",
		},
		"Rego v0 that v1 does not know": {
			`violation["x"] { any([true]) }`, "no template can be made of the policy",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			result := generate(t, `{"settings": {}}`, "package p\n"+c.policy, "package team.lib\nx := 1\n", "package p\nclash := {\"kind\": 1} if input.never\n")
			if len(result.Templates) > 0 {
				t.Error("there is a template all the same")
			}
			if len(result.Problems) != 1 || !strings.Contains(result.Problems[0].Message, c.message) || result.Problems[0].Line == 0 {
				t.Errorf("problems: %v", result.Problems)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	for policy, want := range map[string]string{
		"attest-security": "AttestSecurity", "image-security": "AttestImageSecurity", "a.b_c": "AttestABC",
		"ATTEST": "ATTEST", "9lives": "Attest9lives", "größe": "AttestGrE", "": "Attest",
	} {
		if got := kindOf(policy); got != want {
			t.Errorf("%q: %s, want %s", policy, got, want)
		}
	}
}

func TestTheSameBytesEveryTime(t *testing.T) {
	sources := []string{"package p\nimport data.b.c\nimport data.d\nviolation contains m if { m := [c.x, d.y, input.user] }",
		"package b.c\nx := data.d.y\n", "package d\ny := input.namespace\n"}
	first := generate(t, "", sources...).Templates[0]
	for range 20 {
		again := generate(t, "", sources...).Templates[0]
		if again.Rego != first.Rego || strings.Join(again.Libs, "") != strings.Join(first.Libs, "") {
			t.Fatal("two runs differ")
		}
	}
}

func TestMatchOfTheMetadata(t *testing.T) {
	result := generate(t, "", "# METADATA\n# custom:\n#   match:\n#     kinds: [{apiGroups: [\"\"], kinds: [Pod]}]\npackage p\nviolation contains \"x\"")
	if result.Templates[0].Match["kinds"] == nil {
		t.Errorf("match is %v", result.Templates[0].Match)
	}
}

func TestWhatAClusterRefusesItselfIsLeftOutWithAWord(t *testing.T) {
	result := generate(t, "", "package p\nviolation contains e.message if some e in input.schema_errors\n")
	if len(result.Templates) != 0 || len(result.Problems) != 1 || !strings.Contains(result.Problems[0].Message, "`p` is left out") {
		t.Errorf("%+v", result)
	}
}
