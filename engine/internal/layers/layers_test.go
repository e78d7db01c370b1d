package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layers are the packages from the top down; those of a layer may import what is in the layers below, and nothing
// of their own.
var layers = [][]string{
	{"trial"}, // of tests alone: nothing stands above it
	{"develop/play", "develop/regotest"},
	{"develop/conflict", "develop/generate", "develop/gkgen", "develop/optimize", "develop/profile", "develop/suite", "develop/trace"},
	{"develop/explore"},
	{"check", "validate"},
	{"policyset"},
	{"bundle"},
	{"constraint"},
	{"constraint/load"},
	{"constraint/cel", "constraint/match", "constraint/reach"},
	{"constraint/rego"},
	{"constraint/admission"},
	{"constraint/enforcement", "constraint/expand", "constraint/external", "constraint/gatekeeper", "constraint/terms"},
	{"rego"},
	{"kustomize"},
	{"load"},
	{"builtins", "constraint/recall", "load/syntax", "locate"},
	{"compiled", "virtual"},
	{"ahead", "deadline", "layers", "member", "pool", "results", "rpc", "schema", "sighting", "version"},
	{"model"},
}

const module = "attest.continuu.ms/engine/internal/"

func TestPackagesImportWhatIsBelowThem(t *testing.T) {
	depth := map[string]int{}
	for i, layer := range layers {
		for _, name := range layer {
			depth[name] = i
		}
	}
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		folder, _ := filepath.Rel("..", filepath.Dir(path)) // both are relative
		name := filepath.ToSlash(folder)
		at, known := depth[name]
		if !known && !seen[name] {
			t.Errorf("`%s` has no layer: give it one", name)
		}
		seen[name] = true
		for _, imported := range importsOf(t, path) {
			if known && depth[imported] <= at {
				t.Errorf("%s imports `%s`, which is not below it", path, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range depth {
		if !seen[name] {
			t.Errorf("there is no package `%s`", name)
		}
	}
}

// importsOf are the packages of ours that a file imports.
func importsOf(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range file.Imports {
		path, _ := strconv.Unquote(one.Path.Value) // it was parsed
		if name, ours := strings.CutPrefix(path, module); ours {
			names = append(names, name)
		}
	}
	return names
}
