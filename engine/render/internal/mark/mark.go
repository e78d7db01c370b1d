// Package mark finds out which line of a template made a line of what it renders to. Templates are rendered a second time
// with a mark at the end of each line of their text, which says where it stands; the two results are then held side by
// side. What people and policies see is always the first rendering: marks can change what a template does.
package mark

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// A mark is a comment of YAML in characters that nobody writes: a number for the template, and its line.
var written = regexp.MustCompile(` #\x{E000}(\d+):(\d+)\x{E001}`)

func mark(template, line int) string { return fmt.Sprintf(" #\uE000%d:%d\uE001", template, line) }

// Place is a line of a template, by the template's number. Line is 0 where it is not known.
type Place struct{ Template, Line int }

// Marked is a template whose lines are marked; the same text where it can't be parsed, or holds marks already.
func Marked(number int, text string) string {
	if written.MatchString(text) {
		return text
	}
	tree := parse.New("marked")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return text
	}
	found := ends{text: text, whole: true}
	found.collect(tree.Root)
	found.whole = false
	for _, one := range trees {
		if one.Root != tree.Root {
			found.collect(one.Root)
		}
	}
	slices.Sort(found.at)
	return inserted(number, text, slices.Compact(found.at))
}

// inserted puts a mark at each of these offsets.
func inserted(number int, text string, ends []int) string {
	var out strings.Builder
	line, from := 1, 0
	for _, end := range ends {
		line += strings.Count(text[from:end], "\n")
		out.WriteString(text[from:end])
		out.WriteString(mark(number, line))
		from = end
	}
	out.WriteString(text[from:])
	return out.String()
}

// ends are the offsets in a template at which a line of what it renders to ends.
type ends struct {
	text  string
	whole bool // the template itself, not a block that others include: what trims or compares such a block is to see it as it is
	at    []int
}

func (e *ends) collect(list *parse.ListNode) {
	if list == nil {
		return
	}
	for i, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.TextNode:
			e.ofText(node, i == 0)
		case *parse.ActionNode:
			e.ofAction(int(node.Pos))
		case *parse.IfNode:
			e.collect(node.List)
			e.collect(node.ElseList)
		case *parse.RangeNode:
			e.collect(node.List)
			e.collect(node.ElseList)
		case *parse.WithNode:
			e.collect(node.List)
			e.collect(node.ElseList)
		}
	}
}

// ofText leaves out the empty line that a block begins with: who trims what a block gives would trim it. A line feed that
// the next action trims ends a line all the same.
func (e *ends) ofText(node *parse.TextNode, begins bool) {
	text, start := string(node.Text), int(node.Pos)
	for at := 0; at < len(text); at++ {
		if text[at] == '\n' && !(begins && strings.TrimSpace(text[:at]) == "") {
			e.at = append(e.at, start+at)
		}
	}
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if (e.whole || len(last) < len(text)) && strings.TrimSpace(last) != "" && e.trimmed(start+len(text)) {
		e.at = append(e.at, start+len(text))
	}
}

// ofAction finds an action that is the last of its line, where the next one trims the line feed.
func (e *ends) ofAction(start int) {
	if !e.whole {
		return
	}
	end := actionEnd(e.text, start)
	if end > 0 && e.text[end-len("-}}")] != '-' && e.trimmed(end) {
		e.at = append(e.at, end)
	}
}

// trimmed says whether nothing but space lies between an offset and an action that trims it.
func (e *ends) trimmed(offset int) bool {
	rest := strings.TrimLeft(e.text[offset:], " \t\r\n")
	return len(rest) < len(e.text)-offset && strings.HasPrefix(rest, "{{- ")
}

// actionEnd is the offset behind the action that an offset lies in; 0 where it has no end. Quotes hold it back.
func actionEnd(text string, offset int) int {
	for i := offset; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "}}"):
			return i + len("}}")
		case c == '"' || c == '\'' || c == '`':
			for i++; i < len(text) && text[i] != c; i++ {
				if text[i] == '\\' && c != '`' {
					i++
				}
			}
		}
	}
	return 0
}

// Lines gives each line of a rendering its place, by the same rendering with marks. A line without a mark was made by the
// action that the next marked line ends.
func Lines(rendered, marked string) []Place {
	plain, others := strings.Split(rendered, "\n"), strings.Split(marked, "\n")
	stripped := make([]string, len(others))
	places := make([]Place, len(others))
	for i, line := range others {
		stripped[i] = written.ReplaceAllString(line, "")
		places[i] = placeOf(line)
	}
	fill(places)
	out := make([]Place, len(plain))
	for i, j := 0, 0; i < len(plain) && j < len(others); i++ {
		if next := find(stripped, j, plain[i]); next >= 0 {
			j = next
		}
		out[i] = places[j]
		j++
	}
	return out
}

// ahead is how many lines of a marked rendering may be passed over for one that is the same.
const ahead = 200

// telling is how long a line must be to be looked for further down.
const telling = 4

func find(lines []string, from int, line string) int {
	if lines[from] != line && len(strings.TrimSpace(line)) < telling {
		return -1
	}
	for i := from; i < len(lines) && i < from+ahead; i++ {
		if lines[i] == line {
			return i
		}
	}
	return -1
}

func placeOf(line string) Place {
	found := written.FindStringSubmatch(line)
	if found == nil {
		return Place{}
	}
	template, _ := strconv.Atoi(found[1])
	number, _ := strconv.Atoi(found[2])
	return Place{template, number}
}

// fill gives lines without a mark the place of the next line that has one, and the last ones that of the one before.
func fill(places []Place) {
	for i := len(places) - 2; i >= 0; i-- {
		if places[i].Line == 0 {
			places[i] = places[i+1]
		}
	}
	for i := 1; i < len(places); i++ {
		if places[i].Line == 0 {
			places[i] = places[i-1]
		}
	}
}
