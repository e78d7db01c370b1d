package generate

import (
	"cmp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

const (
	// maxFaults bounds how many faults are planted in one policy.
	maxFaults = 400
	// maxSuspects bounds how many worlds are tried to notice one fault.
	maxSuspects = 800
	// maxDetectors bounds how many tests are added for faults in one rule alone.
	maxDetectors = 6
)

// detect plants faults in the policy, and adds tests for those that no test notices yet.
func (g *generator) detect(meter *Meter) Faults {
	var out Faults
	perRule := map[int]int{}
	all := faults(g.subject.File, g.subject.Text, maxFaults)
	for i, f := range all {
		meter.set(i, len(all))
		if g.ctx.Err() != nil {
			break
		}
		faulty := g.subject.With(g.ctx, f.in(g.subject.Text))
		if faulty == nil {
			continue
		}
		out.Planted++
		switch {
		case g.notices(faulty):
			out.Noticed++
		case f.constant != nil && g.tabulate(faulty, f):
			out.Noticed++
		case perRule[g.ruleAt(f.line)] < maxDetectors && g.detector(faulty, f):
			out.Noticed++
			perRule[g.ruleAt(f.line)]++
		}
	}
	return out
}

// notices says whether some test fails on a faulty policy.
func (g *generator) notices(faulty *explore.Subject) bool {
	return slices.ContainsFunc(g.cases, func(c *testCase) bool {
		if c.table != nil {
			return g.countDiffers(faulty, c.world, c.outcome, c.Rule)
		}
		return g.differs(faulty, c.world, c.outcome, c.Rule)
	})
}

// differs says whether a faulty policy gives another result for a rule in a world.
func (g *generator) differs(faulty *explore.Subject, w explore.World, o *explore.Outcome, rule string) bool {
	value, err := faulty.Ask(g.ctx, w, g.subject.Package.Append(ast.StringTerm(rule)))
	if err != nil {
		return g.ctx.Err() == nil
	}
	right := o.Values[rule]
	if value == nil || right == nil {
		return value != right
	}
	return !value.Equal(right)
}

// detector adds a minimal test that notices a fault, where some world shows it.
func (g *generator) detector(faulty *explore.Subject, f fault) bool {
	found, rule, ok := g.witness(faulty, f)
	if !ok {
		return false
	}
	shows := func(w explore.World, o *explore.Outcome) bool { return g.differs(faulty, w, o, rule) }
	w := g.tidy(found, g.ruleOf(rule, found.Outcome), shows)
	w = g.liken(w, rule, shows)
	wanted := results(g.subject.Run(g.ctx, w), rule)
	w = g.naturalise(w, func(w explore.World, o *explore.Outcome) bool { return results(o, rule) == wanted && shows(w, o) })
	g.addDetector(g.called(w, rule, shows), rule, f)
	return true
}

// witness is a world that shows a fault, and the rule that shows it.
func (g *generator) witness(faulty *explore.Subject, f fault) (explore.Found, string, bool) {
	if g.suspects == nil {
		g.suspects = g.lineUp()
	}
	for _, found := range g.suspects {
		if rule, ok := g.tells(faulty, found); ok {
			return found, rule, true
		}
	}
	return g.probe(faulty, f)
}

// tidy makes a world small while it shows something, and tries to leave it no other result than those
// of one rule.
func (g *generator) tidy(found explore.Found, number int, shows func(explore.World, *explore.Outcome) bool) explore.World {
	keep := func(w explore.World) bool {
		o := g.subject.Run(g.ctx, w)
		return o.Err == nil && shows(w, o)
	}
	if len(g.subject.HeldEntries(found.Outcome)) > 1 {
		core := explore.Minimise(g.ctx, found.World, keep)
		alone := func(w explore.World) bool {
			o := g.subject.Run(g.ctx, w)
			return o.Err == nil && len(g.subject.HeldEntries(o)) <= 1 && shows(w, o)
		}
		if hosts := g.overlay(core, alone, 1); len(hosts) > 0 {
			return explore.Minimise(g.ctx, hosts[0], alone)
		}
	}
	same := func(w explore.World) bool {
		o := g.subject.Run(g.ctx, w)
		return o.Err == nil && results(o, g.subject.Rules[number].Name) <= results(found.Outcome, g.subject.Rules[number].Name) && shows(w, o)
	}
	return explore.Minimise(g.ctx, found.World, same)
}

// lineUp orders the worlds that were tried: of each way through the policy the smallest, those with one
// cause alone first, then the next of each.
func (g *generator) lineUp() []explore.Found {
	type suspect struct {
		explore.Found
		turn, held int
	}
	tried := slices.Clone(g.pool.Tried)
	slices.SortStableFunc(tried, func(a, b explore.Found) int { return cmp.Compare(a.Size, b.Size) })
	turns := map[string]int{}
	all := make([]suspect, 0, len(tried))
	for _, found := range tried {
		shape := found.Outcome.Shape()
		all = append(all, suspect{found, turns[shape], len(g.subject.HeldEntries(found.Outcome))})
		turns[shape]++
	}
	slices.SortStableFunc(all, func(a, b suspect) int { return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.held, b.held)) })
	out := make([]explore.Found, 0, maxSuspects)
	for _, one := range all[:min(len(all), maxSuspects)] {
		out = append(out, one.Found)
	}
	return out
}

// ruleAt is the rule that a line belongs to, or -1.
func (g *generator) ruleAt(line int) int {
	at := -1
	for i, rule := range g.subject.Rules {
		if rule.Line <= line {
			at = i
		}
	}
	return at
}

// addDetector names a test after what sets it apart from the test that is most like it.
func (g *generator) addDetector(w explore.World, rule string, f fault) {
	outcome := g.subject.Run(g.ctx, w)
	number := g.ruleOf(rule, outcome)
	near, changes := g.closest(w, rule)
	test := Test{Name: "test_no_" + rule, Kind: "detects", Rule: rule, Line: f.line, Note: "no fault to find"}
	if text := message(outcome, rule); text != "" {
		test.Name, test.Note = "test_"+g.slug(number, outcome, maxShort), text
	}
	if change, ok := telling(changes); ok {
		test.Name, test.Note = test.Name+"_when_"+slugOf(brief(change)), test.Note+"; "+describe(w, change)
		if results(outcome, rule) == 0 && len(changes) == 1 {
			number = near.number
			test.Name = "test_" + g.slug(number, near.outcome, maxShort) + "_unless_" + slugOf(brief(change))
			test.Note = "one field apart: " + describe(w, change)
		}
	}
	test.Name = g.unique(test.Name)
	g.append(test, number, w, outcome)
}

func (g *generator) ruleOf(name string, o *explore.Outcome) int {
	first := -1
	for i, rule := range g.subject.Rules {
		if rule.Entry && rule.Name == name {
			if o.Held[i] {
				return i
			}
			if first < 0 {
				first = i
			}
		}
	}
	return first
}
