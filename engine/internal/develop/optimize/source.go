package optimize

import (
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// source is the text of a policy file with what was parsed of it. Offsets are in bytes.
type source struct {
	text    string
	module  *ast.Module
	globals map[ast.Var]bool // what is defined outside bodies: imports, rules, input, data
	names   map[string]bool  // every variable of the file, ours included: a new name must not be among them
}

// parse reads a policy file; nil where it is not Rego.
func parse(file, text string) *source {
	parsed, _ := rego.Parse(rego.Source{File: file, Text: text})
	if parsed == nil {
		return nil
	}
	s := &source{text: text, module: parsed.Module, names: map[string]bool{}}
	s.globals = map[ast.Var]bool{ast.InputRootDocument.Value.(ast.Var): true, ast.DefaultRootDocument.Value.(ast.Var): true}
	for _, one := range parsed.Module.Imports {
		s.globals[one.Name()] = true
	}
	for _, rule := range parsed.Module.Rules {
		if name, ok := rule.Head.Ref()[0].Value.(ast.Var); ok {
			s.globals[name] = true
		}
	}
	ast.WalkVars(parsed.Module, func(v ast.Var) bool {
		s.names[string(v)] = true
		return false
	})
	for name := range s.globals {
		s.names[string(name)] = true
	}
	for name := range declared(parsed.Module) {
		delete(s.globals, name) // the name alone does not say which is meant, so nothing that has it is moved
	}
	return s
}

// declared are the names that something in a body or in the arguments of a function is given, whatever else has them.
func declared(module *ast.Module) variables {
	names := variables{}
	add := func(terms ...*ast.Term) {
		for _, term := range terms {
			if term == nil {
				continue
			}
			ast.WalkVars(term, func(v ast.Var) bool {
				names[v] = true
				return false
			})
		}
	}
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Head:
			add(x.Args...)
		case *ast.Every:
			add(x.Key, x.Value)
		case *ast.SomeDecl:
			for _, symbol := range x.Symbols {
				if call, isMember := symbol.Value.(ast.Call); isMember {
					add(call[1 : len(call)-1]...)
				} else {
					add(symbol)
				}
			}
		case *ast.Expr:
			if x.IsAssignment() {
				add(x.Operand(0))
			}
		}
		return false
	}).Walk(module)
	return names
}

// otherwise is how the text of a branch begins: OPA's parser gives its place to all that stands in its body where
// that has no braces.
var otherwise = regexp.MustCompile(`^else\b`)

// stretch is the place of a location's text; it fails where the parser's idea of it is not what stands there.
func (s *source) stretch(loc *ast.Location) (span, bool) {
	if loc == nil || len(loc.Text) == 0 || loc.Offset < 0 || loc.Offset+len(loc.Text) > len(s.text) || otherwise.Match(loc.Text) {
		return span{}, false
	}
	at := span{loc.Offset, loc.Offset + len(loc.Text)}
	return at, s.at(at) == string(loc.Text)
}

func (s *source) at(place span) string { return s.text[place.from:place.to] }

// span is a stretch of a text.
type span struct{ from, to int }

func (a span) within(b span) bool { return b.from <= a.from && a.to <= b.to }

// edit replaces a stretch of a text.
type edit struct {
	span
	text string
}

// apply makes edits that do not overlap; at one place, in the order given.
func apply(text string, edits []edit) string {
	var out strings.Builder
	at := 0
	for _, e := range sorted(edits) {
		out.WriteString(text[at:e.from])
		out.WriteString(e.text)
		at = e.to
	}
	out.WriteString(text[at:])
	return out.String()
}

func sorted(edits []edit) []edit {
	out := slices.Clone(edits)
	slices.SortStableFunc(out, func(a, b edit) int {
		if a.from != b.from {
			return a.from - b.from
		}
		return a.to - b.to
	})
	return out
}

// clash says whether two sets of edits touch the same text. Two insertions at one place do not.
func clash(a, b []edit) bool {
	for _, x := range a {
		for _, y := range b {
			if x.from < y.to && y.from < x.to {
				return true
			}
		}
	}
	return false
}

// lineStart is where the line of an offset begins.
func lineStart(text string, offset int) int { return strings.LastIndexByte(text[:offset], '\n') + 1 }

// lineEnd is where the line after that of an offset begins.
func lineEnd(text string, offset int) int {
	if end := strings.IndexByte(text[offset:], '\n'); end >= 0 {
		return offset + end + 1
	}
	return len(text)
}

// indent is the white space before an offset, and whether nothing else stands there on its line.
func indent(text string, offset int) (string, bool) {
	before := text[lineStart(text, offset):offset]
	return before, strings.TrimSpace(before) == ""
}

// above is the start of the comment that stands directly above a line, or of the line itself.
func above(text string, start int) int {
	for start > 0 {
		previous := lineStart(text, start-1)
		if !strings.HasPrefix(strings.TrimSpace(text[previous:start]), "#") {
			break
		}
		start = previous
	}
	return start
}

// before are the edits that put a statement in front of another one: on a line of its own, where that one begins a
// line, and in braces where its body has none.
func (s *source) before(other *ast.Expr, statement string) []edit {
	offset := other.Location.Offset
	white, first := indent(s.text, offset)
	if end := offset + len(other.Location.Text); s.bare(offset) {
		return []edit{{span{offset, offset}, "{ " + statement + "; "}, {span{end, end}, " }"}}
	}
	if !first {
		return []edit{{span{offset, offset}, statement + "; "}}
	}
	start := above(s.text, lineStart(s.text, offset))
	return []edit{{span{start, start}, white + statement + s.newline()}}
}

// bare says whether the statement at an offset is a body without braces: `if` stands in front of it.
func (s *source) bare(offset int) bool {
	words := strings.Fields(s.text[lineStart(s.text, offset):offset])
	if len(words) == 0 {
		words = strings.Fields(s.text[:offset])
	}
	return len(words) > 0 && words[len(words)-1] == "if"
}

func (s *source) newline() string {
	if strings.Contains(s.text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// Hunk is a change of whole lines: Old, from Line on, becomes New.
type Hunk struct {
	Line int      `json:"line"`
	Old  []string `json:"old,omitempty"`
	New  []string `json:"new,omitempty"`
}

// hunks show edits as changes of lines.
func hunks(text string, edits []edit) []Hunk {
	var out []Hunk
	var group []edit
	end := -1
	flush := func() {
		if len(group) > 0 {
			out = append(out, hunk(text, lineStart(text, group[0].from), end, group))
		}
		group = nil
	}
	for _, e := range sorted(edits) {
		if lineStart(text, e.from) > end {
			flush()
			end = -1
		}
		group = append(group, e)
		end = max(end, closing(text, e))
	}
	flush()
	return out
}

// closing is the end of the last line that an edit changes.
func closing(text string, e edit) int {
	whole := lineStart(text, e.from) == e.from && lineStart(text, e.to) == e.to
	if whole && (e.text == "" || strings.HasSuffix(e.text, "\n")) {
		return e.to
	}
	return lineEnd(text, e.to)
}

func hunk(text string, from, to int, edits []edit) Hunk {
	shifted := make([]edit, len(edits))
	for i, e := range edits {
		shifted[i] = edit{span{e.from - from, e.to - from}, e.text}
	}
	return Hunk{Line: 1 + strings.Count(text[:from], "\n"), Old: lines(text[from:to]), New: lines(apply(text[from:to], shifted))}
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\r", ""), "\n")
}
