package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// corpusFiles are the published manifests that tests read; the test is skipped where they are absent.
func corpusFiles(t testing.TB) []Source {
	t.Helper()
	sources := corpusIfThere()
	if sources == nil {
		t.Skipf("no corpus of manifests at %s: set ATTEST_SHARED", corpusFolder())
	}
	return sources
}

// corpusIfThere are the same files, or none.
func corpusIfThere() []Source {
	if _, err := os.Stat(corpusFolder()); err != nil {
		return nil
	}
	sources, _, _ := Walk([]string{corpusFolder()})
	return sources
}

func corpusFolder() string {
	shared := os.Getenv("ATTEST_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	return filepath.Join(shared, "corpus")
}

func TestEveryFileOfTheCorpusIsAccountedFor(t *testing.T) {
	documents := 0
	for _, source := range corpusFiles(t) {
		file := Read(source, DefaultLimits)
		documents += len(file.Documents)
		for _, p := range file.Problems {
			if p.Severity == model.Error {
				t.Errorf("%s:%d:%d %s: %s (%s)", p.File, p.Line, p.Column, p.Code, p.Message, p.Hint)
			}
		}
		if len(file.Documents)+len(file.Skipped) == 0 && !onlyComments(t, source.Path) {
			t.Errorf("%s: nothing came of it", source.Path)
		}
	}
	if documents < 450 {
		t.Errorf("only %d resources in the corpus", documents)
	}
}

func onlyComments(t *testing.T, path string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return false
		}
	}
	return true
}

// TestEveryFieldOfTheCorpusIsWhereLocateSays cuts each span out of its file: a scalar entry must decode to the
// entry, and the span of a collection must be its key.
func TestEveryFieldOfTheCorpusIsWhereLocateSays(t *testing.T) {
	checked := 0
	for _, source := range corpusFiles(t) {
		text, err := os.ReadFile(source.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range Read(source, DefaultLimits).Documents {
			if len(text) > 100_000 {
				continue // each question reads the text again up to the place
			}
			checked += checkFields(t, string(text), document, document.Native(), nil)
		}
	}
	t.Logf("%d fields", checked)
}

func checkFields(t *testing.T, text string, document *Document, value any, path []any) (checked int) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			below := append(path[:len(path):len(path)], key)
			checked += 1 + checkFields(t, text, document, member, below)
			checkEntry(t, text, document, key, member, below)
		}
	case []any:
		for i, member := range value {
			checked += checkFields(t, text, document, member, append(path[:len(path):len(path)], i))
		}
	}
	return checked
}

func checkEntry(t *testing.T, text string, document *Document, key string, value any, path []any) {
	t.Helper()
	location := document.Locate(path)
	if location.Path != pointer(path) {
		if len(document.prefix) > 0 && (key == "kind" || key == "apiVersion") {
			return // taken from the list
		}
		t.Errorf("%s %s: found only %s", document.File, pointer(path), location.Path)
		return
	}
	span := cut(text, location)
	if !isScalar(value) || value == nil {
		span += ":"
		value = nil
	}
	indented := strings.Repeat(" ", location.Column-1) + span
	term, err := Decode([]byte(indented), DefaultLimits)
	if err != nil {
		t.Errorf("%s %s: %q: %v", document.File, pointer(path), span, err)
		return
	}
	want := ast.MustInterfaceToValue(map[string]any{key: value})
	if strings.TrimRight(term.String(), `\n"}`) != strings.TrimRight(want.String(), `\n"}`) {
		t.Errorf("%s:%d %s: the span says %s, the document %s", document.File, location.Line, pointer(path), term, want)
	}
}

// cut is the text of a location.
func cut(text string, location model.Location) string {
	return text[byteOffset(text, location.Line, location.Column):byteOffset(text, location.EndLine, location.EndColumn)]
}

func byteOffset(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		offset += strings.IndexByte(text[offset:], '\n') + 1
	}
	offset += len(text[offset:]) - len(strings.TrimPrefix(text[offset:], byteOrderMark))
	for ; column > 1; column-- {
		_, width := utf8.DecodeRuneInString(text[offset:])
		offset += width
	}
	return offset
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}
