package compiled

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Builtins that policies call all the time are done here, without OPA's calling convention. Each answers for the
// arguments that it is meant for and returns nil for all others: those are OPA's to answer, or to refuse.

var yes, no = ast.InternedTerm(true), ast.InternedTerm(false)

func truth(b bool) *ast.Term {
	if b {
		return yes
	}
	return no
}

var unary = map[string]func(x *ast.Term) *ast.Term{
	ast.Count.Name:     count,
	ast.IsString.Name:  is[ast.String],
	ast.IsNumber.Name:  is[ast.Number],
	ast.IsBoolean.Name: is[ast.Boolean],
	ast.IsArray.Name:   is[*ast.Array],
	ast.IsObject.Name:  is[ast.Object],
	ast.IsSet.Name:     is[ast.Set],
	ast.Lower.Name:     ofText(strings.ToLower),
	ast.Upper.Name:     ofText(strings.ToUpper),
}

var binary = map[string]func(x, y *ast.Term) *ast.Term{
	ast.NotEqual.Name:      func(x, y *ast.Term) *ast.Term { return truth(!same(x, y)) },
	ast.Equal.Name:         func(x, y *ast.Term) *ast.Term { return truth(same(x, y)) },
	ast.LessThan.Name:      func(x, y *ast.Term) *ast.Term { return truth(compare(x, y) < 0) },
	ast.LessThanEq.Name:    func(x, y *ast.Term) *ast.Term { return truth(compare(x, y) <= 0) },
	ast.GreaterThan.Name:   func(x, y *ast.Term) *ast.Term { return truth(compare(x, y) > 0) },
	ast.GreaterThanEq.Name: func(x, y *ast.Term) *ast.Term { return truth(compare(x, y) >= 0) },
	ast.Member.Name:        contained,
	ast.StartsWith.Name:    onTexts(strings.HasPrefix),
	ast.EndsWith.Name:      onTexts(strings.HasSuffix),
	ast.Contains.Name:      onTexts(strings.Contains),
	ast.TrimPrefix.Name:    cutText(strings.TrimPrefix),
	ast.TrimSuffix.Name:    cutText(strings.TrimSuffix),
}

var ternary = map[string]func(x, y, z *ast.Term) *ast.Term{
	ast.ObjectGet.Name: objectGet,
	ast.Replace.Name:   replace,
}

// compare orders values as Rego does; small whole numbers without OPA's arithmetic.
func compare(x, y *ast.Term) int {
	a, ok := digit(x)
	b, ok2 := digit(y)
	if ok && ok2 {
		return cmp.Compare(a, b)
	}
	return x.Value.Compare(y.Value)
}

// digit is a whole number of one or two digits.
func digit(t *ast.Term) (int, bool) {
	n, isNumber := t.Value.(ast.Number)
	if !isNumber || len(n) == 0 || len(n) > 2 {
		return 0, false
	}
	value := 0
	for i := range len(n) {
		if n[i] < '0' || n[i] > '9' {
			return 0, false
		}
		value = 10*value + int(n[i]-'0')
	}
	return value, true
}

func count(x *ast.Term) *ast.Term {
	switch v := x.Value.(type) {
	case *ast.Array:
		return ast.InternedTerm(v.Len())
	case ast.Object:
		return ast.InternedTerm(v.Len())
	case ast.Set:
		return ast.InternedTerm(v.Len())
	case ast.String:
		return ast.InternedTerm(utf8.RuneCountInString(string(v)))
	}
	return nil
}

func is[T ast.Value](x *ast.Term) *ast.Term {
	_, yes := x.Value.(T)
	return truth(yes)
}

// contained is `x in y`.
func contained(x, y *ast.Term) *ast.Term {
	switch v := y.Value.(type) {
	case ast.Set:
		return truth(v.Contains(x))
	case *ast.Array:
		for i := range v.Len() {
			if same(x, v.Elem(i)) {
				return yes
			}
		}
		return no
	}
	return nil
}

func onTexts(test func(s, part string) bool) func(x, y *ast.Term) *ast.Term {
	return func(x, y *ast.Term) *ast.Term {
		s, ok := x.Value.(ast.String)
		part, ok2 := y.Value.(ast.String)
		if !ok || !ok2 {
			return nil
		}
		return truth(test(string(s), string(part)))
	}
}

func ofText(change func(string) string) func(x *ast.Term) *ast.Term {
	return func(x *ast.Term) *ast.Term {
		s, isText := x.Value.(ast.String)
		if !isText {
			return nil
		}
		return changed(x, change(string(s)))
	}
}

func cutText(cut func(s, part string) string) func(x, y *ast.Term) *ast.Term {
	return func(x, y *ast.Term) *ast.Term {
		s, ok := x.Value.(ast.String)
		part, ok2 := y.Value.(ast.String)
		if !ok || !ok2 {
			return nil
		}
		return changed(x, cut(string(s), string(part)))
	}
}

// changed is what a text became: the text itself where nothing did.
func changed(x *ast.Term, text string) *ast.Term {
	if text == string(x.Value.(ast.String)) {
		return x
	}
	return ast.InternedTerm(text)
}

// Texts that are replaced at once, in bytes. OPA looks for a deadline while it replaces in longer ones.
const longestReplaced, longestInstead = 4 << 10, 64

// replace does without OPA's tables for many texts at a time. What stands for nothing is everywhere, which is OPA's to say.
func replace(x, old, instead *ast.Term) *ast.Term {
	s, ok := x.Value.(ast.String)
	part, ok2 := old.Value.(ast.String)
	text, ok3 := instead.Value.(ast.String)
	if !ok || !ok2 || !ok3 || part == "" || len(s) > longestReplaced || len(text) > longestInstead {
		return nil
	}
	return changed(x, strings.ReplaceAll(string(s), string(part), string(text)))
}

func objectGet(x, key, otherwise *ast.Term) *ast.Term {
	object, isObject := x.Value.(ast.Object)
	if _, isPath := key.Value.(*ast.Array); isPath || !isObject {
		return nil
	}
	if v := object.Get(key); v != nil {
		return v
	}
	return otherwise
}

// native is the call of a builtin that is done here, nil for the others.
func native(name string, run topdown.BuiltinFunc, at *ast.Location, args []getter) getter {
	switch len(args) {
	case 1:
		if own := unary[name]; own != nil {
			return nativeUnary(own, run, at, args[0])
		}
	case 2:
		if own := binary[name]; own != nil {
			return nativeBinary(own, run, at, args[0], args[1])
		}
	case 3:
		if own := ternary[name]; own != nil {
			return nativeTernary(own, run, at, args)
		}
	}
	return nil
}

func nativeUnary(own func(x *ast.Term) *ast.Term, run topdown.BuiltinFunc, at *ast.Location, a getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		x := a(m, f)
		if x == nil {
			return nil
		}
		if v := own(x); v != nil {
			return v
		}
		return m.ask(run, at, []*ast.Term{x})
	}
}

func nativeBinary(own func(x, y *ast.Term) *ast.Term, run topdown.BuiltinFunc, at *ast.Location, a, b getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		x := a(m, f)
		if x == nil {
			return nil
		}
		y := b(m, f)
		if y == nil {
			return nil
		}
		if v := own(x, y); v != nil {
			return v
		}
		return m.ask(run, at, []*ast.Term{x, y})
	}
}

func nativeTernary(own func(x, y, z *ast.Term) *ast.Term, run topdown.BuiltinFunc, at *ast.Location, args []getter) getter {
	return func(m *Machine, f frame) *ast.Term {
		x, y, z := args[0](m, f), args[1](m, f), args[2](m, f)
		if x == nil || y == nil || z == nil {
			return nil
		}
		if v := own(x, y, z); v != nil {
			return v
		}
		return m.ask(run, at, []*ast.Term{x, y, z})
	}
}
