package virtual

import (
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

func worded(reads []Read, known bool) string {
	if !known {
		return "unknown"
	}
	words := make([]string, len(reads))
	for i, read := range reads {
		if words[i] = strings.Join(read.Path, "."); len(read.Path) == 0 {
			words[i] = "."
		}
		if read.Shallow {
			words[i] += "?"
		}
	}
	return strings.Join(words, " ")
}
