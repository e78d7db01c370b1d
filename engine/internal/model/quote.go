package model

import (
	"strconv"
	"strings"
	"unicode"
)

// quoted is how much of the user's text a message repeats, in characters.
const quoted = 80

// Short is a quotation of the user's text for a message: on one line, its beginning where it is long.
func Short(text string) string {
	if runes := []rune(text); len(runes) > quoted {
		return Printable(string(runes[:quoted])) + "…"
	}
	return Printable(text)
}

// Printable writes the characters that could trick a terminal or a reader as escapes: `\n`, `\x1b`, `\u202e`.
func Printable(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if strings.IndexFunc(text, isOdd) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if isOdd(r) {
			out.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func isOdd(r rune) bool { return !unicode.IsPrint(r) }
