package bundle

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const oldPolicy = "package example.old\n\nviolation[{\"msg\": \"no\"}] { input.resource.kind == \"Pod\" }\n"

func TestManifestsThatAreRefused(t *testing.T) {
	cases := map[string]struct {
		files   []File
		message string
	}{
		"two manifests":        {[]File{{".manifest", []byte("{}")}, {"a/.manifest", []byte("{}")}}, "two manifests"},
		"one elsewhere":        {[]File{{"a/.manifest", []byte("{}")}}, "not at the top"},
		"another name":         {[]File{{"x.manifest", []byte("{}")}}, "not at the top"},
		"no JSON":              {[]File{{".manifest", []byte("{")}}, "neither JSON"},
		"roots that overlap":   {[]File{{".manifest", []byte(`{"roots": ["a", "a/b"]}`)}}, "overlap"},
		"a version of Rego":    {[]File{{".manifest", []byte(`{"rego_version": 7}`)}}, "version 7"},
		"one of a file":        {[]File{{".manifest", []byte(`{"file_rego_versions": {"/a": 9}}`)}}, "version 9"},
		"a pattern of files":   {[]File{{".manifest", []byte(`{"file_rego_versions": {"[": 1}}`)}}, "file_rego_versions"},
		"a delta":              {[]File{{"patch.json", []byte("{}")}}, "delta"},
		"data that is no JSON": {[]File{{"data.json", []byte("{")}}, "neither JSON nor YAML"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(packed(t, c.files...), nil, nil)
			wants(t, err, Content, c.message)
		})
	}
}

func TestRootsAreKept(t *testing.T) {
	manifest := File{".manifest", []byte(`{"roots": ["example/own", "x"]}`)}
	for name, c := range map[string]struct {
		data    string
		message string
	}{
		"within":  {`{"x": {"a": 1}}`, ""},
		"deeper":  {`{"example": {"own": 1}}`, ""},
		"beside":  {`{"y": 1}`, "outside"},
		"above":   {`{"example": 1}`, "outside"},
		"a slash": {`{"example/own": 1}`, "outside"},
	} {
		t.Run(name, func(t *testing.T) {
			opened, err := Open(packed(t, manifest, File{"data.json", []byte(c.data)}), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = opened.Data(func(string, map[string]any) error { return nil })
			if c.message != "" {
				wants(t, err, Content, c.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	opened, err := Open(packed(t, manifest, File{"a.rego", []byte(policy)}, File{"b.rego", []byte(oldPolicy)}), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if problems := opened.OutsideRoots(opened.Modules(true)); len(problems) != 1 || !strings.HasSuffix(problems[0].File, "/b.rego") {
		t.Errorf("got %v", problems)
	}
}

func TestTheManifestSaysWhichRegoAFileIs(t *testing.T) {
	manifest := File{".manifest", []byte(`{"rego_version": 1, "file_rego_versions": {"/old/*.rego": 0}}`)}
	opened, err := Open(packed(t, manifest, File{"a.rego", []byte(policy)}, File{"old/b.rego", []byte(oldPolicy)}), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	modules := opened.Modules(false)
	if modules[0].Version != "v1" || modules[1].Version != "v0" {
		t.Errorf("got %v", modules)
	}
}

func folderOf(t *testing.T, files ...File) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		path := filepath.Join(root, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestBuildingGivesTheSameBytes(t *testing.T) {
	files := []File{
		{"a.rego", []byte(policy)}, {"old.rego", []byte(oldPolicy)}, {"a_test.rego", []byte("package x")},
		{"x/data.yaml", []byte("on: true\n")}, {"pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")}, {".git/x.rego", []byte("no")},
	}
	var made [2][]byte
	for i := range made {
		output := filepath.Join(t.TempDir(), "b.tar.gz")
		built, problems := Build(BuildParams{Paths: []string{folderOf(t, files...)}, Output: output, Revision: "7"})
		if built == nil {
			t.Fatal(problems)
		}
		var names []string
		for _, f := range built.Files {
			names = append(names, f.Path)
		}
		if got := strings.Join(names, " "); got != ".manifest a.rego data.json old.rego" {
			t.Errorf("the bundle holds %s", got)
		}
		if built.Manifest.Revision != "7" || built.Manifest.FileRegoVersions["/old.rego"] != 0 || len(built.Manifest.FileRegoVersions) != 1 {
			t.Errorf("the manifest is %+v", built.Manifest)
		}
		made[i], _ = os.ReadFile(output)
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("two builds differ")
	}
}

func TestBuildingIsRefused(t *testing.T) {
	one := folderOf(t, File{"a.rego", []byte(policy)})
	cases := map[string]struct {
		paths   []string
		message string
	}{
		"nothing there":       {[]string{one + "/none"}, "no such file"},
		"nothing in it":       {[]string{t.TempDir()}, "no policy"},
		"broken Rego":         {[]string{folderOf(t, File{"a.rego", []byte("package")})}, ""},
		"broken YAML":         {[]string{folderOf(t, File{"a.yaml", []byte("a: [")})}, ""},
		"two of one name":     {[]string{one + "/a.rego", folderOf(t, File{"a.rego", []byte(policy)}) + "/a.rego"}, "same place"},
		"data twice":          {[]string{folderOf(t, File{"data.json", []byte(`{"x":1}`)}, File{"data.yaml", []byte("x: 2")})}, "already defined"},
		"a manifest of many":  {[]string{one, folderOf(t, File{".manifest", []byte("{}")})}, "can't be joined"},
		"outside of its root": {[]string{folderOf(t, File{".manifest", []byte(`{"roots":["x"]}`)}, File{"a.rego", []byte(policy)})}, "outside"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			output := filepath.Join(t.TempDir(), "b.tar.gz")
			built, problems := Build(BuildParams{Paths: c.paths, Output: output})
			if built != nil || len(problems) == 0 || !strings.Contains(problems[0].Message, c.message) {
				t.Errorf("got %v, %v", built, problems)
			}
			if _, err := os.Stat(output); err == nil {
				t.Error("a bundle was written all the same")
			}
		})
	}
}
