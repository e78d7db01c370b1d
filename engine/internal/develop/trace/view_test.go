package trace

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/trial"
)

func TestWhatAViewShows(t *testing.T) {
	const two = "r contains \"one\" if { input.a == 1; trace(\"n\") }\nr contains \"two\" if input.b == 3\n"
	const many = "r contains x if { some x in numbers.range(1, 9); x > 8 }"
	cases := map[string]struct {
		rules string
		view  View
		want  string
	}{
		"all steps":                             {two, View{Explain: Full}, "rh(eh eh(note) =) rf(ef)"},
		"what decided":                          {two, View{}, "rh(eh eh(note) =) rf(ef)"},
		"what failed":                           {two, View{Explain: Fail}, "rf(ef)"},
		"what was noted":                        {two, View{Explain: Notes}, "rh(eh(note))"},
		"what gave a result":                    {two, View{Explain: Fired}, "rh(eh eh(note) =)"},
		"what gave this message":                {two, View{Explain: Fired, Message: "one"}, "rh(eh eh(note) =)"},
		"nothing, where no body gave a message": {two, View{Explain: Fired, Message: "two"}, ""},
		"a rule by its name":                    {"r if f(1)\nf(x) if x == 1", View{Explain: Full, Rule: "f"}, "rh(eh)"},
		"a rule by its whole name":              {"r if f(1)\nf(x) if x == 1", View{Explain: Full, Rule: "p.f"}, "rh(eh)"},
		"no rule whose name only ends so":       {"r if xf(1)\nxf(x) if x == 1", View{Explain: Full, Rule: "f"}, ""},
		"nothing of a rule that is not there":   {two, View{Explain: Full, Rule: "none"}, ""},
		"a call, where it holds, as one step":   {"r if f(1)\nf(x) if x == 1", View{}, "rh(eh)"},
		"a call, where it fails, with its why":  {"r if f(2)\nf(x) if x == 1", View{}, "rf(ef(rf(ef)))"},
		"a negation that fails, with what held": {"r if not f\nf if input.a == 1", View{}, "rf(ef(rh(eh)))"},
		"of many attempts the first":            {many, View{}, "rh(eh ef eh+ ef eh+ ef eh+ ef eh+ eh = more)"},
		"of one that fired the way there":       {many, View{Explain: Fired}, "rh(eh eh =)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tracer := evaluate(t, c.rules, `{"a": 1, "b": 2}`, DefaultLimits)
			if got := drawn(c.view.Prune(tracer.Root.Children)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// failing is the first step of the first rule that fails.
func failing(nodes []*Node) *Node {
	for _, node := range nodes {
		if node.Kind == KindExpression && node.Outcome == Fails {
			return node
		}
		if found := failing(node.Children); found != nil {
			return found
		}
	}
	return nil
}

func TestWhyAnExpressionFails(t *testing.T) {
	cases := map[string]struct{ rules, reason string }{
		"another value":             {`r if input.a == 2`, "1 is not 2"},
		"a bound":                   {`r if input.a > 5`, "1 > 5 is false"},
		"a bound that is reached":   {`r if input.a != 1`, "1 != 1 is false"},
		"a field that is missing":   {`r if input.c.d == 1`, "`input.c.d` is undefined: `input` has no \"c\""},
		"a field of a field":        {`r if input.o.x`, "`input.o.x` is undefined: `input.o` has no \"x\""},
		"false itself":              {`r if input.f`, "it is false"},
		"a negation":                {`r if not input.a == 1`, "what must not hold does"},
		"an element of an every":    {`r if every x in [1, 2] { x < 2 }`, "not every element passes"},
		"a call without comparison": {`r if startswith(input.s, "x")`, ""},
		"a long text, cut":          {`r if input.long == "x"`, `"` + strings.Repeat("l", DefaultLimits.ValueChars-1) + "… is not \"x\""},
	}
	input := `{"a": 1, "f": false, "o": {}, "s": "abc", "long": "` + strings.Repeat("l", 300) + `"}`
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			step := failing(evaluate(t, c.rules, input, DefaultLimits).Root.Children)
			if step == nil || step.Reason != c.reason || step.Line != 2 || step.File != "p.rego" {
				t.Errorf("%+v, want %q", step, c.reason)
			}
		})
	}
}

func TestValuesOfAStepHaveTheNamesOfTheSource(t *testing.T) {
	cases := map[string]struct{ rules, want string }{
		"a reference":                      {`r if input.a == 2`, "input.a=1"},
		"one that is undefined":            {`r if input.z == 2`, "input.z=undefined"},
		"a variable":                       {`r if { x := input.a; x == 2 }`, "x=1"},
		"a call":                           {`r if count(input.l) > 5`, "count(input.l)=2 input.l=[1, 2]"},
		"a key that is a variable":         {`r if { k := "a"; input[k] == 2 }`, "input[k]=1 k=\"a\""},
		"no constants and no wildcard":     {`r if { some _ in input.l; 1 == 2 }`, ""},
		"a set, an object, null and empty": {`r if [{3}, {"k": null}, set(), input.a] == input.a`, "input.a=1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			step := failing(evaluate(t, c.rules, `{"a": 1, "l": [1, 2]}`, DefaultLimits).Root.Children)
			var got []string
			for _, value := range step.Values {
				got = append(got, value.Name+"="+value.Text)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
		})
	}
}

func TestValuesAreWrittenAsRegoWritesThem(t *testing.T) {
	for _, text := range []string{`{"a": [1, true, null], "b": {"c": "d"}}`, `[]`, `{}`, `set()`, `{1, "x"}`, `"a\nb"`, `1.50`, `[{"a": set()}]`} {
		if got := write(ast.MustParseTerm(text).Value, 100); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	whole := func(text string, more uint8) bool { // what fits is not cut
		return write(ast.String(text), 20*len(text)+2+int(more)) == ast.String(text).String()
	}
	trial.Law(t, whole)
}

func TestEveryLimitCutsATraceAndSaysSo(t *testing.T) {
	const loops = "r if { some a in numbers.range(1, 50); print(a); a < 0 }"
	for name, c := range map[string]struct {
		limits Limits
		cut    bool
	}{
		"nodes":        {Limits{Nodes: 5, Events: 1000, ValueChars: 20}, true},
		"events":       {Limits{Nodes: 1000, Events: 20, ValueChars: 20}, true},
		"none of them": {Limits{Nodes: 1000, Events: 10_000, ValueChars: 20}, false},
	} {
		tracer := evaluate(t, loops, `{}`, c.limits)
		if tracer.Truncated != c.cut {
			t.Errorf("%s: cut is %v", name, tracer.Truncated)
		}
		if len(tracer.Printed) != 50 {
			t.Errorf("%s: %d prints are kept, of 50", name, len(tracer.Printed))
		}
	}
}

func TestPrintsAreBounded(t *testing.T) {
	tracer := evaluate(t, `r if { some a in numbers.range(1, 1200); print(a); a < 0 }`, `{}`, DefaultLimits)
	if len(tracer.Printed) != maxPrinted || tracer.Printed[0].Text != "1" || tracer.Printed[0].Line != 2 || tracer.Printed[0].File != "p.rego" {
		t.Errorf("%d prints, the first %+v", len(tracer.Printed), tracer.Printed[0])
	}
}

func TestTheFailureOfARuleIsItsLast(t *testing.T) {
	cases := map[string]struct{ rules, text, values string }{
		"the expression that failed last":       {`r if { some x in [1, 2]; x > 2 }`, "x > 2", "x=2"},
		"within an every, that of the element":  {`r if every x in [1, 7] { x < 3 }`, "x < 3", "x=7"},
		"within two of them, that of the inner": {`r if every x in [1] { every y in [1, 9] { x + y < 5 } }`, "x + y < 5", "x + y=10 x=1 y=9"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			step := evaluate(t, c.rules, `{}`, DefaultLimits).Failures()[""]
			var got []string
			for _, value := range step.Values {
				got = append(got, value.Name+"="+value.Text)
			}
			if text := strings.Join(got, " "); step.Text != c.text || text != c.values {
				t.Errorf("%s with %s, want %s with %s", step.Text, text, c.text, c.values)
			}
		})
	}
	if failures := evaluate(t, `r if input.a == 1`, `{"a": 1}`, DefaultLimits).Failures(); len(failures) != 0 {
		t.Errorf("a rule that holds has failures: %v", failures)
	}
}
