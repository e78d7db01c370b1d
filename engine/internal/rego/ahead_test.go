package rego

import (
	"context"
	"slices"
	"testing"

	"attest.continuu.ms/engine/internal/model"
)

const countsPods = "package pods\nimport rego.v1\nviolation contains \"a Pod\" if input.resource.kind == \"Pod\"\n"

func plain(file, text string) Module { return Module{Source: Source{File: file, Text: text}} }

func TestWorkAheadIsTakenForTheSameModulesAlone(t *testing.T) {
	asked := []Module{plain("a.rego", countsPods)}
	for name, c := range map[string]struct {
		ahead   []Module
		options Options
		taken   bool
	}{
		"the same":             {asked, Options{}, true},
		"with no hosts":        {asked, Options{AllowNet: []string{}}, true},
		"another text":         {[]Module{plain("a.rego", countsPods+"\n")}, Options{}, false},
		"another file":         {[]Module{plain("b.rego", countsPods)}, Options{}, false},
		"another severity":     {[]Module{{Source: asked[0].Source, Severity: "low"}}, Options{}, false},
		"one more":             {append(slices.Clone(asked), plain("b.rego", "package b\n")), Options{}, false},
		"none":                 {nil, Options{}, false},
		"with prints":          {asked, Options{Print: true}, false},
		"other hosts":          {asked, Options{AllowNet: []string{"example.com"}}, false},
		"what can't be parsed": {[]Module{plain("a.rego", "package {")}, Options{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			made := make(chan *translation, 1)
			translations.Begin(translatable{c.ahead, c.options}, func() *translation {
				work := translate(slices.Clone(c.ahead), c.options)
				made <- work
				return work
			})
			set, problems := Compile(context.Background(), asked, Options{})
			if len(problems) > 0 || len(set.Policies) != 1 {
				t.Fatal(problems)
			}
			if taken := set.Compiler == (<-made).compiler; taken != c.taken {
				t.Errorf("taken: %v", taken)
			}
		})
	}
}

func TestWorkAheadIsTakenOnce(t *testing.T) {
	modules := []Module{plain("a.rego", countsPods)}
	Ahead(modules, Options{})
	first, _ := Compile(context.Background(), modules, Options{})
	second, _ := Compile(context.Background(), modules, Options{})
	if first.Compiler == second.Compiler {
		t.Error("two sets share a compiler")
	}
}

func TestWhatIsWrongIsToldOfWorkAheadToo(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		data  map[string]any
		wrong bool
	}{
		"syntax":                 {"package a {", nil, true},
		"an unknown function":    {"package a\nviolation contains nothing(1)\n", nil, true},
		"where data is":          {"package a\nviolation contains \"x\"\n", map[string]any{"a": map[string]any{"violation": 1}}, true},
		"the right data":         {"package a\nviolation contains \"x\"\n", map[string]any{"b": 1}, false},
		"a package that is ours": {"package attest.evidence\nviolation contains \"x\"\n", nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			modules := []Module{plain("a.rego", c.text)}
			_, unprepared := Compile(context.Background(), modules, Options{Data: c.data})
			Ahead(modules, Options{})
			_, problems := Compile(context.Background(), modules, Options{Data: c.data})
			if !slices.Equal(problems, unprepared) {
				t.Errorf("%+v\n%+v", problems, unprepared)
			}
			if model.HasErrors(problems) != c.wrong {
				t.Errorf("%+v", problems)
			}
		})
	}
}
