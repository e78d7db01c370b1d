package load

import "strings"

// What begins and ends an action of a Go template, or an expression of others.
const actionStart, actionEnd = "{{", "}}"

// withoutActions gives a text with its template actions made inert, length for length, in two ways: each replaced by
// letters, or by spaces where it stands alone on its line or trims what is beside it; and all of them by spaces. An
// action lies within one line, whatever YAML makes of it; only a comment `{{/* … */}}` that begins its line may span
// several. So nothing but actions is taken out: an error that lies elsewhere stays.
func withoutActions(text string) [2]string {
	value, blanked := []byte(text), []byte(text)
	open := 0 // no comment that begins before this is closed
	for start, end := 0, 0; start < len(text); start = end {
		if start >= open && beginsComment(text[start:]) {
			var closed bool
			if end, closed = commentEnd(text, start); closed {
				blank(value[start:end])
				blank(blanked[start:end])
				continue
			}
			open = end
		}
		end = lineEnd(text, start)
		withoutActionsOf(text[start:end], value[start:end], blanked[start:end])
	}
	return [2]string{string(value), string(blanked)}
}

// withoutActionsOf makes the actions of one line inert.
func withoutActionsOf(line string, value, blanked []byte) {
	for i := 0; i < len(line); {
		start := strings.Index(line[i:], actionStart)
		if start < 0 {
			break
		}
		i += start
		length := actionLength(line[i:])
		if length == 0 {
			break
		}
		action := line[i : i+length]
		blank(blanked[i : i+length])
		if strings.HasPrefix(action, actionStart+"-") || strings.HasSuffix(action, "-"+actionEnd) {
			blank(value[i : i+length])
		} else {
			letters(value[i : i+length])
		}
		i += length
	}
	if strings.TrimSpace(string(blanked)) == "" {
		copy(value, blanked)
	}
}

func letters(text []byte) {
	for i := range text {
		text[i] = 'x'
	}
}

// actionLength is the length of the action at the start of a line; 0 when it does not end there. Quotes within an
// action hold its end back.
func actionLength(line string) int {
	for i := len(actionStart); i < len(line); i++ {
		switch c := line[i]; {
		case strings.HasPrefix(line[i:], actionEnd):
			return i + len(actionEnd)
		case c == '\\':
			i++
		case c == '"' || c == '\'' || c == '`':
			length := quoteLength(line[i:])
			if length == 0 {
				return 0
			}
			i += length - 1
		}
	}
	return 0
}

// quoteLength is the length of the quotation at the start of a line; 0 when it is never closed.
func quoteLength(line string) int {
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == line[0]:
			return i + 1
		case c == '\\' && line[0] != '`':
			i++
		}
	}
	return 0
}

// beginsComment says whether the line at the start of a text begins with a comment of a template.
func beginsComment(text string) bool {
	text = strings.TrimLeft(text, " \t")
	return strings.HasPrefix(text, "{{/*") || strings.HasPrefix(text, "{{- /*")
}

// commentEnd is where the comment ends that begins at start; false, and how far the search went, when it does not end
// as a comment must.
func commentEnd(text string, start int) (end int, closed bool) {
	opening := start + strings.Index(text[start:], "/*") + len("/*")
	length := strings.Index(text[opening:], "*/")
	if length < 0 {
		return len(text), false
	}
	end = opening + length + len("*/")
	for _, closing := range []string{"}}", " -}}"} {
		if strings.HasPrefix(text[end:], closing) {
			return end + len(closing), true
		}
	}
	return end, false
}
