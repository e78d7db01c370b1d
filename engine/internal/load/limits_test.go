package load

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bomb is a document whose aliases expand to 9^levels nodes.
func bomb(levels int) string {
	var text strings.Builder
	text.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for level := 1; level < levels; level++ {
		alias := fmt.Sprintf("*a%d", level-1)
		fmt.Fprintf(&text, "a%d: &a%d [%s]\n", level, level, strings.Join([]string{alias, alias, alias, alias, alias, alias, alias, alias, alias}, ", "))
	}
	return text.String()
}

func TestLimits(t *testing.T) {
	small := Limits{FileBytes: 1000, DocumentBytes: 100, Documents: 3, AliasNodes: 50, Depth: 20}
	long := strings.Repeat("x", 120)
	for name, test := range map[string]struct{ file, text, want string }{
		"file":              {"x.yaml", strings.Repeat("# comment\n", 101), "0:0 error manifest_limit: the text is larger than 1000 bytes"},
		"document":          {"x.yaml", a + "---\nb: " + long + "\n---\n" + b, "1 A /\n6 B /\n4:1 error manifest_limit: the document is larger than 100 bytes"},
		"JSON document":     {"x.json", `{"b":"` + long + `"}`, "1:1 error manifest_limit: the document is larger than 100 bytes"},
		"flow document":     {"x.yaml", "{b: " + long + "}", "1:1 error manifest_limit: the document is larger than 100 bytes"},
		"documents":         {"x.yaml", strings.Repeat(a+"---\n", 4), "1 A /\n4 A /\n7 A /\n10:1 error manifest_limit: the file holds more than 3 documents"},
		"JSON documents":    {"x.json", strings.Repeat(`{"apiVersion":"v1","kind":"A"}`, 4), "1 A /\n1 A /\n1 A /\n1:1 error manifest_limit: the file holds more than 3 documents"},
		"items of a list":   {"x.yaml", "items: [" + strings.Repeat("{kind: A,apiVersion: v},", 3) + "]", "1 A /\n1 A /\n1:1 error manifest_limit: the file holds more than 3 documents"},
		"aliases":           {"x.yaml", "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b]\n", "3:8 error manifest_limit: the document expands to more than 50 nodes through its aliases"},
		"few aliases":       {"x.yaml", a + "b: &b [x, y]\nc: *b\n", "1 A /"},
		"depth, flow":       {"x.yaml", "a: " + strings.Repeat("[", 25) + strings.Repeat("]", 25), "1:23 error manifest_limit: the document is nested too deeply"},
		"depth, JSON":       {"x.json", `{"a":` + strings.Repeat("[", 25) + strings.Repeat("]", 25) + "}", "1:1 error manifest_limit: the document is nested too deeply"},
		"depth, compact":    {"x.yaml", strings.Repeat("- ", 25) + "x\n", "1:41 error manifest_limit: the document is nested too deeply"},
		"depth, not passed": {"x.yaml", "a: " + strings.Repeat("[", 19) + strings.Repeat("]", 19), "1 skipped: not a Kubernetes resource: no `apiVersion` and `kind`"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := summary(Read(Source{Path: test.file, Text: []byte(test.text)}, small)); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestHostileTextsAreRefusedQuickly gives each attack far more time than it needs, and far less than an
// expansion takes.
func TestHostileTextsAreRefusedQuickly(t *testing.T) {
	merges := "a0: &a0 {x: 1}\n"
	for i := 1; i < 40; i++ {
		merges += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d], y%d: 1}\n", i, i, i-1, i-1, i)
	}
	for name, text := range map[string]string{
		"billion laughs":      bomb(9),
		"more laughs":         bomb(40),
		"merged laughs":       merges,
		"brackets":            strings.Repeat("[", 1<<20),
		"braces":              strings.Repeat("{", 1<<20),
		"JSON brackets":       `{"a":` + strings.Repeat("[", 1<<20),
		"dashes":              strings.Repeat("- ", 1<<18),
		"anchor in itself":    "a: &a [*a, *a]\nb: *a\n",
		"quotes":              strings.Repeat("'", 1<<20+1),
		"markers":             "a: |\n" + strings.Repeat("\n...", 1<<16),
		"commented markers":   strings.Repeat("# c\n", 1<<15) + strings.Repeat("---x\n", 1<<13),
		"separators":          strings.Repeat("---\n", 1<<18),
		"question marks":      strings.Repeat("? ", 1<<16),
		"template braces":     "a: b: c " + strings.Repeat("{{", 1<<18),
		"actions":             "a: b: c " + strings.Repeat("{{ x }}", 1<<16),
		"quotes in actions":   "a: b: c " + strings.Repeat("{{ ' ", 1<<17),
		"open comments":       "a: b: c\n" + strings.Repeat("{{/*\n", 1<<17),
		"comments, one end":   "a: b: c\n" + strings.Repeat("{{/*\n", 1<<17) + "*/",
		"blanks":              "a: b: c {{\n" + strings.Repeat(" ", 1<<20) + "\n",
		"open keys":           strings.Repeat("a:\n", 1<<16) + "\t",
		"one key many times":  strings.Repeat("a: 1\n", 1<<16),
		"colons":              "a: " + strings.Repeat(":", 1<<18),
		"unclosed in a flow":  "a: [" + strings.Repeat("'x', ", 1<<16),
		"escapes in a string": `{"a":"` + strings.Repeat(`\u0041`, 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			file := Read(Source{Path: "x.yaml", Text: []byte(text)}, Limits{})
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if len(file.Documents) > 0 {
				t.Errorf("accepted as %+v", file.Documents[0].Resource)
			}
		})
	}
}

func TestABillionLaughsAreNamedAtTheirLine(t *testing.T) {
	start := time.Now()
	file := Read(Source{Path: "x.yaml", Text: []byte(bomb(9))}, Limits{})
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("took %v", took)
	}
	if len(file.Problems) != 1 || file.Problems[0].Code != CodeLimit || file.Problems[0].Line != 6 || file.Problems[0].Hint == "" {
		t.Errorf("problems %+v", file.Problems)
	}
}
