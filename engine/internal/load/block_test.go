package load

import (
	"fmt"
	"testing"
)

func TestALineOfALiteralBlockIsALineOfTheFile(t *testing.T) {
	const head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n"
	for name, c := range map[string]struct {
		data string
		line int
		want string // line:column-endLine:endColumn, or nothing
	}{
		"the first":             {"  f: |\n    a\n    b\n", 1, "6:5-6:6"},
		"the second":            {"  f: |\n    a\n    bcd  \n", 2, "7:5-7:8"},
		"indented further":      {"  f: |-\n    a\n      b\n", 2, "7:7-7:8"},
		"after empty lines":     {"  f: |+\n\n    a\n\n    b\n", 4, "9:5-9:6"},
		"with a stated indent":  {"  f: |2 # why\n    a\n     b\n", 2, "7:6-7:7"},
		"with Windows' breaks":  {"  f: |\r\n    a\r\n    b\r\n", 2, "7:5-7:6"},
		"beyond ASCII":          {"  f: |\n    ü: ß\n", 1, "6:5-6:9"},
		"an empty line":         {"  f: |\n    a\n\n    b\n", 2, ""},
		"after the end":         {"  f: |\n    a\n", 2, ""},
		"zero":                  {"  f: |\n    a\n", 0, ""},
		"less":                  {"  f: |\n    a\n", -1, ""},
		"of a folded text":      {"  f: >\n    a\n    b\n", 2, ""},
		"of a quoted text":      {"  f: \"a\n    b\"\n", 2, ""},
		"of a plain text":       {"  f: a\n    b\n", 2, ""},
		"of a text with a bar":  {"  f: '|a'\n", 1, ""},
		"of nothing":            {"  g: |\n    a\n", 1, ""},
		"of a block by its tag": {"  f: !!str |\n    a\n", 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := Read(Source{Path: "a.yaml", Text: []byte(head + c.data)}, DefaultLimits)
			if len(file.Documents) != 1 {
				t.Fatal(file.Problems)
			}
			at, found := file.Documents[0].LocateLine([]any{"data", "f"}, c.line)
			got := ""
			if found {
				got = fmt.Sprintf("%d:%d-%d:%d", at.Line, at.Column, at.EndLine, at.EndColumn)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
