package syntax

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// ParseJSON reads the JSON value at the start of text, of at most depth levels; the text may go on behind the
// end of the root. The error is always a *Declined.
func ParseJSON(text string, depth int) (*Tree, error) {
	tree := &Tree{}
	return tree, tree.parse(text, depth, (*parser).json)
}

// DecodeJSON is DecodeYAML of the JSON value at the start of text; the text of the tree ends where the value does.
func DecodeJSON(text string, depth int) (*ast.Term, *Tree, error) {
	term, tree, err := decode(text, depth, (*parser).json)
	if err == nil {
		tree.Text = text[:tree.nodes[Root].End]
	}
	return term, tree, err
}

func (p *parser) json() bool { return p.jsonSpace() && p.jsonValue() }

// jsonSpace goes to the next token; false at the end of the text.
func (p *parser) jsonSpace() bool {
	for ; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case ' ', '\t', '\r', '\n':
		default:
			return true
		}
	}
	return p.decline("the text ends before its value does")
}

func (p *parser) jsonValue() bool {
	switch c := p.text[p.pos]; c {
	case '{':
		return p.jsonCollection(Mapping, '}')
	case '[':
		return p.jsonCollection(Sequence, ']')
	case '"':
		return p.jsonString()
	case 't':
		return p.jsonWord("true")
	case 'f':
		return p.jsonWord("false")
	case 'n':
		return p.jsonWord("null")
	}
	return p.jsonNumber()
}

// jsonCollection reads an object or an array.
func (p *parser) jsonCollection(kind Kind, closing byte) bool {
	index, ok := p.open(kind)
	if !ok {
		return false
	}
	p.pos++
	for size := 0; p.jsonSpace(); size++ {
		if p.text[p.pos] == closing && size == 0 {
			p.pos++
			return p.close(index, 0, p.pos)
		}
		if kind == Mapping && !p.jsonKey() || !p.jsonValue() || !p.jsonSpace() {
			return false
		}
		switch p.text[p.pos] {
		case closing:
			p.pos++
			return p.close(index, size+1, p.pos)
		case ',':
			p.pos++
		default:
			return p.decline("neither a comma nor the end of the collection")
		}
	}
	return false
}

func (p *parser) jsonKey() bool {
	if p.text[p.pos] != '"' {
		return p.decline("not a key")
	}
	if !p.jsonString() || !p.jsonSpace() {
		return false
	}
	if p.text[p.pos] != ':' {
		return p.decline("a key without its `:`")
	}
	p.pos++
	return p.jsonSpace()
}

func (p *parser) jsonWord(word string) bool {
	if !strings.HasPrefix(p.text[p.pos:], word) {
		return p.decline("not a value")
	}
	p.scalar(Plain, p.pos, p.pos+len(word), word)
	p.pos += len(word)
	return true
}

// jsonNumber reads a number: sign, digits without a leading zero, fraction, exponent.
func (p *parser) jsonNumber() bool {
	rest := strings.TrimPrefix(p.text[p.pos:], "-")
	whole, rest := cutDigits(rest)
	first := p.text[p.pos:]
	if whole == 0 || whole > 1 && strings.TrimPrefix(first, "-")[0] == '0' {
		return p.decline("not a value")
	}
	if strings.HasPrefix(rest, ".") {
		var fraction int
		if fraction, rest = cutDigits(rest[1:]); fraction == 0 {
			return p.decline("a number without digits behind its dot")
		}
	}
	if rest != "" && rest[0]|0x20 == 'e' {
		var exponent int
		if exponent, rest = cutDigits(trimSign(rest[1:])); exponent == 0 {
			return p.decline("a number without digits in its exponent")
		}
	}
	length := len(first) - len(rest)
	p.scalar(Number, p.pos, p.pos+length, first[:length])
	p.pos += length
	return true
}

// jsonString reads a string. Bytes that are no UTF-8 and lone surrogates are declined.
func (p *parser) jsonString() bool {
	start := p.pos
	length := strings.IndexByte(p.text[start+1:], '"')
	if length < 0 {
		return p.decline("a string that is never closed")
	}
	value := p.text[start+1 : start+1+length]
	if strings.IndexByte(value, '\\') >= 0 {
		return p.jsonEscaped(start)
	}
	if !isJSONText(value) {
		return p.decline("a character that JSON does not allow")
	}
	p.pos = start + length + 2
	p.scalar(Text, start, p.pos, value)
	return true
}

func isJSONText(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' {
			return false
		}
	}
	return utf8.ValidString(value)
}

// jsonEscaped reads a string that holds escapes.
func (p *parser) jsonEscaped(start int) bool {
	p.buffer = p.buffer[:0]
	for p.pos = start + 1; p.pos < len(p.text); {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			value := string(p.buffer)
			p.scalar(Text, start, p.pos, value)
			return utf8.ValidString(value) || p.decline("bytes that are no UTF-8")
		case c < ' ':
			return p.decline("a character that JSON does not allow")
		case c != '\\':
			p.buffer = append(p.buffer, c)
			p.pos++
		case !p.jsonEscape():
			return false
		}
	}
	return p.decline("a string that is never closed")
}

// jsonEscapes are the characters that a backslash and one letter stand for.
var jsonEscapes = map[byte]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

func (p *parser) jsonEscape() bool {
	if p.pos+1 >= len(p.text) {
		return p.decline("a string that is never closed")
	}
	if value, known := jsonEscapes[p.text[p.pos+1]]; known {
		p.buffer = append(p.buffer, value)
		p.pos += 2
		return true
	}
	value, ok := p.jsonUnit(p.pos)
	p.pos += 6
	if ok && utf16.IsSurrogate(value) {
		var low rune
		low, ok = p.jsonUnit(p.pos)
		value = utf16.DecodeRune(value, low)
		p.pos += 6
		ok = ok && value != utf8.RuneError
	}
	if !ok {
		p.pos = min(p.pos, len(p.text))
		return p.decline("an escape that is no character")
	}
	p.buffer = utf8.AppendRune(p.buffer, value)
	return true
}

// jsonUnit is the UTF-16 unit that `\uXXXX` at an offset stands for.
func (p *parser) jsonUnit(offset int) (unit rune, ok bool) {
	if offset >= len(p.text) || !strings.HasPrefix(p.text[offset:], `\u`) {
		return 0, false
	}
	return p.hexDigits(offset+2, 4)
}
