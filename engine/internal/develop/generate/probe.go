package generate

import (
	"cmp"
	"slices"

	"attest.continuu.ms/engine/internal/develop/explore"
)

const (
	// maxBases is how many worlds of tests are varied to notice one fault.
	maxBases = 12
	// maxVaried is how many of them are varied in every way.
	maxVaried = 5
	// maxProbes bounds the worlds in which the faulty policies of one file are asked for more tests.
	maxProbes = 60000
)

// probe looks for a world that shows a fault, a step or two from those of the tests.
func (g *generator) probe(faulty *explore.Subject, f fault) (explore.Found, string, bool) {
	bases := g.bases(f)
	for _, base := range bases {
		for _, w := range g.aimed(base, f) {
			if found, rule, ok := g.shows(faulty, w); ok {
				return found, rule, true
			}
		}
	}
	for _, w := range g.substituted(bases, f) {
		for _, next := range w.Applied(g.subject.Hints(g.ctx, w)) {
			if found, rule, ok := g.shows(faulty, next); ok {
				return found, rule, true
			}
		}
	}
	for _, base := range bases[:min(len(bases), maxVaried)] {
		for _, found := range g.nearby(base) {
			if rule, ok := g.tells(faulty, found); ok {
				return found, rule, true
			}
		}
	}
	return explore.Found{}, "", false
}

// bases are the worlds to vary: of the tests, and of the rule around a fault; those first in which the
// rule came far.
func (g *generator) bases(f fault) []explore.World {
	number := g.ruleAt(f.line)
	if number < 0 {
		return nil
	}
	around := g.subject.Around(number)
	type candidate struct {
		world explore.World
		depth int
	}
	var all []candidate
	seen := map[string]bool{}
	note := func(w explore.World, o *explore.Outcome) {
		if key := w.Key(); !seen[key] {
			seen[key] = true
			all = append(all, candidate{w, o.Near(around)})
		}
	}
	for _, c := range g.cases {
		note(c.world, c.outcome)
	}
	for _, found := range g.pool.Corpus {
		note(found.World, found.Outcome)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.depth, a.depth) })
	var out []explore.World
	for _, c := range all[:min(len(all), maxBases)] {
		out = append(out, c.world)
	}
	return out
}

// aimed are the worlds near one that have to do with a fault: what stands beside a constant is replaced
// by it, fields that are spoken of are there.
func (g *generator) aimed(base explore.World, f fault) []explore.World {
	return append(g.substituted([]explore.World{base}, f), base.WithFields(f.words)...)
}

// maxSubstituted bounds the worlds in which what stands beside a constant is replaced by it.
const maxSubstituted = 8

func (g *generator) substituted(bases []explore.World, f fault) []explore.World {
	var out []explore.World
	for _, base := range bases {
		for _, by := range f.peers {
			if w, ok := base.Substitute(by); ok && len(out) < maxSubstituted {
				out = append(out, w)
			}
		}
	}
	return out
}

// nearby are the worlds around one, which are looked up for many faults.
func (g *generator) nearby(base explore.World) []explore.Found {
	key := base.Key()
	if found, known := g.around[key]; known {
		return found
	}
	g.around[key] = g.pool.Nearby(g.ctx, base)
	return g.around[key]
}

func (g *generator) shows(faulty *explore.Subject, w explore.World) (explore.Found, string, bool) {
	outcome := g.subject.Run(g.ctx, w)
	if outcome.Err != nil {
		return explore.Found{}, "", false
	}
	found := explore.Found{World: w, Outcome: outcome, Size: g.pool.Weigh(w)}
	rule, ok := g.tells(faulty, found)
	return found, rule, ok
}

// tells says which rule gives another result in a faulty policy.
func (g *generator) tells(faulty *explore.Subject, found explore.Found) (string, bool) {
	for _, rule := range g.subject.Entries {
		if g.probes++; g.probes > maxProbes {
			return "", false
		}
		if g.differs(faulty, found.World, found.Outcome, rule) {
			return rule, true
		}
	}
	return "", false
}
