package load

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Marks say what counting from the start says, of any text at any place.
func TestMarksTellWhatCountingTells(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a test wants variety, not secrets
	parts := []string{"a", "é", "€", "😀", "\n", "\r\n", " ", "\x80", "\xf0\x9f", "\ufeff", strings.Repeat("x", 700)}
	texts := []string{"", "\n", strings.Repeat("one line ", 3000), strings.Repeat("é", 5000), strings.Repeat("\x80", 9000), "\ufeff" + strings.Repeat("€\n", 6000)}
	for range 20 {
		var b strings.Builder
		for b.Len() < 20_000 {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		m := newMarks(text)
		for i := range 400 {
			offset := r.IntN(len(text) + 2)
			if i == 0 {
				offset = len(text)
			}
			for offset < len(text) && text[offset]&0xC0 == 0x80 && strings.ToValidUTF8(text, "") == text {
				offset++ // nobody asks for the middle of a character
			}
			line, column := m.lineAndColumn(text, offset)
			wantLine, wantColumn := lineAndColumn(text, offset)
			if line != wantLine || column != wantColumn && strings.ToValidUTF8(text, "") == text {
				t.Fatalf("at %d of %.60q: %d:%d, want %d:%d", offset, text, line, column, wantLine, wantColumn)
			}
		}
	}
}
