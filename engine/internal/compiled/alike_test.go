package compiled

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestWhatIsWrittenAlike(t *testing.T) {
	for name, c := range map[string]struct {
		x, y  string
		alike bool
	}{
		"the same":                           {`{"a": [1, {"b": null}], "c": {true}}`, `{"a": [1, {"b": null}], "c": {true}}`, true},
		"members in another order":           {`{"a": 1, "b": 2}`, `{"b": 2, "a": 1}`, true},
		"a number in other digits":           {`1`, `1.0`, false},
		"one in a list":                      {`[1, 2]`, `[1, 2.0]`, false},
		"one in an object":                   {`{"a": {"b": 1}}`, `{"a": {"b": 1.0}}`, false},
		"one in a set":                       {`{1, 2}`, `{1, 2.0}`, false},
		"a key in other digits":              {`{1: "a"}`, `{1.0: "a"}`, false},
		"a key in the same digits":           {`{1: "a", [2]: "b"}`, `{1: "a", [2]: "b"}`, true},
		"a key in other digits after a text": {`{"x": 0, [1]: 1}`, `{"x": 0, [1.0]: 1}`, false},
		"another key":                        {`{"a": 1}`, `{"b": 1}`, false},
		"another value":                      {`{"a": "x"}`, `{"a": "y"}`, false},
		"another text":                       {`"a"`, `"b"`, false},
		"a text and a number":                {`"1"`, `1`, false},
		"an element more":                    {`[1]`, `[1, 1]`, false},
		"a member more":                      {`{"a": 1}`, `{"a": 1, "b": 1}`, false},
		"an object and a list":               {`{}`, `[]`, false},
		"nothing in either":                  {`{}`, `{}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			x, y := ast.MustParseTerm(c.x), ast.MustParseTerm(c.y)
			if Alike(x, y) != c.alike || Alike(y, x) != c.alike {
				t.Errorf("it is %v", !c.alike)
			}
		})
	}
}

// Of equal arguments that are written differently OPA answers for both with what it said of the first, which is its to tell.
func TestCallsWithEqualArgumentsThatAreWrittenDifferently(t *testing.T) {
	r, asked := runnerOf(t, "x := [f(input.resource.a), f(input.resource.b)]\nf(n) := sprintf(\"%v\", [n])")
	for resource, answers := range map[string]bool{
		`{"a": 1, "b": 1}`: true, `{"a": 1, "b": 1.0}`: false, `{"a": [{"n": 1.0}], "b": [{"n": 1}]}`: false, `{"a": [1, 2], "b": [1, 3]}`: true,
	} {
		input := ast.ObjectTerm(ast.Item(ast.StringTerm("resource"), ast.MustParseTerm(resource)))
		if values, answered := r.Run(t.Context(), asked, input, Environment{}); answered != answers {
			t.Errorf("%s: %v, %v", resource, values, answered)
		}
	}
}
