package load

import (
	"os"
	"path/filepath"
	"testing"
)

// corpusFiles are the published manifests that tests read; the test is skipped where they are absent.
func corpusFiles(t testing.TB) []Source {
	t.Helper()
	shared := os.Getenv("ATTEST_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	corpus := filepath.Join(shared, "corpus")
	if _, err := os.Stat(corpus); err != nil {
		t.Skipf("no corpus of manifests at %s: set ATTEST_SHARED", corpus)
	}
	sources, _, problems := Walk([]string{corpus})
	if len(problems) > 0 {
		t.Fatalf("walking the corpus: %v", problems)
	}
	return sources
}

func TestEveryFileOfTheCorpusIsAccountedFor(t *testing.T) {
	for _, source := range corpusFiles(t) {
		file := Read(source, DefaultLimits)
		if len(file.Documents)+len(file.Skipped)+len(file.Problems) == 0 {
			t.Errorf("%s: nothing came of it", source.Path)
		}
		for _, s := range file.Skipped {
			t.Logf("%s:%d skipped: %s", filepath.Base(s.File), s.Line, s.Reason)
		}
		for _, p := range file.Problems {
			t.Logf("%s:%d:%d %s: %s (%s)", filepath.Base(p.File), p.Line, p.Column, p.Code, p.Message, p.Hint)
		}
	}
}
