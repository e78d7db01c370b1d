package compiled

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// samples are values of every type, some of them equal in another form.
var samples = func() []*ast.Term {
	var out []*ast.Term
	for _, text := range []string{
		"null", "true", "false", "0", "1", "1.0", "-2", "1e3", "7", "10", "99", "100", `""`, `"a"`, `"ab"`, `"ä€"`, "[]", "[1]", `["a", 1.0, null]`,
		"set()", "{1}", `{"a", [1]}`, "{}", `{"a": 1}`, `{"a": {"b": 2}, "1": 3}`, `{1: "a", [1]: 2}`, `["a", "b"]`,
		`"aaaa"`, `"aa"`, `"100m"`, `"m"`, `"ÄÖ-İ"`, `"€"`, `"\u0000"`,
	} {
		out = append(out, ast.MustParseTerm(text))
	}
	return out
}()

// What is done natively is what OPA's builtin says. Where it has an error, nothing is done.
func TestNativesAreTheBuiltins(t *testing.T) {
	for name, own := range unary {
		for _, x := range samples {
			compareNative(t, name, own(x), x)
		}
	}
	for name, own := range binary {
		for _, x := range samples {
			for _, y := range samples {
				compareNative(t, name, own(x, y), x, y)
			}
		}
	}
	for name, own := range ternary {
		for _, x := range samples {
			for _, y := range samples {
				for _, z := range samples {
					compareNative(t, name, own(x, y, z), x, y, z)
				}
			}
		}
	}
}

func compareNative(t *testing.T, name string, got *ast.Term, args ...*ast.Term) {
	t.Helper()
	if got == nil {
		return
	}
	var want *ast.Term
	err := topdown.GetBuiltin(name)(topdown.BuiltinContext{}, args, func(v *ast.Term) error {
		want = v
		return nil
	})
	if err != nil || !Alike(want, got) {
		t.Errorf("%s%v: OPA says %v, %v; we say %v", name, args, want, err, got)
	}
}

// A text that is not replaced at once is OPA's to replace, which listens to its deadline meanwhile.
func TestLongTextsAreReplacedByOPA(t *testing.T) {
	short, a := ast.StringTerm("b"), ast.StringTerm("a")
	for name, args := range map[string][3]*ast.Term{
		"in a long text":   {ast.StringTerm(strings.Repeat("a", longestReplaced+1)), a, short},
		"by a long text":   {a, a, ast.StringTerm(strings.Repeat("b", longestInstead+1))},
		"nothing, by some": {a, ast.StringTerm(""), short},
	} {
		if got := replace(args[0], args[1], args[2]); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
