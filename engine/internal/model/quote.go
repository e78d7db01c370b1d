package model

import (
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

// Printable replaces the characters that could trick a terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
