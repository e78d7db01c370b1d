package generate

import (
	"regexp"
	"strings"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// How long a part of a test's name may be.
const (
	maxSlug  = 60
	maxShort = 40 // where more is to come
)

var noLetter = regexp.MustCompile(`[^a-z0-9]+`)

// slugOf makes words joined by underscores out of any text.
func slugOf(text string) string {
	text = strings.ReplaceAll(text, "n't", "nt")
	text = strings.Trim(noLetter.ReplaceAllString(strings.ToLower(text), "_"), "_")
	if len(text) > maxSlug {
		text = text[:maxSlug]
		if at := strings.LastIndexByte(text, '_'); at > maxSlug/2 {
			text = text[:at]
		}
	}
	return text
}

// slug names what a rule finds fault with: what its first result says, else its name.
func (g *generator) slug(number int, o *explore.Outcome, most int) string {
	rule := g.subject.Rules[number]
	words := strings.Split(slugOf(clause(message(o, rule.Name))), "_")
	length := 0
	for i, word := range words {
		if length += len(word) + 1; length > most+1 {
			words = words[:i]
			break
		}
	}
	for len(words) > 1 && dangling[words[len(words)-1]] {
		words = words[:len(words)-1]
	}
	if slug := strings.Join(words, "_"); len(slug) > 2 {
		return slug
	}
	return slugOf(rule.Name + "_holds")
}

// dangling are words that a name doesn't end with.
var dangling = map[string]bool{
	"a": true, "an": true, "and": true, "as": true, "at": true, "but": true, "by": true, "for": true, "from": true, "has": true,
	"in": true, "is": true, "it": true, "its": true, "no": true, "of": true, "on": true, "or": true, "that": true, "the": true,
	"their": true, "them": true, "to": true, "with": true, "without": true,
}

var (
	// named is a thing with its name in quotes: the name says nothing about what is wrong with it.
	named = regexp.MustCompile(`\b([A-Za-z]+) '[^']*'`)
	pause = regexp.MustCompile(`(: |; |, |\. | \()`)
)

// clause is the first part of a message that says something by itself, without the names of things.
func clause(text string) string {
	text = named.ReplaceAllString(text, "$1")
	for _, at := range pause.FindAllStringIndex(text, -1) {
		if strings.Count(text[:at[0]], " ") > 1 {
			return text[:at[0]]
		}
	}
	return text
}
