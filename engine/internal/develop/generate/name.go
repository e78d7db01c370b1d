package generate

import (
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// maxSlug bounds the length of a part of a test's name.
const maxSlug = 60

var (
	verbs    = regexp.MustCompile(`['"(]?%[-+ #0-9.]*[a-zA-Z]['")]?`)
	noLetter = regexp.MustCompile(`[^a-z0-9]+`)
)

// slugOf makes words joined by underscores out of any text.
func slugOf(text string) string {
	text = strings.Trim(noLetter.ReplaceAllString(strings.ToLower(text), "_"), "_")
	if len(text) > maxSlug {
		text = text[:maxSlug]
		if at := strings.LastIndexByte(text, '_'); at > maxSlug/2 {
			text = text[:at]
		}
	}
	return text
}

// slug names what a rule finds fault with: the fixed words of its message, else the message that it
// gave, else its name.
func (g *generator) slug(number int, o *explore.Outcome) string {
	rule := g.subject.Rules[number]
	for _, text := range []string{template(rule.Rule), message(o, rule.Name)} {
		if slug := slugOf(text); len(slug) > 2 {
			return slug
		}
	}
	return slugOf(rule.Name + "_holds")
}

// template is the longest text of a rule that reads like a sentence, without the places for values.
func template(rule *ast.Rule) string {
	best := ""
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		if text, ok := term.Value.(ast.String); ok && strings.Count(string(text), " ") > 1 && len(text) > len(best) {
			best = string(text)
		}
		return false
	})
	return verbs.ReplaceAllString(best, " ")
}
