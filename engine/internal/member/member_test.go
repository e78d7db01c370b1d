package member

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

func TestWhatAValueHasAtAKey(t *testing.T) {
	for name, c := range map[string]struct{ of, key, want string }{
		"a key of an object":          {`{"a": 1}`, `"a"`, `1`},
		"a key that is a number":      {`{1: "x"}`, `1`, `"x"`},
		"a key that is not there":     {`{"a": 1}`, `"b"`, ``},
		"a place of an array":         {`["x", "y"]`, `1`, `"y"`},
		"a place past its end":        {`["x"]`, `1`, ``},
		"a place before its begin":    {`["x"]`, `-1`, ``},
		"a text as a place":           {`["x"]`, `"0"`, ``},
		"an element of a set":         {`{"a", "b"}`, `"a"`, `"a"`},
		"no element of a set":         {`{"a", "b"}`, `"c"`, ``},
		"a value that holds no other": {`"abc"`, `0`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if found := At(ast.MustParseTerm(c.of), ast.MustParseTerm(c.key)); found != nil {
				got = found.String()
			}
			if got != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
