package generate

import (
	"cmp"
	"slices"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// cover adds a test for every rule that no test makes hold, helpers included.
func (g *generator) cover() {
	for number, rule := range g.subject.Rules {
		if g.ctx.Err() != nil || g.held(number) {
			continue
		}
		holding := g.pool.Holding(number)
		if len(holding) == 0 {
			if !rule.Entry {
				g.unreached = append(g.unreached, g.why(number))
			}
			continue
		}
		g.helper(number, holding)
	}
}

func (g *generator) held(number int) bool {
	return slices.ContainsFunc(g.cases, func(c *testCase) bool { return c.outcome.Held[number] })
}

// helper adds a minimal world in which a helper rule holds. One in which a single rule has a result is
// preferred: there the helper makes a difference, and nothing else does.
func (g *generator) helper(number int, holding []explore.Found) {
	start := slices.MinFunc(holding, func(a, b explore.Found) int {
		return cmp.Compare(g.clutter(a.Outcome), g.clutter(b.Outcome))
	})
	violates := start.Outcome.Violates()
	w := g.tidy(start, g.about(start.Outcome), func(_ explore.World, o *explore.Outcome) bool {
		return o.Held[number] && o.Violates() == violates
	})
	outcome := g.subject.Run(g.ctx, w)
	about := g.about(outcome)
	rule := g.subject.Rules[number]
	name, note := "test_"+slugOf(rule.Name), rule.Name+" holds"
	if text := message(outcome, g.subject.Rules[about].Name); text != "" {
		note += ": " + text
	}
	g.add("covers", about, w, outcome, name, note)
}

// clutter ranks outcomes: one rule with a result, none, several.
func (g *generator) clutter(o *explore.Outcome) int {
	held := len(g.subject.HeldEntries(o))
	if held == 0 {
		return 2
	}
	return held
}

// about is the entry rule that a test looks at: one that has a result, else the first.
func (g *generator) about(o *explore.Outcome) int {
	if held := g.subject.HeldEntries(o); len(held) > 0 {
		return held[0]
	}
	return slices.IndexFunc(g.subject.Rules, func(r *explore.Rule) bool { return r.Entry })
}
