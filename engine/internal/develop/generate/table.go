package generate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// table is one test of many values at one place of a world: what a list of constants asks for.
type table struct {
	base   explore.World
	path   explore.Path
	rule   string
	count  int // of results, for each of the values
	values []any
}

// holder is the variable that stands for a value of a table in the text of its test.
const holder = "each"

// maxValues bounds the rows of a table.
const maxValues = 40

// tabulate puts a constant in the places of the worlds that there are, and adds the world in which it
// makes a difference to a table.
func (g *generator) tabulate(faulty *explore.Subject, f fault) bool {
	for _, c := range g.cases {
		if c.Kind != "violates" && c.Kind != "passes" || g.ctx.Err() != nil {
			continue
		}
		for _, path := range scalarPaths(c.world, f.constant) {
			w, ok := c.world.Apply(explore.Edit{Path: path, Value: f.constant})
			if !ok {
				continue
			}
			outcome := g.subject.Run(g.ctx, w)
			if outcome.Err == nil && g.countDiffers(faulty, w, outcome, c.Rule) {
				return g.addRow(c, path, w, outcome, f)
			}
		}
	}
	return false
}

// scalarPaths are the places that hold a value of the type of a constant, but not the constant.
func scalarPaths(w explore.World, constant any) []explore.Path {
	var out []explore.Path
	w.Walk(func(path explore.Path, value any) {
		if fmt.Sprintf("%T", value) == fmt.Sprintf("%T", constant) && value != constant && len(path) > 1 {
			out = append(out, path)
		}
	})
	return out
}

// countDiffers says whether a faulty policy gives another number of results.
func (g *generator) countDiffers(faulty *explore.Subject, w explore.World, o *explore.Outcome, rule string) bool {
	value, err := faulty.Ask(g.ctx, w, g.subject.Package.Append(ast.StringTerm(rule)))
	if err != nil {
		return g.ctx.Err() == nil
	}
	wrong := &explore.Outcome{Values: map[string]*ast.Term{}}
	if value != nil {
		wrong.Values[rule] = value
	}
	return results(wrong, rule) != results(o, rule)
}

func (g *generator) addRow(c *testCase, path explore.Path, w explore.World, outcome *explore.Outcome, f fault) bool {
	count := results(outcome, c.Rule)
	if value := outcome.Values[c.Rule]; value == nil || !isSet(value) {
		return false
	}
	for _, other := range g.cases {
		if t := other.table; t != nil && t.rule == c.Rule && t.count == count && t.path.String() == path.String() && t.base.Key() == c.world.Key() {
			if len(t.values) >= maxValues {
				return false
			}
			t.values = append(t.values, f.constant)
			g.cases = append(g.cases, &testCase{Test: other.Test, world: w, outcome: outcome, number: c.number, table: t})
			return true
		}
	}
	t := &table{base: c.world, path: path, rule: c.Rule, count: count, values: []any{f.constant}}
	name := "test_" + g.slug(c.number, c.outcome, maxShort) + "_for_" + slugOf(last(path))
	note := fmt.Sprintf("the same for each of these values of %s", short(path))
	if count == 0 {
		name, note = "test_no_"+c.Rule+"_for_"+slugOf(last(path)), fmt.Sprintf("no fault to find for each of these values of %s", short(path))
	}
	g.cases = append(g.cases, &testCase{
		Test:  Test{Name: g.unique(name), Kind: "detects", Rule: c.Rule, Line: f.line, Note: note},
		world: w, outcome: outcome, number: c.number, table: t,
	})
	return true
}

// settle makes tables of one row tests of their own, and forgets the rules that a later test reached.
func (g *generator) settle() {
	for _, c := range g.cases {
		if c.table == nil || len(c.table.values) > 1 {
			continue
		}
		change := explore.Edit{Path: c.table.path, Value: c.table.values[0]}
		name, note := "test_no_"+c.Rule, "no fault to find"
		if text := message(c.outcome, c.Rule); text != "" {
			name, note = "test_"+g.slug(c.number, c.outcome, maxShort), text
		}
		c.Name, c.Note, c.table = g.unique(name+"_when_"+slugOf(brief(change))), note+"; "+describe(c.world, change), nil
	}
	g.unreached = slices.DeleteFunc(g.unreached, func(u Unreached) bool {
		return slices.ContainsFunc(g.cases, func(c *testCase) bool { return c.outcome.Held[u.number] })
	})
}

func isSet(value *ast.Term) bool {
	_, ok := value.Value.(ast.Set)
	return ok
}

// last is the last key of a path.
func last(path explore.Path) string {
	for _, step := range slices.Backward(path) {
		if key, ok := step.(string); ok {
			return key
		}
	}
	return "value"
}

// rows writes the test of a table.
func (g *generator) rows(c *testCase, alias string) string {
	t := c.table
	values := explore.Term([]any(t.values)).Value
	w, _ := t.base.Apply(explore.Edit{Path: t.path, Value: holderMark})
	rule := alias + "." + t.rule
	answering := g.answering(w)
	with := strings.ReplaceAll(g.with(w, len(rule)+16), quoted(holderMark), holder)
	return fmt.Sprintf(
		"%s%s%s if {\n\tevery %s in %s {\n\t\tcount(%s) == %d%s\n\t}\n}\n",
		answering, c.comment(), c.Name, holder, literal(values, 1, 14), rule, t.count, with,
	)
}

// holderMark is the text that becomes the variable: no policy has it.
const holderMark = "\x00each"
