package bundle

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"attest.continuu.ms/engine/internal/trial"
)

// What policies are loaded from must be in the bundle, or be refused: nothing is left out in silence.
func TestLinksInAFolderThatIsToBecomeABundle(t *testing.T) {
	for name, test := range map[string]struct{ link, to, refused string }{
		"none":                                     {"", "", ""},
		"to a folder within":                       {"again", "a", "this is a link"},
		"to a folder outside":                      {"b", "../outside", "this is a link"},
		"to a file within":                         {"again.rego", "a/p.rego", "this is a link"},
		"to a file outside":                        {"out.rego", "../outside/p.rego", "this is a link"},
		"to a document":                            {"data.json", "/etc/hostname", "this is a link"},
		"that leads nowhere":                       {"gone.rego", "nowhere", "this is a link"},
		"round in circles":                         {"loop", ".", "this is a link"},
		"to itself":                                {"loop", "loop", "this is a link"},
		"to itself, as a file":                     {"loop.rego", "loop.rego", "this is a link"},
		"that may have led to a folder":            {"notes", "nowhere", "this is a link"},
		"to a folder behind another link":          {"b", "../link/a", "this is a link"},
		"that is no policy's":                      {"notes.txt", "../outside/notes.txt", ""},
		"that leads nowhere and is of no policy's": {"notes.txt", "nowhere", ""},
		"to a hidden folder":                       {".b", "../outside", ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := trial.Folder(t, map[string]string{"pol/a/p.rego": "package a\n", "outside/p.rego": "package b\n", "outside/notes.txt": ""})
			if err := os.Symlink(filepath.Join(top, "pol"), filepath.Join(top, "link")); err != nil {
				t.Fatal(err)
			}
			if test.link != "" {
				if err := os.Symlink(test.to, filepath.Join(top, "pol", test.link)); err != nil {
					t.Fatal(err)
				}
			}
			for _, root := range []string{"pol", "pol/", "link"} {
				files, err := readPlain(top + "/" + root)
				if test.refused != "" {
					wants(t, err, Archive, test.refused)
					continue
				}
				var names []string
				for _, file := range files {
					names = append(names, file.Path)
				}
				if err != nil || !slices.Equal(names, []string{"a/p.rego"}) {
					t.Errorf("%s: %q, %v", root, names, err)
				}
			}
		})
	}
}
