package load

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFileIsReadOnceAsLongAsItStaysAsItIs(t *testing.T) {
	const first = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	for name, c := range map[string]struct {
		text, later string
		at          int
		once        *Once
		same        bool
	}{
		"the same bytes":               {first, first, 1, &Once{Room: 1000}, true},
		"other bytes":                  {first, "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n", 1, &Once{Room: 1000}, false},
		"bytes that are no file":       {first, "kind: [\n", 1, &Once{Room: 1000}, false},
		"another file":                 {first, first, 2, &Once{Room: 1000}, false},
		"no room":                      {first, first, 1, &Once{Room: 10}, false},
		"one of which there is to say": {first + "---\n- a list\n", first + "---\n- a list\n", 1, &Once{Room: 1000}, false},
		"nobody keeps":                 {first, first, 1, &Once{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.yaml")
			write := func(text string) {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(c.text)
			source := Source{Path: path}
			if !MayHold(&source, []string{"Pod"}, Limits{}) {
				t.Fatal("no Pod")
			}
			before := Read(source, Limits{})
			c.once.Keep(1, source.Text, before)
			write(c.later)
			later, plain := Source{Path: path}, Read(Source{Path: path}, Limits{})
			got := c.once.Read(c.at, later, Limits{})
			if same := len(got.Documents) > 0 && got.Documents[0] == before.Documents[0]; same != c.same {
				t.Errorf("what was kept is given: %v", same)
			}
			if len(got.Documents) != len(plain.Documents) || len(got.Problems) != len(plain.Problems) || len(got.Skipped) != len(plain.Skipped) {
				t.Errorf("%+v is not %+v", got, plain)
			}
			if again := c.once.Read(c.at, later, Limits{}); len(again.Documents) > 0 && again.Documents[0] == before.Documents[0] {
				t.Error("it is kept after it was given")
			}
		})
	}
}

func TestFilesThatHaveNoRoomTogetherAreNotKept(t *testing.T) {
	source := Source{Path: "a.yaml", Text: []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")}
	once, before := &Once{Room: len(source.Text) + 5}, Read(source, Limits{})
	for at := range 3 {
		once.Keep(at, source.Text, before)
	}
	for at := range 3 {
		if got := once.Read(at, source, Limits{}); got.Documents[0] == before.Documents[0] {
			t.Errorf("file %d is kept", at)
		}
	}
}
