package generate

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/rego"
)

// fault is a small mistake that somebody could make in a policy: a stretch of its text replaced.
//
// Where it is a constant that was changed, constant is what it should be, and peers say which constants
// of a world to replace by which so that it is looked at.
type fault struct {
	from, to int
	text     string
	line     int
	constant any
	peers    []map[string]any
	words    []string // the texts of the expression or term that the fault is in
}

func (f fault) in(text string) string { return text[:f.from] + f.text + text[f.to:] }

// slips are the comparisons that are easily taken for one another.
var slips = map[string][]string{
	"==": {"!="}, "!=": {"=="}, "<": {"<=", ">"}, "<=": {"<", ">"}, ">": {">=", "<"}, ">=": {">", "<"},
}

// faults lists the mistakes to plant in a policy file, in the order of their places, no more than limit
// of them.
func faults(file, text string, limit int) []fault {
	parsed, _ := rego.Parse(rego.Source{File: file, Text: text})
	if parsed == nil {
		return nil
	}
	p := &planter{text: text, peers: peersOf(parsed.Module)}
	for _, rule := range parsed.Module.Rules {
		p.rule(rule)
	}
	slices.SortStableFunc(p.found, func(a, b fault) int { return a.from - b.from })
	p.found = slices.CompactFunc(p.found, func(a, b fault) bool { return a.from == b.from && a.to == b.to && a.text == b.text })
	return explore.Spread(p.found, limit)
}

type planter struct {
	text  string
	found []fault
	peers map[int][]map[string]any // by the offset of a constant
}

func (p *planter) rule(rule *ast.Rule) {
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		p.compare(expr)
		return false
	})
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		p.constant(term)
		return false
	})
	for r := rule; r != nil; r = r.Else {
		for _, expr := range r.Body {
			if len(r.Body) > 1 {
				p.drop(expr)
			}
		}
	}
}

// at checks that a location is that of a stretch of the text.
func (p *planter) at(loc *ast.Location) (from, to int, ok bool) {
	if loc == nil || len(loc.Text) == 0 || loc.Offset < 0 || loc.Offset+len(loc.Text) > len(p.text) {
		return 0, 0, false
	}
	from, to = loc.Offset, loc.Offset+len(loc.Text)
	return from, to, p.text[from:to] == string(loc.Text)
}

func (p *planter) add(from, to int, text string, expr *ast.Expr) {
	p.found = append(p.found, fault{from: from, to: to, text: text, line: expr.Location.Row, words: constants(expr)})
}

func (p *planter) change(term *ast.Term, text string, constant any) {
	if from, to, ok := p.at(term.Location); ok {
		f := fault{from: from, to: to, text: text, line: term.Location.Row, constant: constant, peers: p.peers[from]}
		if word, ok := constant.(string); ok {
			f.words = []string{word}
		}
		p.found = append(p.found, f)
	}
}

func (p *planter) compare(expr *ast.Expr) {
	terms, ok := expr.Terms.([]*ast.Term)
	if !ok || len(terms) != 3 {
		return
	}
	_, from, ok1 := p.at(terms[1].Location)
	to, _, ok2 := p.at(terms[2].Location)
	if !ok1 || !ok2 || from >= to {
		return
	}
	between := p.text[from:to]
	operator := strings.Trim(between, " \t\n()")
	for _, slip := range slips[operator] {
		at := from + strings.Index(between, operator)
		p.add(at, at+len(operator), slip, expr)
	}
}

func (p *planter) drop(expr *ast.Expr) {
	if _, declares := expr.Terms.(*ast.SomeDecl); declares || expr.IsAssignment() {
		return
	}
	if from, to, ok := p.at(expr.Location); ok {
		p.add(from, to, "true", expr)
	}
}

func (p *planter) constant(term *ast.Term) {
	from, to, ok := p.at(term.Location)
	if !ok {
		return
	}
	source := p.text[from:to]
	switch value := term.Value.(type) {
	case ast.String:
		if strings.HasPrefix(source, `"`) && strings.HasSuffix(source, `"`) && len(source) > 1 {
			p.change(term, source[:len(source)-1]+`-changed"`, string(value))
		}
	case ast.Boolean:
		if source == "true" || source == "false" {
			p.change(term, strconv.FormatBool(!bool(value)), bool(value))
		}
	case ast.Number:
		if n, err := json.Number(value).Int64(); err == nil && source == string(value) {
			p.change(term, strconv.FormatInt(n+1, 10), json.Number(value))
		}
	}
}
