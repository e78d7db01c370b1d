package syntax

import (
	"errors"
	"testing"
)

// TestOrdinaryFormsAreNotDeclined keeps the parser fast: what manifests are written in must not fall back to the
// library. That it is read correctly is tested in package load, against the library.
func TestOrdinaryFormsAreNotDeclined(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb:\n- x\n- u: z\n  w:\n":              `{"a": 1, "b": ["x", {"u": "z", "w": null}]}`,
		"---\n# c\na:\n  - - x\n    - z\n":           `{"a": [["x", "z"]]}`,
		"a: 'it''s'\n\"b\": \"\\u00e9\\n\"\n":        `{"a": "it's", "b": "é\n"}`,
		"a: |\n  x\n\n  y\nb: >-\n  x\n  y\n":        `{"a": "x\n\ny\n", "b": "x y"}`,
		"a: x\n  y\n\n  z # c\n":                     `{"a": "x y\nz"}`,
		"a: {b: [1, 'c',], d: {}}\n":                 `{"a": {"b": [1, "c"], "d": {}}}`,
		"a: [\n  x, # c\n  z\n]\n":                   `{"a": ["x", "z"]}`,
		"\ufeffa: yes\r\nb: 0x10\r\n":                `{"a": true, "b": 16}`,
		"on: -1\n8080: 1.50\nc: 1e3\nd: 12.0.0.1\n":  `{"8080": 1.5, "c": 1000, "d": "12.0.0.1", "true": -1}`,
		"a: http://x:80/y#z\nb: -x\nc: :y\nd: a,b\n": `{"a": "http://x:80/y#z", "b": "-x", "c": ":y", "d": "a,b"}`,
		"": `null`,
	} {
		term, _, err := DecodeYAML(text, 10)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if term.String() != want {
			t.Errorf("%q: %s, want %s", text, term, want)
		}
	}
}

func TestRareFormsAreDeclinedAtTheirPlace(t *testing.T) {
	for text, offset := range map[string]int{
		"a: &x 1\n": 3, "a: *x\n": 3, "a: !!str 1\n": 3, "<<: {a: 1}\n": 0, "? a\n: b\n": 0, "%YAML 1.1\n---\n": 10,
		"a: 1\n...\n": 5, "a:\n\tb: 1\n": 3, "a: b: c\n": 4, "a: 1\n  b: 2\n": 8, "a: 1\nb: 2\na: 3\n": 10, "~: 1\n": 0,
		"a: 'x\n": 3, "a: \"\\q\"\n": 4, "a: .inf\n": 3, "a: x\u2028y\n": 4, "a: {b: [[[c]]]}\n": 8,
	} {
		_, _, err := DecodeYAML(text, 3)
		var declined *Declined
		if !errors.As(err, &declined) || declined.Offset != offset {
			t.Errorf("%q: %+v, want a stop at %d", text, err, offset)
		}
	}
}

func TestJSONIsReadUpToItsEnd(t *testing.T) {
	const text = ` {"a": [1, 1.50, true, null, "\ud83d\ude00\/"]} {"b": 2}`
	term, tree, err := DecodeJSON(text, 10)
	if err != nil {
		t.Fatal(err)
	}
	if rest := text[len(tree.Text):]; term.String() != `{"a": [1, 1.5, true, null, "😀/"]}` || rest != ` {"b": 2}` {
		t.Errorf("%v, rest %q", term, rest)
	}
	for _, broken := range []string{"", "{", `{"a":01}`, `{"a":1,}`, `{"a":"\ud800"}`, `{a:1}`, "[[[[]]]]"} {
		if term, _, err := DecodeJSON(broken, 3); err == nil {
			t.Errorf("%s: %s", broken, term)
		}
	}
}

// TestMemoryIsNotShared decodes in turns, so that reused memory would show.
func TestMemoryIsNotShared(t *testing.T) {
	first, tree, err := DecodeYAML("a: [x, z]\n", 10)
	if err != nil {
		t.Fatal(err)
	}
	tree.Recycle()
	if _, _, err := DecodeYAML("b: [1, 2, 3]\n", 10); err != nil {
		t.Fatal(err)
	}
	if got := first.String(); got != `{"a": ["x", "z"]}` {
		t.Errorf("now %s", got)
	}
}
