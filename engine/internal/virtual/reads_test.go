package virtual

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// readings are rules `v`, and what they read of `input`: paths, with a `?` behind those that are looked at shallowly.
var readings = map[string]struct{ rules, want string }{
	"nothing":                      {`v contains 1 if data.x`, ``},
	"a path":                       {`v contains 1 if input.a.b`, `a.b`},
	"elements":                     {`v contains x if x := input.a.b[_].c`, `a.b`},
	"a key that is computed":       {`v contains 1 if { some k in ["x"]; input.a[k] }`, `a`},
	"a key that is read":           {`v contains 1 if input.a[input.k]`, `a k`},
	"a number as a key":            {`v contains 1 if input.a[0].b`, `a`},
	"the whole":                    {`v contains input`, `.`},
	"what a variable stands for":   {`v contains 1 if { x := input.a; x.b; x.c.d }`, `a? a.b a.c.d`},
	"a variable of a variable":     {`v contains 1 if { x := input.a; y := x.b; y.c }`, `a? a.b? a.b.c`},
	"a variable that is returned":  {`v contains x if x := input.a`, `a`},
	"a variable in a list":         {`v contains 1 if { x := input.a; [x] == [1] }`, `a`},
	"two that are compared":        {`v contains 1 if { x := input.a; x == input.b }`, `a b`},
	"two that are made equal":      {`v contains 1 if { some x; x = input.a; x = input.b }`, `a b`},
	"one that has a value already": {`v contains 1 if { some x in data.y; x = input.b }`, `b`},
	"one made equal to a pattern":  {`v contains 1 if { some x; [x, 1] = data.y; x = input.b }`, `b`},
	"one that a builtin returns":   {`v contains 1 if { some x; x = input.b; count([1], x) }`, `b`},
	"a parameter":                  {`v contains 1 if f(input.a); f(x) if x.b == 1`, `a? a.b`},
	"a parameter, one of two":      {`v contains 1 if f(input.a, "k"); f(x, k) if x.b == k`, `a? a.b`},
	"a parameter by a variable":    {`v contains 1 if { y := input.a; f(y.c) }; f(x) if x.b == 1`, `a? a.c? a.c.b`},
	"a parameter that is handed on": {
		`v contains 1 if f(input.a); f(x) if g(x.b); g(y) if y.c`, `a? a.b? a.b.c`,
	},
	"a parameter of functions of one name": {`v contains 1 if f(input.a); f(x) if x.b; f(y) if y.c`, `a? a.b a.c`},
	"a parameter that is returned":         {`v contains y if y := f(input.a); f(x) := x`, `a`},
	"a parameter of an else":               {`v contains 1 if f(input.a) == 1; f(x) := 1 if x.b else := 2 if x.c`, `a? a.b a.c`},
	"a parameter that is a pattern":        {`v contains 1 if f(input.a); f([x, _]) if x.b`, `a`},
	"a parameter that is a constant":       {`v contains 1 if f(input.a); f("x") if data.y`, `a`},
	"what a function is made equal to":     {`v contains 1 if f(1) == input.a; f(x) := x`, `a`},
	"what a function's result must be":     {`v contains 1 if f(1) = input.a; f(x) := x`, `a`},
	"a function that calls another twice":  {`v contains 1 if { f(input.a); f(input.b) }; f(x) if x.c`, `a? a.c b? b.c`},
	"a rule that another one reads":        {`v contains 1 if w.c; w := input.a`, `a`},
	"a rule in a comprehension":            {`v contains 1 if count({x | x := input.a[_]}) > 0`, `a`},
	"below not":                            {`v contains 1 if not input.a.b`, `a.b`},
	"every":                                {`v contains 1 if every x in input.a { x.b }`, `a`},
	"object.get":                           {`v contains 1 if object.get(input.a, "b", 1) == 1`, `a? a.b`},
	"object.get of a variable":             {`v contains 1 if { x := input.a; object.get(x, "b", input.c) == 1 }`, `a? a.b c`},
	"object.get by a path":                 {`v contains 1 if object.get(input.a, ["b", "c"], 1) == 1`, `a`},
	"object.get by what is read":           {`v contains 1 if object.get(input.a, input.b, 1) == 1`, `a b`},
	"another builtin":                      {`v contains 1 if count(input.a) > 1`, `a`},
	"an argument that is compared":         {`v contains 1 if f(data.y); f(x) if x == input.b`, `b`},
	"a key that is compared":               {`v contains 1 if { some x; data.y[x]; x == input.b }`, `b`},
	"a count that is compared":             {`v contains 1 if { x := count(data.y); x == input.b }`, `b`},
	"every one that is compared":           {`v contains 1 if every x in data.y { x == input.b }`, `b`},
	"an element that is compared":          {`v contains 1 if count({x | some x in data.y; x == input.b}) > 0`, `b`},
	"a value that is compared":             {`v contains 1 if f(1) == input.b; f(x) := x`, `b`},
	"a key of the head":                    {`v contains x if { some x; x = input.b }`, `b`},
	"a name that is compared later":        {`v contains 1 if { x := input.a; data.y[x] }`, `a`},
	"a key that a builtin makes":           {`v contains 1 if { k := concat("/", ["x", input.b]); input.a[k].c }`, `a[x] b`},
	"a key in a format":                    {`v contains 1 if input.a[sprintf("x/%v", [input.b])]`, `a[x/] b`},
	"a key with a constant's beginning":    {`v contains 1 if input.a[concat("", [w, input.b])]; w := "x"`, `a[x] b`},
	"a key that is a constant":             {`v contains 1 if input.a[w]; w := "x"`, `a[x]`},
	"a key that a function makes":          {`v contains 1 if input.a[f(input.b)]; f(x) := k if k := sprintf("x/%v", [x])`, `a[x/] b`},
	"a key that a function is handed":      {`v contains 1 if { f("x"); f(sprintf("y/%v", [input.b])) }; f(k) if input.a[k]`, `a[x,y/] b`},
	"a key of an else":                     {`v contains 1 if input.a[f(input.b)]; f(x) := "y" if x == 1 else := "z" if x.c`, `a[y,z] b`},
	"a key that a function hands on":       {`v contains 1 if f("x"); f(k) if g(k); g(k) if not input.a[k]`, `a[x]`},
	"a key of a variable's":                {`v contains 1 if { x := input.a; x[concat("", ["x", input.b])] }`, `a[x] a? b`},
	"a key in a comprehension":             {`v contains 1 if { k := concat("", ["x", input.b]); count([y | y := input.a[k]]) > 0 }`, `a[x] b`},
	"a key that is made in a closure":      {`v contains 1 if count([y | k := concat("", ["x", input.b]); y := input.a[k]]) > 0`, `a[x] b`},
	"a key that is made below not":         {`v contains 1 if not f(concat("", ["x", input.b])); f(k) if input.a[k]`, `a[x] b`},
	"a key of another closure":             {`v contains 1 if { count([1 | k := "x"; k == input.b]) > 0; some k; input.a[k] }`, `a b`},
	"a key that may be anything":           {`v contains 1 if { f("x"); f(input.b) }; f(k) if input.a[k]`, `a b`},
	"a key that may be another function's": {`v contains 1 if input.a[f(1)]; f(x) := "y" if x == 1; f(x) := x`, `a`},
	"a key with a beginning that is read":  {`v contains 1 if input.a[concat("/", [input.b, "x"])]`, `a b`},
	"a key with an empty beginning":        {`v contains 1 if input.a[concat("", ["", input.b])]`, `a b`},
	"a key of a set":                       {`v contains 1 if input.a[concat("", {"x", input.b})]`, `a b`},
	"a key that comes later":               {`v contains 1 if { some k; y := input.a[k]; y.c; k = concat("", ["x", input.b]) }`, `a b`},
	"a key of a rule of several":           {`v contains 1 if { some p in w; input.a[p] }; w contains "x"`, `a`},
	"a key below not":                      {`v contains 1 if { k := "x"; not input.a[k] }`, `a[x]`},
	"a key that it is not":                 {`v contains 1 if { k := input.b; not k == "x"; input.a[k] }`, `a b`},
	"a key that is a set":                  {`v contains 1 if input.a[w]; w contains "x"`, `a`},
	"a key that is an object":              {"v contains 1 if input.a[w]\nw[k] := `x` if k := input.b", `a b`},
	"members that are gone over as well":   {`v contains 1 if { input.a[sprintf("x/%v", [1])]; some y in input.a; y == 1 }`, `a`},
	"with":                                 {`v contains 1 if w with input as {"a": 1}; w if input.a`, `unknown`},
	"with, further down":                   {`v contains 1 if w; w if u with input.a as 1; u if input.a`, `unknown`},
}

func TestWhatRulesReadOfTheInput(t *testing.T) {
	for name, c := range readings {
		t.Run(name, func(t *testing.T) {
			compiler := compiled(t, "package t\n"+strings.NewReplacer("; f(", "\nf(", "; g(", "\ng(", "; w ", "\nw ", "; u ", "\nu ").Replace(c.rules)+"\n")
			if got := worded(ReadsOf(compiler, compiler.GetRulesExact(ast.MustParseRef("data.t.v")))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A function that is asked may be called with anything, whatever others call it with.
func TestWhatFunctionsReadThatAreCalledFromElsewhere(t *testing.T) {
	compiler := compiled(t, "package t\nv contains 1 if f(\"x\")\nf(k) if input.a[k]\n")
	v, f := compiler.GetRulesExact(ast.MustParseRef("data.t.v")), compiler.GetRulesExact(ast.MustParseRef("data.t.f"))
	for want, rules := range map[string][]*ast.Rule{"a[x]": v, "a": slices.Concat(v, f)} {
		if got := worded(ReadsOf(compiler, rules)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func worded(reads []Read, known bool) string {
	if !known {
		return "unknown"
	}
	words := make([]string, len(reads))
	for i, read := range reads {
		if words[i] = strings.Join(read.Path, "."); len(read.Path) == 0 {
			words[i] = "."
		}
		if read.Keys != nil {
			words[i] += "[" + strings.Join(read.Keys, ",") + "]"
		}
		if read.Shallow {
			words[i] += "?"
		}
	}
	return strings.Join(words, " ")
}
