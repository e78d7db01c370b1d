package generate

import (
	"fmt"
	"strings"
)

// why says what stands in the way of a rule that no input was found for.
func (g *generator) why(number int) Unreached {
	rule := g.subject.Rules[number]
	out := Unreached{Rule: rule.Name, Line: rule.Line, number: number}
	if g.subject.Never(g.ctx, number) {
		out.Proven = true
		out.Reason = "no input can satisfy its conditions"
		return out
	}
	depth, _ := g.pool.Depth(number)
	if depth <= 0 && !rule.Entry {
		out.Reason = fmt.Sprintf("nothing called it with arguments for which it holds, in %d inputs", len(g.pool.Tried))
		return out
	}
	depth = min(max(depth, 0), len(rule.Body)-1)
	at := rule.Body[depth].Location
	text, _, _ := strings.Cut(string(at.Text), "\n")
	out.Reason = fmt.Sprintf("its condition in line %d, `%s`, held in none of %d inputs", at.Row, strings.TrimSpace(text), len(g.pool.Tried))
	return out
}
