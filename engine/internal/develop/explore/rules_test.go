package explore

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

func TestAConditionStandsWithThoseThatGiveItsVariables(t *testing.T) {
	s := open(t, `deny contains "x" if {
	input.resource.kind == "Pod"
	some c in input.resource.spec.containers
	port := c.port
	input.resource.metadata.name == "web"
	port > 80
}
`)
	last := len(s.Rules[0].Body) - 1
	for name, c := range map[string]struct {
		resource string
		holds    bool
	}{
		"the condition and its variables hold": {`{"spec": {"containers": [{"port": 81}]}}`, true},
		"some element is enough":               {`{"spec": {"containers": [{"port": 1}, {"port": 81}]}}`, true},
		"the condition does not":               {`{"spec": {"containers": [{"port": 80}]}}`, false},
		"a variable has no value":              {`{"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{}]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			body, without := s.Alone(0, last)
			if without == nil || without.Location.Row != s.Rules[0].Line+1 {
				t.Errorf("first of the others is %v", without)
			}
			if got := s.Holds(context.Background(), world(t, `{"input": {"resource": `+c.resource+`}}`), body); got != c.holds {
				t.Errorf("%v: %s", got, body)
			}
		})
	}
	if body, without := s.Alone(0, 0); len(body) != 1 || without != nil {
		t.Errorf("of the first condition: %s, %v", body, without)
	}
}

func TestAConditionSeesTheRootsOfAWorld(t *testing.T) {
	s := open(t, `deny contains "x" if data.teams[input.resource.team].blocked`)
	body, _ := s.Alone(0, len(s.Rules[0].Body)-1)
	with, without := `{"input": {"resource": {"team": "a"}}, "data.teams": {"a": {"blocked": true}}}`, `{"input": {"resource": {"team": "a"}}}`
	if !s.Holds(context.Background(), world(t, with), body) || s.Holds(context.Background(), world(t, without), body) {
		t.Error("the document that the world has decides, and nothing else")
	}
}

func TestWhatARuleReads(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"fields of its input":            {`input.resource.spec.replicas > 1`, []string{"replicas", "resource", "spec"}},
		"not what it compares with":      {`input.resource.kind == "Pod"`, []string{"kind", "resource"}},
		"not what a member is":           {`input.resource.kind in {"Pod", "Job"}`, []string{"kind", "resource"}},
		"not the text of a message":      {`sprintf("%s of %v", ["name", input.resource.size]) == "x"`, []string{"resource", "size"}},
		"names that are looked up":       {`object.get(input.resource, "owner", "") == ""`, []string{"owner", "resource"}},
		"what its helpers read":          {`helper(input.resource.spec)`, []string{"resource", "runAsUser", "securityContext", "spec"}},
		"documents that no rule makes":   {`data.teams[input.resource.team]`, []string{"data.teams", "resource", "team"}},
		"no names of rules and packages": {`data.p.kind == input.resource.size`, []string{"kind", "resource", "size"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, "deny contains \"x\" if {\n"+strings.ReplaceAll(c.body, "; ", "\n")+"\n}\n"+helpers)
			for range 2 { // the second answer is remembered
				if got := s.Reads(0); !slices.Equal(got, c.want) {
					t.Errorf("%q", got)
				}
			}
		})
	}
}

func TestSettledParametersAreInEveryWorld(t *testing.T) {
	s := open(t, `deny contains "x" if input.parameters.limit > 3`)
	for name, c := range map[string]struct {
		subject         *Subject
		violates, never bool
	}{
		"as they are opened": {s, true, false},
		"high":               {s.Settle(map[string]any{"limit": number(4)}), true, false},
		"low":                {s.Settle(map[string]any{"limit": number(3)}), false, true},
		"freed again":        {s.Settle(map[string]any{"limit": number(3)}).Freely(), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t, `{"input": {"parameters": {"limit": 10}}}`)
			if got := c.subject.Run(context.Background(), w).Violates(); got != c.violates {
				t.Errorf("violates is %v", got)
			}
			if got := c.subject.Never(context.Background(), 0); got != c.never {
				t.Errorf("never is %v", got)
			}
			if got := c.subject.settled(Path{"input", "parameters", "limit"}); got != (c.subject.Fixed != nil) {
				t.Errorf("settled is %v", got)
			}
		})
	}
}

func TestTermsAreFoldedWhereNoWorldChangesThem(t *testing.T) {
	s := open(t, `limit := 2 + 3

names := {"a", "b"}

asked := input.parameters.limit

deny contains "x" if input.resource.size > limit
`)
	module := s.Set.Compiler.Modules[s.File]
	settled := s.Settle(map[string]any{"limit": number(7)})
	for term, want := range map[string]struct{ free, settled string }{
		"limit":               {"5", "5"},
		"names":               {`{"a", "b"}`, `{"a", "b"}`},
		"asked":               {"", "7"},
		"input.resource.size": {"", ""},
		"nowhere":             {"", ""},
	} {
		for subject, want := range map[*Subject]string{s: want.free, settled: want.settled} {
			value := subject.Fold(context.Background(), module, ast.MustParseTerm(term))
			if got := shown(value); got != want {
				t.Errorf("%s is %q, not %q", term, got, want)
			}
		}
	}
}

func shown(value ast.Value) string {
	if value == nil {
		return ""
	}
	return value.String()
}

func TestAnotherTextOfTheFile(t *testing.T) {
	s := open(t, `deny contains "x" if input.resource.kind == "Pod"`)
	pod, job := world(t, `{"input": {"resource": {"kind": "Pod"}}}`), world(t, `{"input": {"resource": {"kind": "Job"}}}`)
	s.Run(context.Background(), pod) // what is remembered of the one text must not answer for the other
	other := s.With(context.Background(), strings.Replace(s.Text, "Pod", "Job", 1)+"\n\nwarn contains \"y\" if false\n")
	if other == nil || len(other.Rules) != 2 || len(s.Rules) != 1 {
		t.Fatalf("%+v", other)
	}
	for w, violates := range map[*World]bool{&pod: false, &job: true} {
		if got := other.Run(context.Background(), *w).Violates(); got != violates {
			t.Errorf("%s: %v", w.Key(), got)
		}
		if got := s.Run(context.Background(), *w).Violates(); got == violates {
			t.Errorf("the first text is judged by the second: %s", w.Key())
		}
	}
	if s.With(context.Background(), "package p\n\ndeny contains x if true\n") != nil {
		t.Error("a text that does not compile is a subject")
	}
}

func TestATestBringsItsOwnWorld(t *testing.T) {
	s := open(t, `deny contains "x" if input.resource.kind == "Pod"`)
	source := rego.Source{File: "p_test.rego", Text: "package p_test\n\nimport data.p\n\ntest_it if count(p.deny) == 1 with input as {\"resource\": {\"kind\": \"Pod\"}}\n\ntest_none if count(p.deny) == 1\n"}
	with, problems := s.WithModule(context.Background(), source)
	if with == nil {
		t.Fatal(problems)
	}
	for name, holds := range map[string]bool{"test_it": true, "test_none": false} {
		value, err := with.AskPlainly(context.Background(), ast.MustParseRef("data.p_test."+name))
		if err != nil || (value != nil) != holds {
			t.Errorf("%s: %v, %v", name, value, err)
		}
	}
	if broken, problems := s.WithModule(context.Background(), rego.Source{File: "b.rego", Text: "package"}); broken != nil || !model.HasErrors(problems) {
		t.Error("a module that can't be read is none")
	}
	if text, ok := s.TextOf(s.File); !ok || text != s.Text {
		t.Errorf("the text of the file is %q", text)
	}
	if _, ok := s.TextOf("p_test.rego"); ok {
		t.Error("the test is a file of the policy")
	}
}

// What a policy uses is lent to it, from beside the file or from among modules, and its own package is never completed.
func TestAPolicyHasWhatItUses(t *testing.T) {
	files := map[string]string{
		"p.rego":           "package p\n\nimport data.help\n\ndeny contains \"x\" if help.is(input.resource.kind)\n",
		"help.rego":        "package help\n\nis(kind) if data.names.known[kind]\n",
		"deeper/n.rego":    "package names\n\nknown := {\"Pod\"}\n",
		"more.rego":        "package p\n\ndeny contains \"another file's\" if true\n",
		"unused.rego":      "package unused\n\nimport data.p\n\ndeny contains \"y\" if p.deny\n",
		"help_test.rego":   "package help\n\nis(_) if true\n",
		"broken.rego":      "package broken\n\nx := {\n",
		"a/b/too/far.rego": "package help\n\nis(_) if true\n",
	}
	root := trial.Folder(t, files)
	var modules []rego.Module
	for name, text := range files {
		path := filepath.Join(root, name)
		if name != "p.rego" && name != "broken.rego" && name != "help_test.rego" && name != "a/b/too/far.rego" {
			modules = append(modules, rego.Module{Source: rego.Source{File: path, Text: text}, Origin: name})
		}
	}
	main := filepath.Join(root, "p.rego")
	beside, problems := Open(context.Background(), Options{File: main})
	if beside == nil {
		t.Fatal(problems)
	}
	among, problems := FromModules(context.Background(), Options{File: main}, rego.Module{Source: rego.Source{File: main, Text: files["p.rego"]}, Origin: "p.rego"}, modules)
	if among == nil {
		t.Fatal(problems)
	}
	for from, s := range map[string]*Subject{"beside the file": beside, "among the modules": among} {
		var used []string
		for _, m := range s.modules {
			name, _ := filepath.Rel(root, m.File)
			used = append(used, name)
		}
		slices.Sort(used)
		if want := []string{"deeper/n.rego", "help.rego", "p.rego"}; !slices.Equal(used, want) {
			t.Errorf("%s: %q", from, used)
		}
		pod, job := world(t, `{"input": {"resource": {"kind": "Pod"}}}`), world(t, `{"input": {"resource": {"kind": "Job"}}}`)
		if !s.Run(context.Background(), pod).Violates() || s.Run(context.Background(), job).Violates() {
			t.Errorf("%s: the helper does not decide", from)
		}
	}
}
