package syntax

import (
	"strings"
	"unicode/utf8"
)

// quoteEnd is the offset after the quoted scalar at start if that ends on its line, else -1.
func (p *parser) quoteEnd(start int) int {
	quote := p.text[start]
	for i := start + 1; !p.atBreak(i); i++ {
		switch c := p.text[i]; {
		case c == '\\' && quote == '"':
			i++
		case c != quote:
		case quote == '\'' && i+1 < len(p.text) && p.text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// quoted reads the quoted scalar at pos.
func (p *parser) quoted() bool {
	start, quote := p.pos, p.text[p.pos]
	length := strings.IndexByte(p.text[start+1:], quote)
	if length < 0 {
		return p.decline(OpenQuote)
	}
	end := start + 1 + length
	value := p.text[start+1 : end]
	simple := strings.IndexByte(value, '\n') < 0
	if quote == '"' {
		simple = simple && strings.IndexByte(value, '\\') < 0
	} else {
		simple = simple && (end+1 == len(p.text) || p.text[end+1] != quote)
	}
	if !simple {
		return p.quotedSlowly(start, quote)
	}
	p.pos = end + 1
	p.scalar(Text, start, p.pos, value)
	return true
}

// quotedSlowly reads a quoted scalar with escapes or over several lines.
func (p *parser) quotedSlowly(start int, quote byte) bool {
	p.buffer = p.buffer[:0]
	for p.pos = start + 1; p.pos < len(p.text); {
		switch c := p.text[p.pos]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			p.quotedBlanks(false)
		case c == '\\' && quote == '"':
			if !p.escape() {
				return false
			}
		case c == '\'' && quote == c && p.pos+1 < len(p.text) && p.text[p.pos+1] == quote:
			p.buffer = append(p.buffer, quote)
			p.pos += 2
		case c == quote:
			p.pos++
			p.scalar(Text, start, p.pos, string(p.buffer))
			return true
		default:
			p.buffer = append(p.buffer, c)
			p.pos++
		}
	}
	p.pos = start
	return p.decline(OpenQuote)
}

// quotedBlanks reads white space inside quotes: kept within a line, folded around line breaks. After an escaped
// line break nothing is folded, and further breaks are kept.
func (p *parser) quotedBlanks(escapedBreak bool) {
	start, breaks := p.pos, 0
	for ; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		if c == '\n' {
			breaks++
			p.lineStart = p.pos + 1
		} else if c != ' ' && c != '\t' && c != '\r' {
			break
		}
	}
	switch {
	case escapedBreak:
		p.feed(breaks)
	case breaks > 0:
		p.fold(breaks)
	default:
		p.buffer = append(p.buffer, p.text[start:p.pos]...)
	}
}

// escapes are the characters that a backslash and one letter stand for.
var escapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': `"`, '\'': "'", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape reads a backslash and what it stands for.
func (p *parser) escape() bool {
	if p.pos+1 >= len(p.text) {
		return p.decline("an escape without its letter")
	}
	switch letter := p.text[p.pos+1]; letter {
	case '\n', '\r':
		p.pos = p.lineFeed(p.pos) + 1
		p.lineStart = p.pos
		p.quotedBlanks(true)
		return true
	case 'x':
		return p.hexEscape(2)
	case 'u':
		return p.hexEscape(4)
	case 'U':
		return p.hexEscape(8)
	default:
		value, known := escapes[letter]
		if !known {
			return p.decline("an unknown escape")
		}
		p.buffer = append(p.buffer, value...)
		p.pos += 2
		return true
	}
}

// hexEscape reads an escape of so many hexadecimal digits.
func (p *parser) hexEscape(digits int) bool {
	value, ok := p.hexDigits(p.pos+2, digits)
	if !ok || !utf8.ValidRune(value) {
		return p.decline("an escape that is no character")
	}
	p.buffer = utf8.AppendRune(p.buffer, value)
	p.pos += 2 + digits
	return true
}

// hexDigits is the value of so many hexadecimal digits at an offset.
func (p *parser) hexDigits(offset, digits int) (value rune, ok bool) {
	if offset+digits > len(p.text) {
		return 0, false
	}
	for _, c := range []byte(p.text[offset : offset+digits]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		if value > utf8.MaxRune {
			return 0, false
		}
		value = value<<4 | rune(c)
	}
	return value, true
}
