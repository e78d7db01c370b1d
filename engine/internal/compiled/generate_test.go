package compiled

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// writer writes random policies: rules of every kind that use one another, functions, comprehensions, `with`.
type writer struct {
	chance
	variables []string // that are bound at this point
	fresh     int
	rules     []rule
	depth     int
}

// rule is one that later ones may use.
type rule struct {
	name string
	kind string // value, set, object, function
}

// policy is a module of some rules; the last is `result`, which collects all of them.
func policy(seed uint64) string {
	w := &writer{chance: chance{Rand: rand.New(rand.NewPCG(seed, 99))}}
	var b strings.Builder
	b.WriteString("package p\n\nid(x) := x\n\n") // what goes through it has any type for the compiler
	for i := range 2 + w.IntN(5) {
		b.WriteString(w.rule(fmt.Sprintf("r%d", i)))
	}
	b.WriteString("result := {\n")
	for _, r := range w.rules {
		if r.kind == "function" {
			fmt.Fprintf(&b, "\t%q: [x | some a in input.list; x := %s(a)],\n", r.name, r.name)
		} else {
			fmt.Fprintf(&b, "\t%q: [x | x := %s],\n", r.name, r.name)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

func (w *writer) pick(options ...string) string { return options[w.IntN(len(options))] }

func (w *writer) rule(name string) string {
	kind := w.pick("value", "value", "set", "object", "function", "set")
	var b strings.Builder
	for i := range 1 + w.IntN(3) {
		b.WriteString(w.definition(name, kind, i == 0))
	}
	w.rules = append(w.rules, rule{name, kind})
	return b.String()
}

func (w *writer) definition(name, kind string, first bool) string {
	w.variables = nil
	switch kind {
	case "set":
		body := w.body()
		return fmt.Sprintf("%s contains %s if {\n%s}\n\n", name, w.term(), body)
	case "object":
		body := w.body()
		return fmt.Sprintf("%s[%s] := %s if {\n%s}\n\n", name, w.key(), w.term(), body)
	case "function":
		return w.function(name, first)
	}
	def := ""
	if first && w.Float64() < 0.3 {
		def = fmt.Sprintf("default %s := %s\n\n", name, w.scalar())
	}
	body := w.body()
	head := fmt.Sprintf("%s := %s if {\n%s}", name, w.headValue(), body)
	for w.Float64() < 0.3 {
		w.variables = nil
		body = w.body()
		head += fmt.Sprintf(" else := %s if {\n%s}", w.headValue(), body)
	}
	return def + head + "\n\n"
}

func (w *writer) function(name string, first bool) string {
	def := ""
	if first && w.Float64() < 0.3 {
		def = fmt.Sprintf("default %s(_) := %s\n\n", name, w.scalar())
	}
	argument := w.pick("x", "x", "x", "[x, _]", `{"a": x}`, w.scalar())
	if strings.Contains(argument, "x") {
		w.variables = []string{"x"}
	}
	body := w.body()
	text := fmt.Sprintf("%s(%s) := %s if {\n%s}", name, argument, w.headValue(), body)
	for w.Float64() < 0.2 {
		w.variables = nil
		if strings.Contains(argument, "x") {
			w.variables = []string{"x"}
		}
		body = w.body()
		text += fmt.Sprintf(" else := %s if {\n%s}", w.headValue(), body)
	}
	return def + text + "\n\n"
}

// headValue is mostly one constant, so that rules don't conflict all the time.
func (w *writer) headValue() string {
	if w.Float64() < 0.6 {
		return w.pick("true", "1", `"a"`)
	}
	return w.term()
}

func (w *writer) body() string {
	var b strings.Builder
	for range 1 + w.IntN(3) {
		b.WriteString("\t" + w.expression() + "\n")
	}
	return b.String()
}

func (w *writer) variable() string {
	w.fresh++
	return fmt.Sprintf("v%d", w.fresh)
}

func (w *writer) expression() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 3 {
		return w.any() + " == " + w.term()
	}
	switch w.IntN(14) {
	case 0, 1:
		term := w.term()
		v := w.variable()
		w.variables = append(w.variables, v)
		return fmt.Sprintf("%s := %s", v, term)
	case 2, 3:
		collection := w.collection()
		v := w.variable()
		w.variables = append(w.variables, v)
		return fmt.Sprintf("some %[1]s in %[2]s; id(%[1]s) != %[3]s", v, collection, w.scalar())
	case 4:
		collection := w.collection()
		k, v := w.variable(), w.variable()
		w.variables = append(w.variables, k, v)
		return fmt.Sprintf("some %[1]s, %[2]s in %[3]s; id(%[1]s) != id(%[2]s)", k, v, collection)
	case 5:
		return "not " + w.test()
	case 6:
		return w.every()
	case 7:
		return w.test() + " " + w.with()
	case 8:
		collection := w.collection()
		z, a, b := w.variable(), w.variable(), w.variable()
		w.variables = append(w.variables, a, b)
		return fmt.Sprintf("some %[1]s in %[2]s; [%[3]s, %[4]s] = id(%[1]s)", z, collection, a, b)
	case 9:
		ref := w.ref()
		k := w.variable()
		w.variables = append(w.variables, k)
		return fmt.Sprintf("%s[%s]", ref, k)
	default:
		return w.test()
	}
}

func (w *writer) every() string {
	kept := w.variables
	collection, v := w.collection(), w.variable()
	w.variables = append(append([]string(nil), kept...), v)
	test := w.test()
	w.variables = kept
	return fmt.Sprintf("every %s in %s { id(%s) != %s; %s }", v, collection, v, w.scalar(), test)
}

func (w *writer) with() string {
	switch w.IntN(5) {
	case 0:
		return "with input as " + w.term()
	case 1:
		return "with input.a as " + w.term()
	case 2:
		return "with data.base.list as " + w.term()
	case 3:
		return "with count as 7"
	}
	if r := w.used(); r != nil && r.kind != "function" {
		return fmt.Sprintf("with data.p.%s as %s", r.name, w.term())
	}
	return "with input.list as " + w.collection()
}

func (w *writer) test() string {
	switch w.IntN(9) {
	case 0:
		return fmt.Sprintf("%s in %s", w.term(), w.collection())
	case 1:
		return w.ref()
	case 2:
		return fmt.Sprintf("startswith(id(%s), %s)", w.text(), w.text())
	case 3:
		return fmt.Sprintf("count(id(%s)) %s %s", w.collection(), w.pick("==", ">", "<="), w.pick("0", "1", "2"))
	case 4:
		return fmt.Sprintf("%s(%s)", w.pick("is_string", "is_number", "is_array", "is_object", "is_null"), w.term())
	}
	return fmt.Sprintf("%s %s %s", w.any(), w.pick("==", "!=", "<", ">=", "="), w.term())
}

// any is a term whose type the compiler does not know.
func (w *writer) any() string { return fmt.Sprintf("id(%s)", w.term()) }

func (w *writer) text() string { return w.pick(`"a"`, `"ab"`, "sprintf(\"%v\", ["+w.term()+"])") }

func (w *writer) scalar() string {
	return w.pick("1", "2", `"a"`, `"b"`, "true", "false", "null", "0.5")
}

func (w *writer) key() string { return w.pick(`"a"`, `"k"`, w.leaf(), "1") }

// leaf is a term without parts.
func (w *writer) leaf() string {
	if len(w.variables) > 0 && w.Float64() < 0.6 {
		return w.variables[w.IntN(len(w.variables))]
	}
	return w.scalar()
}

func (w *writer) term() string {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > 4 {
		return w.leaf()
	}
	switch w.IntN(12) {
	case 0:
		return fmt.Sprintf("[%s, %s]", w.term(), w.leaf())
	case 1:
		return fmt.Sprintf("{%q: %s}", w.pick("a", "b"), w.term())
	case 2:
		return fmt.Sprintf("{%s, %s}", w.leaf(), w.leaf())
	case 3, 4:
		return w.ref()
	case 5:
		return w.comprehension()
	case 6:
		return fmt.Sprintf("object.get(id(%s), %q, %s)", w.collection(), w.pick("a", "b"), w.leaf())
	case 7:
		if r := w.used(); r != nil {
			return w.use(r)
		}
	}
	return w.leaf()
}

func (w *writer) used() *rule {
	if len(w.rules) == 0 {
		return nil
	}
	return &w.rules[w.IntN(len(w.rules))]
}

func (w *writer) use(r *rule) string {
	switch r.kind {
	case "function":
		return fmt.Sprintf("%s(%s)", r.name, w.term())
	case "value":
		return r.name
	}
	if w.Float64() < 0.4 {
		return fmt.Sprintf("%s[%s]", r.name, w.leaf())
	}
	return r.name
}

func (w *writer) collection() string {
	if w.Float64() < 0.3 {
		return w.comprehension()
	}
	if r := w.used(); r != nil && r.kind != "function" && w.Float64() < 0.4 {
		return r.name
	}
	return w.pick("id(input.list)", "input.list", "input.a", "input", "data.base", "data.base.list", "[1, \"a\", input.b]", "{1, 2}", `{"a": 1, "b": [2]}`, "input.pairs")
}

func (w *writer) ref() string {
	start := w.pick("input", "input", "input.a", "input.list", "data.base", "data.base.list", "data.base.a", "input.pairs")
	for range w.IntN(3) {
		switch w.IntN(4) {
		case 0:
			start += "[_]"
		case 1:
			start += "[" + w.leaf() + "]"
		default:
			start += "." + w.pick("a", "b", "c")
		}
	}
	return start
}

func (w *writer) comprehension() string {
	w.depth++
	defer func() { w.depth-- }()
	kept := w.variables
	w.variables = append([]string(nil), kept...)
	defer func() { w.variables = kept }()
	body := w.expression()
	if w.Float64() < 0.4 {
		body += "; " + w.expression()
	}
	switch w.IntN(4) {
	case 0:
		return fmt.Sprintf("{%s | %s}", w.leaf(), body)
	case 1:
		return fmt.Sprintf("{%s: %s | %s}", w.leaf(), w.leaf(), body)
	}
	return fmt.Sprintf("[%s | %s]", w.leaf(), body)
}

// anything is a random input or document of data.
func anything(r *rand.Rand, depth int) any {
	c := chance{Rand: r}
	if depth <= 0 {
		return c.Of(1, 2, "a", "b", "ab", true, false, nil, 0.5)
	}
	switch c.IntN(6) {
	case 0:
		return c.Of(1, "a", true, nil)
	case 1, 2:
		list := make([]any, c.IntN(4))
		for i := range list {
			list[i] = anything(r, depth-1)
		}
		return list
	}
	out := fields{}
	for _, name := range []string{"a", "b", "c"} {
		c.Maybe(out, name, 0.6, func() any { return anything(r, depth-1) })
	}
	return out
}

func randomInput(r *rand.Rand) fields {
	c := chance{Rand: r}
	out := fields{}
	for _, name := range []string{"a", "b", "list", "pairs"} {
		c.Maybe(out, name, 0.8, func() any { return anything(r, 2) })
	}
	c.Maybe(out, "pairs", 0.6, func() any { return []any{[]any{1, "a"}, []any{anything(r, 1), 2}} })
	return out
}
