package syntax

import (
	"strings"
	"unicode/utf8"
)

// Classes of bytes, as flags.
const (
	classControl   uint8 = 1 << iota // needs a look: not printable ASCII
	classPlainStop                   // may end a plain scalar in a block
	classFlowStop                    // may end a plain scalar in a flow collection
	classNoStart                     // can't start a plain scalar
)

var classes = func() (table [256]uint8) {
	for i := range table {
		if c := byte(i); c != '\n' && (c < ' ' || c > '~') {
			table[i] |= classControl
		}
	}
	mark := func(characters string, class uint8) {
		for i := range len(characters) {
			table[characters[i]] |= class
		}
	}
	mark(":#\n\t", classPlainStop)
	mark(":#\n\t,[]{}?", classFlowStop)
	mark("-?:,[]{}#&*!|>'\"%@` \t\r\n", classNoStart)
	return table
}()

// acceptable says whether the text holds only characters that YAML allows and that mean nothing special
// here: no lone carriage returns, no Unicode line breaks, no marker of a document inside.
func (p *parser) acceptable() bool {
	for i := 0; i < len(p.text); i++ {
		if classes[p.text[i]]&classControl == 0 {
			continue
		}
		width := p.characterAt(i)
		if width == 0 {
			p.pos = i
			return p.decline("a character that YAML does not allow, or that ends lines")
		}
		i += width - 1
	}
	for _, marker := range []string{"\n...", "\n---"} {
		for offset := 0; ; {
			found := strings.Index(p.text[offset:], marker)
			if found < 0 {
				break
			}
			if offset += found + 1; !p.onlyCommentsBefore(offset) {
				p.pos = offset
				return p.decline("a marker of a document")
			}
		}
	}
	return true
}

// onlyCommentsBefore says whether a marker at offset opens the document: nothing but empty lines and comments
// stand above it.
func (p *parser) onlyCommentsBefore(offset int) bool {
	if p.text[offset] == '.' {
		return false
	}
	for line := range strings.Lines(strings.TrimPrefix(p.text[:offset], "\ufeff")) {
		if line = strings.TrimLeft(line, " "); line != "\n" && line != "\r\n" && line[0] != '#' {
			return false
		}
	}
	return true
}

// characterAt is the width of the character at i, 0 when it is not acceptable.
func (p *parser) characterAt(i int) int {
	switch p.text[i] {
	case '\t':
		return 1
	case '\r':
		if i+1 < len(p.text) && p.text[i+1] == '\n' {
			return 1
		}
		return 0
	}
	r, width := utf8.DecodeRuneInString(p.text[i:])
	switch {
	case r < 0xA0, r == utf8.RuneError && width == 1: // control characters, next line, bytes that are no UTF-8
		return 0
	case r == '\ufeff' && i > 0, r == '\u2028', r == '\u2029', r == 0xFFFE, r == 0xFFFF:
		return 0
	}
	return width
}
