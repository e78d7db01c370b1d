package compiled

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// question is a policy in package t with inputs; the query is `x = data.t.x`.
type question struct {
	text   string
	data   fields
	inputs []string
}

func (q question) subject(t testing.TB) *subject {
	t.Helper()
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"t.rego": "package t\n" + q.text},
		ast.CompileOpts{ParserOptions: ast.ParserOptions{RegoVersion: ast.RegoV1}, EnablePrintStatements: true})
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{compiler: compiler, qc: compiler.QueryCompiler(), store: inmem.New()}
	if q.data != nil {
		s.store = inmem.NewFromObject(q.data)
	}
	if s.body, err = s.qc.Compile(ast.MustParseBody("x = data.t.x")); err != nil {
		t.Fatal(err)
	}
	return s
}

// Where a compiled evaluator is easily wrong. One machine is asked about all inputs, twice.
func TestTraps(t *testing.T) {
	for name, c := range map[string]question{
		"a function asked with and without another input": {
			text: `f(a) := [a, input.v]
				x := [f(1), [y | y := f(1) with input.v as 2], f(1), [y | y := f(1) with input as {"v": 3}]]`,
			inputs: []string{`{"v": 1}`, `{"v": 7}`, `{}`},
		},
		"a rule asked with and without another input": {
			text:   `r := input.v` + "\n" + `x := [[y | y := r], [y | y := r with input.v as 2], [y | y := r], [y | y := r with input.v as input.w]]`,
			inputs: []string{`{"v": 1, "w": 9}`, `{}`},
		},
		"a function that is replaced, and what calls it": {
			text: `f(a) := count(a)
				g(a) := f(a)
				other(_) := "other"
				x := [g([1]), [y | y := g([1]) with count as 5], g([1]), [y | y := g([1]) with data.t.f as other], g([1]), [y | y := g([1]) with data.t.f as 8 with count as 3]]`,
			inputs: []string{`{}`},
		},
		"solutions that come after a `with` see what it did not change": {
			text:   `x := [[a, b] | a := input.l[_] with input.l as [1, 2]; b := input.l[_]]`,
			inputs: []string{`{"l": [3, 4]}`},
		},
		"a variable of one body is not seen in the next": {
			text: `x contains c.n if { some c in input.cs; not c.bad }
				x contains ["all", c.n] if { some c in input.cs; every o in input.cs { not o.bad } }
				x contains ["none", c.n] if { some c in input.cs; not any_deep(c); not any_bad(c) }
				any_deep(c) if c.deep[_].v
				any_bad(c) if c.list[_].bad`,
			inputs: []string{
				`{"cs": [{"n": 1, "bad": true}, {"n": 2}, {"n": 3, "deep": [{"v": 1}]}, {"n": 4, "list": [{"bad": true}]}]}`, `{"cs": [{"n": 5}]}`, `{}`,
			},
		},
		"a set that leaves its rule is not changed afterwards": {
			text: `s contains v if some v in input.l
				x := {"a": s, "b": s | {"more"}, "c": [t | some k in input.l; t := {m | some m in input.l; m > k}]}`,
			inputs: []string{`{"l": [1, 2]}`, `{"l": [2, 3]}`, `{"l": []}`},
		},
		"two calls that fail alike":               {text: "x := [y | some i in [1, 2]; y := to_number(input.v)]", inputs: []string{`{"v": "a"}`, `{"v": "1"}`}},
		"a builtin that fails after one solution": {text: "x if { some v in input.l; to_number(v) > 0 }", inputs: []string{`{"l": ["1", "a"]}`, `{"l": ["a", "1"]}`, `{"l": ["0", "b"]}`}},
		"a negation that fails after one solution": {
			text: "x if not f\nf if to_number(input.l[_]) > 0\ny if not to_number(input.l[_]) > 0", inputs: []string{`{"l": ["1", "a"]}`, `{"l": ["0"]}`},
		},
		"rules that have one value in two forms": {
			text:   "r := input.a\nr := input.b\nf(_) := input.a\nf(_) := input.b\ng(v) := sprintf(\"%v\", [v])\nx := [r, f(1), f(1), g(input.a), g(input.b), {input.a, input.b}]",
			inputs: []string{`{"a": 1, "b": 1.0}`, `{"a": 1.0, "b": 1}`, `{"a": [1], "b": [1.0]}`, `{"a": 2, "b": 2}`},
		},
		"a rule that has two values": {text: "x := input.a\nx := input.b", inputs: []string{`{"a": 1, "b": 2}`, `{"a": 1, "b": 1.0}`, `{"a": 1}`}},
		"a function that has two values": {
			text: "f(a) := input.a if a\nf(a) := input.b if a\nx := [f(true), f(false)]\nx := [1, 1] if input.c", inputs: []string{`{"a": 1, "b": 2}`, `{"a": 1, "b": 1}`, `{"a": 1}`},
		},
		"an object that has two values for a key": {
			text: "o[k] := v if some k, v in input.a\no[k] := v if some k, v in input.b\nx := [o.k, count(o)]", inputs: []string{`{"a": {"k": 1}, "b": {"k": 2}}`, `{"a": {"k": 1}, "b": {"l": 2}}`},
		},
		"rules and data in one place": {
			text: "x := data.m\n", data: fields{"m": fields{"a": 1, "b": fields{"c": 2}}}, inputs: []string{"{}"},
		},
		"numbers and texts as keys of data": {
			text: "x := [[y | y := data.m.o[input.k]], [y | y := data.m.l[input.k]], [y | y := data.m.o[input.s]]]",
			data: fields{"m": fields{"o": fields{"0": "zero", "a": 1}, "l": []any{"first"}}}, inputs: []string{`{"k": 0, "s": "0"}`, `{"k": "0", "s": "a"}`, `{"k": true, "s": null}`, `{"k": 0.0, "s": "a"}`, `{"k": 1e0, "s": 0}`, `{"k": -0, "s": "-0"}`},
		},
		"else after a rule that has no value": {
			text: "f(a) := 1 if a > 2 else := 2 if a > 1 else := 3 if a > 0\ndefault f(_) := 4\nx := [f(a) | some a in input.l]", inputs: []string{`{"l": [3, 2, 1, 0, "a"]}`},
		},
		"false is a value": {
			text: "r := false\nf(_) := false\nx := [[1 | r], [1 | f(1)], [1 | not r], [y | y := r], [y | y := f(1)], [1 | f(1) = false], [1 | not input.n], [1 | input.n == null]]", inputs: []string{`{"n": null}`, `{"n": false}`, `{}`},
		},
		"an order of elements that depends on the type": {text: `x := [v | some v in {1, "1", null, [1], {"a": 1}, true, 1.5, {2}}]`, inputs: []string{"{}"}},
		"print is OPA's":                     {text: `x if print(input.a)`, inputs: []string{`{"a": 1}`}},
		"walk":                               {text: "x := [[p, v] | walk(input, [p, v]); not is_object(v)]\ny := [v | walk(input, [_, v])]", inputs: []string{`{"a": [1, {"b": 2}]}`, "{}"}},
		"the time is one":                    {text: "x if { time.now_ns() == time.now_ns(); f(1) == f(2) }\nf(_) := time.now_ns()", inputs: []string{"{}"}},
		"an input that is no object":         {text: "x := [y | y := input[_]]\nz := input", inputs: []string{`[1, 2]`, `"text"`, "3", "null"}},
		"keys of an object that are no text": {text: `o := {1: "a", [2]: "b", null: "c"}` + "\nx := [o[1], o[1.0], o[[2]], o[null], [k | o[k]]]", inputs: []string{"{}"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.subject(t)
			p := New(s.compiler, nil)
			q, err := p.Query(s.body, s.qc)
			if err != nil {
				t.Logf("left to OPA: %v", err)
				return
			}
			var count tally
			m, data := NewMachine(p), s.data(t)
			for _, input := range append(c.inputs, c.inputs...) {
				count.judge(t, s, m, q, data, ast.MustParseTerm(input))
			}
			t.Logf("%d answered, %d end in errors, %v", count.answered, count.errors, count.reasons)
		})
	}
}

// What ends in an error must not have an answer.
func TestErrorsAreLeftToOPA(t *testing.T) {
	for name, c := range map[string]question{
		"a conflict":                        {text: "x := input.a\nx := input.b", inputs: []string{`{"a": 1, "b": 2}`}},
		"an error of a builtin":             {text: "x := to_number(input.a)", inputs: []string{`{"a": "one"}`}},
		"an error that `not` would swallow": {text: "x if not to_number(input.a)", inputs: []string{`{"a": "one"}`}},
		"an error behind the first answer":  {text: "x if not [1, 1] in {[v, to_number(v)] | some v in input.a}", inputs: []string{`{"a": ["1", "one"]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.subject(t)
			p := New(s.compiler, nil)
			q, err := p.Query(s.body, s.qc)
			if err != nil {
				t.Fatal(err)
			}
			input := ast.MustParseTerm(c.inputs[0])
			if len(s.ask(t, input).errors) == 0 {
				t.Error("OPA has no error: the case shows nothing")
			}
			if rows, answered := s.run(NewMachine(p), q, s.data(t), input); answered {
				t.Errorf("answered %v", rows)
			}
		})
	}
}

func TestACancelledEvaluationHasNoAnswer(t *testing.T) {
	c := question{text: "x := count([1 | some a in input.l; some b in input.l; a * b == 7])"}
	s := c.subject(t)
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		t.Fatal(err)
	}
	cancel := topdown.NewCancel()
	cancel.Cancel()
	m := NewMachine(p)
	input := ast.MustParseTerm(`{"l": [` + strings.Repeat("1, ", 2999) + `1]}`)
	if _, answered := m.Run(t.Context(), q, input, Environment{Cancel: cancel}); answered || m.Why() != "cancelled" || m.ticks > 2*ticksPerLook {
		t.Errorf("answered %v, %q, after %d steps", answered, m.Why(), m.ticks)
	}
}

// A join through a comprehension is indexed, as OPA's is: twice as much takes about twice as long, not four times.
func TestJoinsAreNotQuadratic(t *testing.T) {
	c := question{text: `x contains id if {
		some id
		data.resources[id]
		others := [o.name | some o in data.owners; o.id == id]
		count(others) == 1
	}`}
	owners, resources := []any{}, fields{}
	for i := range 3000 {
		id := fmt.Sprintf("r%d", i)
		owners, resources[id] = append(owners, fields{"id": id, "name": "n"}), fields{}
	}
	c.data = fields{"owners": owners, "resources": resources}
	s := c.subject(t)
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(p)
	m.limit = 400_000 // steps; nine million pairs would need more
	rows, answered := m.Run(t.Context(), q, ast.ObjectTerm(), Environment{Data: s.data(t)})
	if !answered || rows[0][0].Value.(ast.Set).Len() != 3000 {
		t.Errorf("answered %v %s", answered, m.Why())
	}
}

// A program is shared, a machine belongs to one goroutine.
func TestMachinesShareAProgram(t *testing.T) {
	f := fixtures(t)[1]
	s := f.subject(t)
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		t.Fatal(err)
	}
	inputs := pods(3, 40)
	var group sync.WaitGroup
	answers := make([]string, 4)
	for i := range answers {
		group.Go(func() {
			m := NewMachine(p)
			var b strings.Builder
			for _, pod := range inputs {
				rows, _ := s.run(m, q, nil, f.input(pod))
				fmt.Fprintln(&b, rows)
			}
			answers[i] = b.String()
		})
	}
	group.Wait()
	for _, answer := range answers {
		if answer != answers[0] {
			t.Error("machines disagree")
		}
	}
}

// What is kept from one input to the next is what no other part of the input can change.
func TestWhatIsKeptChangesNoAnswer(t *testing.T) {
	c := question{text: `p := input.parameters
		limit := object.get(object.get(input, "parameters", {}), "limit", 7)
		double(a) := a * 2
		scaled(a) := a * limit
		own(a) := a * input.factor
		whole := count(input)
		seen(i) := object.get(i, "factor", 0)
		there := data.d.n
		x := [[y | y := p], limit, double(2), double(3), scaled(2), [y | y := own(2)], whole, seen(input), [y | y := there],
			[y | y := scaled(2) with input.parameters as {"limit": 100}], scaled(2), [y | y := whole with input as {}], double(2)]`}
	s := c.subject(t)
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		t.Fatal(err)
	}
	m, kept := NewMachine(p), []*ast.Term{ast.MustParseTerm(`{"limit": 1}`), ast.MustParseTerm(`{"limit": 2}`), ast.MustParseTerm(`{}`)}
	var count tally
	for i := range 12 {
		input := ast.ObjectTerm(ast.Item(parametersKey, kept[i%3]), ast.Item(ast.StringTerm("factor"), ast.InternedTerm(i)))
		if i == 11 {
			input = ast.MustParseTerm(`{"factor": 1}`)
		}
		count.judge(t, s, m, q, nil, input)
	}
	if count.answered != 12 {
		t.Errorf("%d answered, %v", count.answered, count.reasons)
	}
	for name, want := range map[string]sight{
		"p": seesParameters, "limit": seesParameters, "double": seesArguments, "scaled": seesParameters, "own": seesMore, "whole": seesMore,
		"seen": seesArguments, "there": seesMore,
	} {
		if d := p.documents[s.compiler.RuleTree.Find(ast.MustParseRef("data.t."+name))]; d.sight != want {
			t.Errorf("%s: %v", name, d.sight)
		}
	}
}

// What is kept is bounded.
func TestWhatIsKeptIsBounded(t *testing.T) {
	c := question{text: "double(a) := a * 2\nx := [y | some a in input.l; y := double(a)]"}
	s := c.subject(t)
	p := New(s.compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMachine(p)
	for i := range 20 {
		items := make([]*ast.Term, 100)
		for k := range items {
			items[k] = ast.IntNumberTerm(i*100 + k)
		}
		s.run(m, q, nil, ast.ObjectTerm(ast.Item(ast.StringTerm("l"), ast.ArrayTerm(items...)), ast.Item(parametersKey, ast.InternedTerm(i))))
		if m.always.size > mostKept+100 || len(m.byParameters) > mostParameters {
			t.Fatalf("%d values are kept, for %d parameters", m.always.size, len(m.byParameters))
		}
	}
}
