package explore

import (
	"cmp"
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	// rounds is how often worlds that came nearer to a rule are gone on from.
	rounds = 4
	// maxTrail is how many worlds are gone on from in a round.
	maxTrail = 10
	// maxPursuit bounds the worlds that are tried for all rules that a search has not reached; no more than
	// the search itself was allowed.
	maxPursuit = 8000
)

// pursue looks for worlds in which the rules hold that a search has not reached: it goes on from those
// in which the rules that use them came far.
func (p *Pool) pursue(ctx context.Context, budget int) {
	limit := len(p.seen) + min(budget, maxPursuit)
	for number := range p.Subject.Rules {
		had := map[string]bool{}
		for round := 0; round < rounds && !p.reached(number) && len(p.seen) < limit; round++ {
			for _, found := range p.trail(number, had) {
				had[found.World.Key()] = true
				p.tryAll(ctx, found.World, p.Subject.Hints(ctx, found.World), limit)
				p.tryAll(ctx, found.World, inserts(found.World, p.Subject.Words.optional), limit)
			}
		}
	}
}

func (p *Pool) reached(number int) bool {
	return slices.ContainsFunc(p.Corpus, func(found Found) bool { return found.Outcome.Held[number] })
}

// trail are worlds that are near to a rule and have not been gone on from: of each way through the
// policy the smallest.
func (p *Pool) trail(number int, had map[string]bool) []Found {
	around := p.Subject.Around(number)
	near := func(found Found) int { return found.Outcome.Near(around) }
	out := slices.DeleteFunc(slices.Clone(p.Corpus), func(found Found) bool { return near(found) == 0 || had[found.World.Key()] })
	slices.SortStableFunc(out, func(a, b Found) int { return cmp.Or(cmp.Compare(near(b), near(a)), cmp.Compare(a.Size, b.Size)) })
	shapes := map[string]bool{}
	out = slices.DeleteFunc(out, func(found Found) bool {
		shape := found.Outcome.Shape()
		known := shapes[shape]
		shapes[shape] = true
		return known
	})
	return out[:min(len(out), maxTrail)]
}

// Near is how far some rules came, together.
func (o *Outcome) Near(rules []int) int {
	sum := 0
	for _, number := range rules {
		sum += o.Depth[number]
		if o.Held[number] {
			sum++
		}
	}
	return sum
}

// Around are a rule, those of its name, and those of the file that use it, directly or through others.
func (s *Subject) Around(number int) []int {
	out := []int{number}
	todo := []*ast.Rule{s.Rules[number].Rule}
	seen := map[*ast.Rule]bool{todo[0]: true}
	for i, rule := range s.Rules {
		if rule.Name == s.Rules[number].Name && i != number && !rule.Entry {
			out = append(out, i)
			seen[rule.Rule] = true
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for dependent := range s.Set.Compiler.Graph.Dependents(todo[0]) {
			rule, ok := dependent.(*ast.Rule)
			if !ok || seen[rule] {
				continue
			}
			seen[rule] = true
			todo = append(todo, rule)
			if i, own := s.index[rule]; own {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}
