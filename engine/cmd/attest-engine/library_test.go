package main

import (
	"os"
	"path/filepath"
	"testing"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/policyset"
)

// sourcesIn are those of a folder with one policy.
func sourcesIn(t *testing.T, text string) policyset.Params {
	t.Helper()
	folder := t.TempDir()
	write(t, folder, text)
	return policyset.Params{Paths: []string{folder}, OPA: true, Gatekeeper: true, Evaluator: compiled.Compiled}
}

func write(t *testing.T, folder, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "own.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	first  = "package own\n\ndeny contains \"first\" if true\n"
	second = "package own\n\ndeny contains \"second\" if true\n"
)

func TestTheSameSourcesAreOneSet(t *testing.T) {
	var l library
	sources := sourcesIn(t, first)
	a, b := l.load(t.Context(), sources), l.load(t.Context(), sources)
	if a.Set != b.Set || len(b.Policies) != 1 {
		t.Error("they are two")
	}
	l.giveBack(a.Set)
	l.giveBack(b.Set)
	if l.load(t.Context(), sources).Set != a.Set {
		t.Error("what nobody used for a moment is compiled again")
	}
	write(t, sources.Paths[0], second)
	if l.load(t.Context(), sources).Set == a.Set {
		t.Error("a file has changed, and the set has not")
	}
	sources.StrictErrors = true
	strict := l.load(t.Context(), sources)
	sources.Data = []byte(`{"x": 1}`)
	if l.load(t.Context(), sources).Set == strict.Set {
		t.Error("data have changed, and the set has not")
	}
}

func TestWhatIsBrokenIsNoBook(t *testing.T) {
	var l library
	sources := sourcesIn(t, "package own\n\ndeny contains\n")
	for range 2 {
		if loaded := l.load(t.Context(), sources); len(loaded.Problems) == 0 || len(l.books) > 0 {
			t.Errorf("%d problems, %d sets", len(loaded.Problems), len(l.books))
		}
	}
}

func TestSetsThatNobodyUsesGo(t *testing.T) {
	var l library
	used := l.load(t.Context(), sourcesIn(t, first))
	for range 5 {
		l.giveBack(l.load(t.Context(), sourcesIn(t, first)).Set)
	}
	if len(l.books) != 1+mostUnused {
		t.Errorf("%d sets are kept", len(l.books))
	}
	if l.books[0].Set != used.Set {
		t.Error("the set in use is gone")
	}
}
