package generate

import (
	"cmp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

const (
	// maxFaults bounds how many faults are planted in one policy.
	maxFaults = 140
	// maxSuspects bounds how many worlds are tried to notice one fault.
	maxSuspects = 1000
	// maxDetectors bounds how many tests are added for faults in one rule alone.
	maxDetectors = 4
)

// detect plants faults in the policy, and adds tests for those that no test notices yet.
func (g *generator) detect() Faults {
	var out Faults
	perRule := map[int]int{}
	for _, f := range faults(g.subject.File, g.subject.Text, maxFaults) {
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
	for _, found := range g.suspects(f) {
		for _, rule := range g.subject.Entries {
			if !g.differs(faulty, found.World, found.Outcome, rule) {
				continue
			}
			number := g.ruleOf(rule, found.Outcome)
			w := g.tidy(found, number, func(w explore.World, o *explore.Outcome) bool {
				return g.differs(faulty, w, o, rule)
			})
			g.addDetector(w, rule, f)
			return true
		}
	}
	return false
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

// suspects are the worlds in which the rule around a fault came far, those with one cause alone first.
func (g *generator) suspects(f fault) []explore.Found {
	number := g.ruleAt(f.line)
	out := slices.DeleteFunc(slices.Clone(g.pool.Tried), func(found explore.Found) bool {
		return number >= 0 && found.Outcome.Depth[number] == 0 && !found.Outcome.Held[number]
	})
	slices.SortStableFunc(out, func(a, b explore.Found) int {
		return cmp.Or(
			cmp.Compare(len(g.subject.HeldEntries(a.Outcome)), len(g.subject.HeldEntries(b.Outcome))),
			cmp.Compare(a.Size, b.Size),
		)
	})
	return out[:min(len(out), maxSuspects)]
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

// addDetector names a test after what sets it apart from the tests that there are.
func (g *generator) addDetector(w explore.World, rule string, f fault) {
	outcome := g.subject.Run(g.ctx, w)
	number := g.ruleOf(rule, outcome)
	what, change := g.distinction(w)
	text := message(outcome, rule)
	c := g.subject.Rules[number]
	name, note := "test_no_"+rule, "nothing to find fault with"
	if text != "" {
		name, note = "test_"+g.slug(number, outcome), text
	}
	if what != "" {
		name, note = name+"_"+slugOf(brief(change)), note+"; "+what
	}
	g.cases = append(g.cases, &testCase{
		Test:  Test{Name: g.unique(name), Kind: "detects", Rule: c.Name, Line: f.line, Note: note},
		world: w, outcome: outcome, number: number,
	})
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

// distinction names the value of a world that the fewest tests have.
func (g *generator) distinction(w explore.World) (string, explore.Edit) {
	best, fewest := explore.Edit{}, 1<<30
	w.Walk(func(path explore.Path, value any) {
		if _, isObject := value.(map[string]any); isObject || len(path) < 2 {
			return
		}
		if _, isArray := value.([]any); isArray && len(explore.Text(value)) > 20 {
			return
		}
		text, count := explore.Text(value), 0
		for _, c := range g.cases {
			if there, ok := c.world.At(path); ok && explore.Text(there) == text {
				count++
			}
		}
		if count < fewest {
			best, fewest = explore.Edit{Path: path, Value: value}, count
		}
	})
	if len(best.Path) == 0 {
		return "", best
	}
	return describe(w, best), best
}
