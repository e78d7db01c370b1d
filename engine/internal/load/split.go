package load

import (
	"strings"
	"unicode"
)

// chunk is one document of a text: a range of bytes.
type chunk struct{ start, end int }

// separator starts a line that ends one YAML document and begins the next.
const separator = "---"

// lookAhead is how far kubectl looks for the beginning of JSON, in bytes.
const lookAhead = 4096

// looksLikeJSON says whether kubectl would try JSON first.
func looksLikeJSON(text string) bool {
	return strings.HasPrefix(strings.TrimLeftFunc(text[:min(len(text), lookAhead)], unicode.IsSpace), "{")
}

// nextYAML finds the YAML document that starts at start: up to the next separator or the end of the text.
// A separator that opens the document belongs to it. next is where the following document starts, which is
// past the end of the text after the last one.
func nextYAML(text string, start int) (document chunk, next int) {
	position := start
	if strings.HasPrefix(text[position:], separator) {
		position = lineEnd(text, position)
	}
	for position < len(text) {
		if strings.HasPrefix(text[position:], separator) {
			return chunk{start, position}, lineEnd(text, position)
		}
		found := strings.Index(text[position:], "\n"+separator)
		if found < 0 {
			break
		}
		position += found + 1
	}
	return chunk{start, len(text)}, len(text) + 1
}

// lineEnd is the offset after the line feed that ends the line at offset.
func lineEnd(text string, offset int) int {
	if length := strings.IndexByte(text[offset:], '\n'); length >= 0 {
		return offset + length + 1
	}
	return len(text)
}

// badSeparator is the text after a `---` that kubectl refuses there, or "".
func badSeparator(text string, offset int) string {
	rest := strings.TrimSpace(text[offset+len(separator) : lineEnd(text, offset)])
	if strings.HasPrefix(rest, "#") {
		return ""
	}
	return rest
}
