package compiled

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// runnerOf prepares `data.t.x` of some rules.
func runnerOf(t testing.TB, rules string) (*Runner, *Asked) {
	t.Helper()
	compiler, err := ast.CompileModules(map[string]string{"t.rego": "package t\n" + rules})
	if err != nil {
		t.Fatal(err)
	}
	r, qc := NewRunner(Compiled, compiler, nil), compiler.QueryCompiler()
	body, err := qc.Compile(ast.MustParseBody("result = data.t.x"))
	if err != nil {
		t.Fatal(err)
	}
	asked := r.Prepare(body, qc, "result")
	if asked == nil {
		t.Fatal("it is left to OPA")
	}
	return r, asked
}

func TestAMachineThatGaveNoAnswerIsNotAskedAgain(t *testing.T) {
	const rules = "x := to_number(input.a) if input.a\nx := count([1 | some i in numbers.range(1, 5000); some j in [1, 2]; i + j > 0]) if input.long"
	r, asked := runnerOf(t, rules)
	cancelled := topdown.NewCancel()
	cancelled.Cancel()
	broken := &Asked{query: &Query{size: 1, run: func(*Machine, frame) bool { panic("a bug") }}}
	for name, c := range map[string]struct {
		asked    *Asked
		input    string
		env      Environment
		answered bool
	}{
		"an answer":             {asked, `{"a": "1"}`, Environment{}, true},
		"nothing is an answer":  {asked, `{}`, Environment{}, true},
		"an error of a builtin": {asked, `{"a": "one"}`, Environment{}, false},
		"cancelled":             {asked, `{"long": true}`, Environment{Cancel: cancelled}, false},
		"a panic":               {broken, `{}`, Environment{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				for _, free := r.machines.Take(); free; _, free = r.machines.Take() {
					continue
				}
				r.machines.Give(NewMachine(r.program))
				_, answered := r.Run(t.Context(), c.asked, ast.MustParseTerm(c.input), c.env)
				if kept := r.machines.Free() == 1; answered != c.answered || kept != c.answered {
					t.Errorf("answered: %v, kept: %v", answered, kept)
				}
			}
		})
	}
}

func TestAClosedRunnerAnswersAndKeepsNoMachine(t *testing.T) {
	r, asked := runnerOf(t, "x := input.a")
	r.Run(t.Context(), asked, ast.MustParseTerm(`{"a": 1}`), Environment{})
	if r.machines.Free() != 1 {
		t.Fatal("no machine is kept")
	}
	r.Close()
	values, answered := r.Run(t.Context(), asked, ast.MustParseTerm(`{"a": 1}`), Environment{})
	if !answered || len(values) != 1 || r.machines.Free() != 0 {
		t.Errorf("%v, %v, %d machines are kept", values, answered, r.machines.Free())
	}
}

// padding makes a resource of a text that nothing else holds.
func padding(i, size int) *ast.Term {
	return ast.StringTerm(fmt.Sprintf("%d-%s", i, strings.Repeat("x", size)))
}

func resourceWith(i, size int, parameters *ast.Term) *ast.Term {
	return ast.ObjectTerm(
		ast.Item(ast.StringTerm("resource"), ast.ObjectTerm(ast.Item(ast.StringTerm("text"), padding(i, size)))),
		ast.Item(ast.StringTerm("parameters"), parameters),
	)
}

func TestAMachineThatWaitsHoldsNoResource(t *testing.T) {
	for name, rules := range map[string]string{
		"read":                "x contains t if t := input.resource.text",
		"handed to functions": "x contains t if { t := f(input.resource.text); g(input.resource.text) }\nf(t) := t\ng(t) if count(t) > object.get(input.parameters, \"n\", 0)",
		"in a comprehension":  "x := {t: [u | some u in input.resource] | some t in input.resource}",
		"below with":          "x contains t if t := y with input as input.resource\ny contains input.text",
		"handed over as such": "x := h(input.resource)\nh(r) := {r.text}",
	} {
		t.Run(name, func(t *testing.T) {
			r, asked := runnerOf(t, rules)
			data := ast.NewObject()
			parameters := ast.ObjectTerm()
			ask := func(i int) weak.Pointer[ast.Term] {
				input := resourceWith(i, 20_000, parameters)
				if values, answered := r.Run(t.Context(), asked, input, Environment{Data: data}); !answered || len(values) != 1 {
					t.Fatalf("%v, %v", values, answered)
				}
				return weak.Make(input.Value.(ast.Object).Get(ast.StringTerm("resource")).Value.(ast.Object).Get(ast.StringTerm("text")))
			}
			seen := ask(1)
			if r.machines.Free() != 1 {
				t.Fatal("no machine is kept")
			}
			runtime.GC()
			runtime.GC()
			if seen.Value() != nil {
				t.Error("the machine holds the resource that it was asked about")
			}
			runtime.KeepAlive(r)
		})
	}
}

func TestWhatAMachineKeepsIsBounded(t *testing.T) {
	r, asked := runnerOf(t, "x := [f(input.resource.text), f(input.resource.text), f(input.resource.text), g(input.resource.text), g(input.resource.text), g(input.resource.text)]\n"+
		"f(t) := count(t)\ng(t) := count(t) + object.get(input.parameters, \"n\", 0)")
	parameters := make([]*ast.Term, 40)
	for i := range parameters {
		parameters[i] = ast.ObjectTerm(ast.Item(ast.StringTerm("n"), ast.InternedTerm(i)))
	}
	most := 0
	for turn := range 24000 { // each resource twice: what comes once is not kept
		i, size := turn/2, 300
		values, answered := r.Run(t.Context(), asked, resourceWith(i, size, parameters[i%len(parameters)]), Environment{})
		want := size + len(fmt.Sprint(i, "-")) + i%len(parameters)
		if !answered || values[0].Value.(*ast.Array).Elem(5).Value.Compare(ast.InternedTerm(want).Value) != 0 {
			t.Fatalf("%v, %v, want %d", values, answered, want)
		}
		m, _ := r.machines.Take()
		most = max(most, m.kept)
		if m.kept > mostWeight+4*heaviest || len(m.byParameters) > mostParameters {
			t.Fatalf("%d bytes are kept", m.kept)
		}
		r.machines.Give(m)
	}
	if most < mostWeight/2 {
		t.Errorf("at most %d bytes were kept: the test proves nothing", most)
	}
}

// A call with a container is evaluated again for the next resource: a copy of it costs more than that.
func TestACallOfMuchIsNotKept(t *testing.T) {
	r, asked := runnerOf(t, "x := f(input.resource.text)\nf(t) := count(t)")
	for range 3 {
		if _, answered := r.Run(t.Context(), asked, resourceWith(1, heaviest, ast.ObjectTerm()), Environment{}); !answered {
			t.Fatal("no answer")
		}
		m, _ := r.machines.Take()
		if r.machines.Give(m); m.kept > 0 {
			t.Errorf("%d bytes are kept", m.kept)
		}
	}
}

func TestACallIsKeptOnceItComesAgain(t *testing.T) {
	r, asked := runnerOf(t, "x := f(input.resource.text)\nf(t) := count(t)")
	ask := func(i int) (kept int) {
		if _, answered := r.Run(t.Context(), asked, resourceWith(i, 10, ast.ObjectTerm()), Environment{}); !answered {
			t.Fatal("no answer")
		}
		m, _ := r.machines.Take()
		defer r.machines.Give(m)
		return m.kept
	}
	for i := range 100 {
		if kept := ask(i); kept > 0 {
			t.Fatalf("%d bytes are kept of resource %d, which came once", kept, i)
		}
	}
	kept := ask(99)
	if again := ask(99); kept == 0 || again != kept {
		t.Errorf("%d bytes are kept of what came twice, %d of what came three times", kept, again)
	}
}

// A text of a resource is a part of the text of its file, which whoever keeps it would hold.
func TestWhatIsKeptOfACallIsACopy(t *testing.T) {
	r, asked := runnerOf(t, "x := f(input.resource.text)\nf(t) := [t]")
	parameters := ast.ObjectTerm()
	ask := func() weak.Pointer[ast.Term] {
		input := resourceWith(1, 10, parameters)
		if values, answered := r.Run(t.Context(), asked, input, Environment{}); !answered || len(values) != 1 {
			t.Fatalf("%v, %v", values, answered)
		}
		return weak.Make(input.Value.(ast.Object).Get(ast.StringTerm("resource")).Value.(ast.Object).Get(ast.StringTerm("text")))
	}
	ask()
	second := ask()
	if m, _ := r.machines.Take(); m.kept == 0 {
		t.Fatal("the call is not kept")
	} else {
		r.machines.Give(m)
	}
	runtime.GC()
	runtime.GC()
	if second.Value() != nil {
		t.Error("the machine holds a part of the resource")
	}
	runtime.KeepAlive(r)
}
