package optimize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/rego"
)

// stranger is a value that no policy speaks of: what OPA's index finds for it everywhere are the bodies that
// it can't leave out.
const stranger = ast.String("\x00 a value that no policy speaks of")

// everywhere resolves every reference to the stranger.
type everywhere struct{}

// Resolve implements ast.ValueResolver.
func (everywhere) Resolve(ast.Ref) (ast.Value, error) { return stranger, nil }

// kept lists the places of a rule's bodies that OPA's index can't leave out, whatever the input is.
func kept(s *explore.Subject, name string) map[place]bool {
	index := s.Set.Compiler.RuleIndex(s.Package.Append(ast.StringTerm(name)))
	if index == nil {
		return nil
	}
	found, err := index.Lookup(everywhere{})
	if err != nil {
		return nil
	}
	out := map[place]bool{}
	for _, rule := range found.Rules {
		out[place{rule.Location.Row, rule.Location.Col}] = true
	}
	return out
}

// guard is a condition on the input as a whole, with the bodies that it stands in before any loop.
type guard struct {
	text  string
	rules []*ast.Rule
	exprs []*ast.Expr
}

// indexing finds conditions that would let OPA leave a rule out if its index knew them.
func (o *optimizer) indexing() []candidate {
	var out []candidate
	for _, name := range o.groups() {
		for _, g := range o.guards(name, kept(o.subject, name)) {
			if c, ok := o.indexable(name, g); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

// groups are the names that several bodies define: with one alone there is nothing to choose from.
func (o *optimizer) groups() []string {
	count := map[string]int{}
	var out []string
	for _, rule := range o.source.module.Rules {
		name := ruleName(rule)
		if len(rule.Head.Args) > 0 || rule.Default {
			continue
		}
		if count[name]++; count[name] == 2 {
			out = append(out, name)
		}
	}
	return out
}

// guards are the conditions of bodies that the index can't leave out, grouped by what they say.
func (o *optimizer) guards(name string, kept map[place]bool) []*guard {
	var out []*guard
	for _, rule := range o.source.module.Rules {
		if ruleName(rule) != name || !kept[place{rule.Location.Row, rule.Location.Col}] || rule.Else != nil {
			continue
		}
		for _, statement := range o.leading(rule) {
			text := statement.String()
			at := slices.IndexFunc(out, func(g *guard) bool { return g.text == text })
			if at < 0 {
				at = len(out)
				out = append(out, &guard{text: text})
			}
			out[at].rules, out[at].exprs = append(out[at].rules, rule), append(out[at].exprs, statement)
		}
	}
	return out
}

// leading are the conditions of a body before its first loop that depend on no variable.
func (o *optimizer) leading(rule *ast.Rule) []*ast.Expr {
	var out []*ast.Expr
	for _, statement := range rule.Body {
		if o.source.iterates(statement, variables{}) {
			break
		}
		_, every := statement.Terms.(*ast.Every)
		if every || len(statement.With) > 0 || len(o.source.variables(statement, true)) > 0 || declares(statement) {
			continue
		}
		if _, ok := o.source.stretch(statement.Location); ok {
			out = append(out, statement)
		}
	}
	return out
}

// indexable is the rewrite of a condition into one that the index knows, or the advice to add one.
func (o *optimizer) indexable(name string, g *guard) (candidate, bool) {
	first := g.exprs[0]
	c := candidate{Suggestion: o.suggestion(kindIndex, g.rules[0], first.Location)}
	at, _ := o.source.stretch(first.Location)
	shown := quoted(o.source.at(at))
	c.Title = fmt.Sprintf("OPA's index can't leave out %s: it does not know %s", bodiesOf(name, len(g.rules)), shown)
	c.Reason = o.defeat(first)
	for _, expr := range g.exprs {
		c.Lines = append(c.Lines, expr.Location.Row)
	}
	if len(c.Lines) == 1 {
		c.Lines = nil
	}
	if text := o.spelledOut(first); text != "" {
		for _, expr := range g.exprs {
			at, _ := o.source.stretch(expr.Location)
			c.edits = append(c.edits, edit{at, o.laidOut(at.from, text)})
		}
		changed := o.subject.With(o.ctx, apply(o.subject.Text, c.edits))
		if changed != nil && len(kept(changed, name)) < len(kept(o.subject, name)) {
			return c, true
		}
		c.edits = nil
	}
	return c, o.separated(&c, g)
}

func bodiesOf(name string, count int) string {
	if count == 1 {
		return "this body of `" + name + "`"
	}
	return fmt.Sprintf("%d bodies of `%s`", count, name)
}

// defeat says why a condition is nothing for the index.
func (o *optimizer) defeat(expr *ast.Expr) string {
	const knows = "the index knows `==`, `in` and `startswith` between a field of the input and constants that stand there"
	if expr.Negated {
		return knows + ", not what is under `not`"
	}
	terms, call := expr.Terms.([]*ast.Term)
	if !call {
		return "it is a rule: " + knows
	}
	operator := terms[0].Value.String()
	switch operator {
	case "neq", "lt", "lte", "gt", "gte":
		return knows + ", not other comparisons"
	case "equal", "eq", "internal.member_2":
		for _, side := range terms[1:] {
			if _, isCall := side.Value.(ast.Call); isCall {
				return knows + ", not the result of a call"
			}
		}
		return knows + ", not the value of a rule"
	}
	return knows + ", not the result of `" + operator + "`"
}

// separated makes advice of a condition that asks for kinds in its own way: it holds for some kinds of samples and
// not for others, and no generated input of another kind satisfies it.
func (o *optimizer) separated(c *candidate, g *guard) bool {
	probe, ask := o.probe(g.exprs[0])
	if probe == nil {
		return false
	}
	holds := make([]bool, len(o.samples))
	kinds := map[string]bool{}
	for i, s := range o.samples {
		if holds[i] = ask(s.world); holds[i] {
			kinds[kindOf(s.world)] = true
		}
	}
	others := slices.ContainsFunc(o.samples, func(s sample) bool { return !kinds[kindOf(s.world)] })
	if len(kinds) == 0 || kinds[""] || !others || !o.only(kinds, ask) {
		return false
	}
	var names []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		names = append(names, fmt.Sprintf("%q", kind))
	}
	list := strings.Join(names, ", ")
	c.Advice = fmt.Sprintf(
		"put a condition that the index knows in front: of all inputs that were tried it holds for %s alone, so `%s in {%s}` "+
			"may be what it means. That can't be proven, so it is not done for you", list, o.kindRef(), list)
	c.measure = func(*Suggestion) (comparison, bool) { return o.skipping(g, holds) }
	return true
}

// only says whether a condition holds for nothing but some kinds among all that was made.
func (o *optimizer) only(kinds map[string]bool, ask func(explore.World) bool) bool {
	for _, w := range o.checks() {
		kind := kindOf(w)
		known := slices.ContainsFunc(slices.Collect(maps.Keys(kinds)), func(k string) bool { return strings.EqualFold(k, kind) })
		if !known && ask(w) {
			return false
		}
	}
	return true
}

func (o *optimizer) kindRef() string {
	switch o.subject.Words.Root {
	case "review", "request":
		return "input." + o.subject.Words.Root + ".kind.kind"
	case "":
		return "input.kind"
	}
	return "input.resource.kind"
}

func kindOf(w explore.World) string {
	for _, path := range []explore.Path{{"input", "resource", "kind"}, {"input", "review", "object", "kind"}, {"input", "request", "object", "kind"}, {"input", "kind"}} {
		if value, ok := w.At(path); ok {
			if kind, isText := value.(string); isText {
				return kind
			}
		}
	}
	return ""
}

// probe is the policy with a rule that holds where a condition does.
func (o *optimizer) probe(expr *ast.Expr) (*explore.Subject, func(explore.World) bool) {
	at, _ := o.source.stretch(expr.Location)
	name := o.unique("condition")
	rule := name + " if { "
	if o.subject.Dialect != rego.V1 {
		rule = name + " { "
	}
	probe := o.subject.With(o.ctx, o.subject.Text+"\n"+rule+o.source.at(at)+" }\n")
	if probe == nil {
		return nil, nil
	}
	ref := probe.Package.Append(ast.StringTerm(name))
	return probe, func(w explore.World) bool {
		value, err := probe.Ask(o.ctx, w, ref)
		return err == nil && value != nil
	}
}

// skipping measures what an index would save: bodies are left out for the samples that fail the condition.
func (o *optimizer) skipping(g *guard, holds []bool) (comparison, bool) {
	var edits []edit
	for _, rule := range g.rules {
		at, ok := o.source.stretch(rule.Location)
		if !ok {
			return comparison{}, false
		}
		edits = append(edits, edit{at, ""})
	}
	without := o.subject.With(o.ctx, apply(o.subject.Text, edits))
	if without == nil {
		return comparison{}, false
	}
	return o.compare(o.samples, always(o.subject), func(sample int) *explore.Subject {
		if holds[sample] {
			return o.subject
		}
		return without
	}, adviceGain)
}
