package model

import (
	"strings"
	"testing"
)

func TestQuotationsAreOneShortLine(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"plain":               {"a b/ü", "a b/ü"},
		"two lines":           {"a\nb", `a\nb`},
		"an escape sequence":  {"\x1b[2J", `\x1b[2J`},
		"right to left":       {"a\u202eb", `a\u202eb`},
		"bytes that are none": {"a\xffb", "a\ufffdb"},
		"as long as may be":   {strings.Repeat("ü", 80), strings.Repeat("ü", 80)},
		"longer":              {strings.Repeat("ü", 81), strings.Repeat("ü", 80) + "…"},
	} {
		if got := Short(c.text); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
