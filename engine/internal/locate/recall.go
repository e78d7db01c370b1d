package locate

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A folder of manifests holds many resources of one shape, and a rule complains of them in the same words with other
// names. What was found for the first is then found for the others without evaluating again: the entry must be the
// known one with the resource's own values in the places of the first one's, and the values must tell which element of
// each array it is about. Anything else is evaluated.

// memory is what a rule's entries were about, by the shape of the resource and the parameters.
type memory[About any] struct {
	mu    sync.RWMutex
	known map[circumstances][]pattern[About]
	kept  int // patterns
}

type circumstances struct {
	shape      uint64
	parameters int
	asked      uint64 // what was asked of it; nothing where the entry as a whole was
}

// Bounds of a memory. What does not fit is evaluated each time.
const (
	maxCircumstances = 256
	maxPatterns      = 64
	maxKept          = 512 // of all circumstances
)

// pattern is an entry with gaps, and what it is about: the path to a field.
type pattern[About any] struct {
	leaves []leaf
	about  About
	path   []any
	blamed int    // the scalar at path, or -1
	value  string // what it must be; ignored when a gap holds it
	inGap  bool
	gaps   []gap
}

// leaf is a part of an entry: a token that must be the same, or a text with gaps.
type leaf struct {
	token string
	parts []part // nil: the token as it is
}

type part struct {
	literal string
	gap     int // index into gaps, -1 for a literal
}

// gap is a value of the resource within a text: the scalars that had it, all of which must agree.
type gap struct{ scalars []int }

// recall finds the path of an entry among what is known.
func (m *memory[About]) recall(of *Sketch, in circumstances, entry *ast.Term) (about About, ok bool) {
	m.mu.RLock()
	patterns := m.known[in]
	m.mu.RUnlock()
	if len(patterns) == 0 {
		return about, false
	}
	s, tokens := of.gathered(), flatten(entry)
	for i := range patterns {
		if patterns[i].fits(s, tokens) {
			return patterns[i].about, true
		}
	}
	return about, false
}

// learn keeps what an evaluation has found.
func (m *memory[About]) learn(of *Sketch, in circumstances, entry *ast.Term, path []any, about About) {
	if m.full(in) { // then what is not known is evaluated each time
		return
	}
	p, ok := newPattern(of.placed(), flatten(entry), path, about)
	if !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[circumstances][]pattern[About]{}
	}
	if m.holdsAll(in) {
		return
	}
	patterns := m.known[in]
	m.known[in] = append(patterns[:len(patterns):len(patterns)], p)
	m.kept++
}

// full says whether nothing more is kept of some circumstances.
func (m *memory[About]) full(in circumstances) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.holdsAll(in)
}

func (m *memory[About]) holdsAll(in circumstances) bool {
	patterns, seen := m.known[in]
	return !seen && len(m.known) >= maxCircumstances || len(patterns) >= maxPatterns || m.kept >= maxKept
}

// token is a part of an entry; texts may have gaps, the rest is structure.
type token struct {
	text   string
	isText bool
}

func flatten(entry *ast.Term) []token {
	switch v := entry.Value.(type) {
	case ast.String:
		return []token{{string(v), true}}
	case ast.Object:
		out := []token{{text: "{"}}
		v.Foreach(func(key, value *ast.Term) {
			out = append(append(out, token{text: key.String()}), flatten(value)...)
		})
		return append(out, token{text: "}"})
	case *ast.Array:
		out := []token{{text: "["}}
		v.Foreach(func(value *ast.Term) { out = append(out, flatten(value)...) })
		return append(out, token{text: "]"})
	case ast.Set:
		out := []token{{text: "<"}}
		v.Foreach(func(value *ast.Term) { out = append(out, flatten(value)...) })
		return append(out, token{text: ">"})
	}
	return []token{{text: entry.String()}}
}

func newPattern[About any](s *scalars, tokens []token, path []any, about About) (pattern[About], bool) {
	p := pattern[About]{about: about, path: path, blamed: s.at(path)}
	for _, t := range tokens {
		if !t.isText {
			p.leaves = append(p.leaves, leaf{token: t.text})
			continue
		}
		p.leaves = append(p.leaves, leaf{parts: p.cut(s, t.text)})
	}
	if p.blamed >= 0 {
		p.value = strings.Clone(s.all[p.blamed].full) // parts of a file's text would hold all of it
		p.inGap = p.holds(p.blamed)
	}
	return p, p.anchored(s) && p.named(tokens)
}

// named says whether the entry tells the blamed scalar from its neighbours, by its value or by its key. "web has too
// much" could be about either of two limits in another resource, and which of them an evaluation finds first must not
// depend on what was seen before. What is no scalar is blamed for its shape, which is the same.
func (p *pattern[About]) named(tokens []token) bool {
	if p.blamed < 0 || p.inGap {
		return true
	}
	key, isText := p.path[len(p.path)-1].(string)
	if !isText {
		return false
	}
	for _, t := range tokens {
		if t.isText && hasWord(t.text, key) {
			return true
		}
	}
	return false
}

func hasWord(text, word string) bool {
	for at := 0; ; {
		next := strings.Index(text[at:], word)
		if next < 0 {
			return false
		}
		at += next
		if wordStarts(text, at) && wordEnds(text, at+len(word)) {
			return true
		}
		at += len(word)
	}
}

// holds says whether a scalar is in some gap.
func (p *pattern[About]) holds(scalar int) bool {
	return slices.ContainsFunc(p.gaps, func(g gap) bool { return slices.Contains(g.scalars, scalar) })
}

// anchored says whether the entry names a value of every array element on the path that none of its neighbours has:
// else another element of another resource could be meant.
func (p *pattern[About]) anchored(s *scalars) bool {
	for depth, key := range p.path {
		if _, isIndex := key.(int); isIndex && !p.tells(s, p.path[:depth+1]) {
			return false
		}
	}
	return true
}

// tells says whether some gap tells an element from the others of its array.
func (p *pattern[About]) tells(s *scalars, element []any) bool {
	array := element[:len(element)-1]
	for _, g := range p.gaps {
		own, others := 0, 0
		for _, i := range g.scalars {
			switch path := s.paths[i]; {
			case startsWith(path, element):
				own++
			case startsWith(path, array):
				others++
			}
		}
		if own > 0 && others == 0 {
			return true
		}
	}
	return false
}

// cut splits a text at the values of the resource, the longest first at each word.
func (p *pattern[About]) cut(s *scalars, text string) []part {
	parts := []part{}
	literal := 0
	for at := 0; at < len(text); {
		value := ""
		if wordStarts(text, at) {
			value = longest(s, text[at:])
		}
		if value == "" {
			_, size := utf8.DecodeRuneInString(text[at:])
			at += size
			continue
		}
		if literal < at {
			parts = append(parts, part{literal: strings.Clone(text[literal:at]), gap: -1})
		}
		parts = append(parts, part{gap: len(p.gaps)})
		p.gaps = append(p.gaps, gap{scalars: s.byText[value]})
		at += len(value)
		literal = at
	}
	if literal < len(text) {
		parts = append(parts, part{literal: strings.Clone(text[literal:]), gap: -1})
	}
	return parts
}

func longest(s *scalars, text string) string {
	found := ""
	for _, value := range s.starts[text[0]] {
		if len(value) > len(found) && strings.HasPrefix(text, value) && wordEnds(text, len(value)) {
			found = value
		}
	}
	return found
}

func wordStarts(text string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	return at == 0 || !isWord(before)
}

func wordEnds(text string, at int) bool {
	after, _ := utf8.DecodeRuneInString(text[at:])
	return at == len(text) || !isWord(after)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// fits says whether the tokens are the pattern's with the values of another resource of the same shape.
func (p *pattern[About]) fits(s *scalars, tokens []token) bool {
	if len(tokens) != len(p.leaves) {
		return false
	}
	if p.blamed >= 0 && !p.inGap && s.all[p.blamed].full != p.value {
		return false
	}
	for i, t := range tokens {
		if !p.leaves[i].fits(s, p.gaps, t) {
			return false
		}
	}
	return true
}

func (l leaf) fits(s *scalars, gaps []gap, t token) bool {
	if l.parts == nil {
		return !t.isText && l.token == t.text
	}
	rest := t.text
	for _, part := range l.parts {
		expected := part.literal
		if part.gap >= 0 {
			var ok bool
			if expected, ok = gaps[part.gap].value(s); !ok {
				return false
			}
		}
		var found bool
		if rest, found = strings.CutPrefix(rest, expected); !found {
			return false
		}
	}
	return t.isText && rest == ""
}

// value is what all scalars of the gap have in this resource, and no other scalar has.
func (g gap) value(s *scalars) (string, bool) {
	text := s.all[g.scalars[0]].text
	for _, i := range g.scalars[1:] {
		if s.all[i].text != text {
			return "", false
		}
	}
	return text, text != "" && s.count[text] == len(g.scalars)
}
