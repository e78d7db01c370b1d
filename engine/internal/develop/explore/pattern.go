package explore

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// Examples are short texts that a regular expression matches, and one that it hardly does.
func Examples(pattern string) []string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	compiled, bad := regexp.Compile(pattern)
	if err != nil || bad != nil {
		return nil
	}
	var out []string
	for _, repeat := range []int{1, 0, 2} {
		var text strings.Builder
		sample(&text, parsed, repeat)
		if compiled.MatchString(text.String()) {
			out = append(out, text.String())
		}
	}
	return out
}

func sample(out *strings.Builder, node *syntax.Regexp, repeat int) {
	switch node.Op {
	case syntax.OpLiteral:
		out.WriteString(string(node.Rune))
	case syntax.OpCharClass:
		out.WriteRune(character(node.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('x')
	case syntax.OpAlternate:
		sample(out, node.Sub[0], repeat)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range node.Sub {
			sample(out, sub, repeat)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		least, most := bounds(node)
		for range max(least, min(repeat, most)) {
			sample(out, node.Sub[0], repeat)
		}
	}
}

func bounds(node *syntax.Regexp) (least, most int) {
	const many = 1 << 10
	switch node.Op {
	case syntax.OpPlus:
		return 1, many
	case syntax.OpQuest:
		return 0, 1
	case syntax.OpRepeat:
		if node.Max < 0 {
			return node.Min, many
		}
		return node.Min, node.Max
	}
	return 0, many
}

// character prefers a letter, then a digit, to whatever a class holds first.
func character(ranges []rune) rune {
	for _, wish := range "axA1" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= wish && wish <= ranges[i+1] {
				return wish
			}
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
