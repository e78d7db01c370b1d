package generate

import (
	"cmp"
	"fmt"
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
	shows := func(_ explore.World, o *explore.Outcome) bool { return o.Held[number] && o.Violates() == violates }
	w := g.naturalise(g.tidy(start, g.about(start.Outcome), shows), shows)
	w = g.called(w, g.subject.Rules[g.about(g.subject.Run(g.ctx, w))].Name, shows)
	outcome := g.subject.Run(g.ctx, w)
	about := g.about(outcome)
	rule := g.subject.Rules[number]
	name := "test_no_" + g.subject.Rules[about].Name
	if message(outcome, g.subject.Rules[about].Name) != "" {
		name = "test_" + g.slug(about, outcome, maxShort)
	}
	name, note := name+"_where_"+slugOf(rule.Name)+"_holds", fmt.Sprintf("here `%s` holds", rule.Name)
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
