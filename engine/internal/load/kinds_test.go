package load

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAKindIsFoundHoweverItIsWritten(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"plain":                  {"kind: Ingress\n", true},
		"on another line":        {"kind:\n  Ingress\n", true},
		"in a block":             {"kind: |-\n  Ingress\n", true},
		"through an alias":       {"a: &a Ingress\nkind: *a\n", true},
		"of a list":              {"kind: IngressList\nitems: []\n", true},
		"with an escape":         {"kind: \"Ing\\x72ess\"\n", true},
		"over lines":             {"kind: \"Ing\\\n  ress\"\n", true},
		"as base64":              {"kind: !!binary SW5ncmVzcw==\n", true},
		"in an escape of JSON":   {`{"kind": "Ing\u0072ess"}`, true},
		"in UTF-16":              {"\xfe\xff" + utf16("kind: Ingress\n", false), true},
		"another":                {"kind: Pod\n", false},
		"another, with a quote'": {"kind: 'Po''d'\n", false},
	} {
		if got := MayHold(&Source{Path: "x.yaml", Text: []byte(test.text)}, []string{"Namespace", "Ingress"}, Limits{}); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatIsLookedAtIsReadOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(a), 0o600); err != nil {
		t.Fatal(err)
	}
	source := Source{Path: path}
	if !MayHold(&source, []string{"A"}, Limits{}) || string(source.Text) != a {
		t.Errorf("source %+v", source)
	}
	if gone := (Source{Path: path + "x"}); !MayHold(&gone, []string{"A"}, Limits{}) {
		t.Error("a file that can't be read seems to hold nothing")
	}
}
