package load

import (
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// lineAndColumn is where a byte offset lies in a text: 1-based, columns in code points, the byte order
// mark not counted, as editors show it.
func lineAndColumn(text string, offset int) (line, column int) {
	offset = min(offset, len(text))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	line = strings.Count(text[:start], "\n") + 1
	return line, utf8.RuneCountInString(strings.TrimPrefix(text[start:offset], byteOrderMark)) + 1
}

// endOfLine is the offset of the end of the line that holds offset, without white space at its end.
func endOfLine(text string, offset int) int {
	end := len(text)
	if length := strings.IndexByte(text[offset:], '\n'); length >= 0 {
		end = offset + length
	}
	return offset + len(strings.TrimRight(text[offset:end], " \t\r"))
}

// indentOfLine counts the spaces at the start of a 1-based line; 0 when there is no such line.
func indentOfLine(text string, line int) int {
	for ; line > 1; line-- {
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return 0
		}
		text = text[end+1:]
	}
	return len(text) - len(strings.TrimLeft(text, " "))
}
