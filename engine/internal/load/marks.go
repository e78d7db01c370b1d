package load

import (
	"strings"
	"unicode/utf8"
)

// marks tell lines and columns of a long text without counting from its start: a list of a cluster's objects is one text, often
// of a single line, and each finding in it asks. There is a mark about every stride bytes, at the start of a character.
type marks []mark

// mark is a place in a text, with the lines that end before it and the code points of its own line.
type mark struct{ offset, lines, column int }

const stride = 4 << 10

func newMarks(text string) marks {
	found := make(marks, 1, len(text)/stride+1)
	for at := 0; at+stride < len(text); {
		last := found[len(found)-1]
		at += stride
		for range utf8.UTFMax - 1 {
			if !utf8.RuneStart(text[at]) && at+1 < len(text) {
				at++
			}
		}
		found = append(found, last.to(text, at))
	}
	return found
}

// to is the mark at an offset further on.
func (m mark) to(text string, offset int) mark {
	between := text[m.offset:offset]
	end := strings.LastIndexByte(between, '\n')
	if end < 0 {
		if m.column == 0 {
			between = strings.TrimPrefix(between, byteOrderMark)
		}
		return mark{offset, m.lines, m.column + utf8.RuneCountInString(between)}
	}
	rest := strings.TrimPrefix(between[end+1:], byteOrderMark)
	return mark{offset, m.lines + strings.Count(between, "\n"), utf8.RuneCountInString(rest)}
}

// lineAndColumn is what the function of that name says.
func (m marks) lineAndColumn(text string, offset int) (line, column int) {
	offset = min(offset, len(text))
	nearest := m[0]
	for i := min(offset/stride, len(m)-1); i >= 0; i-- { // a mark may stand a little beyond its multiple
		if m[i].offset <= offset {
			nearest = m[i]
			break
		}
	}
	at := nearest.to(text, offset)
	return at.lines + 1, at.column + 1
}
