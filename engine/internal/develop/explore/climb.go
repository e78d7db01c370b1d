package explore

import "context"

const (
	// maxLedges bounds from how many worlds a climb goes on.
	maxLedges = 40
	// climbs is how many edits a climb makes at most.
	climbs = 3
)

// Climb tries once more to make a rule hold that no world has: from the world that came nearest, by
// edits that each may gain nothing as long as nothing is lost. A search goes on from what is new only,
// and so does not find what takes two edits at once.
func (p *Pool) Climb(ctx context.Context, rule int) bool {
	best, nearest := p.Depth(rule)
	if nearest == nil {
		return false
	}
	ledges, seen := []World{nearest}, map[string]bool{}
	for range climbs {
		var next []World
		for _, w := range ledges {
			found, level := p.step(ctx, w, rule, &best, seen)
			if found {
				return true
			}
			next = append(next, level...)
		}
		ledges = next[:min(len(next), maxLedges)]
	}
	return false
}

// step tries all edits of a world, and answers with the worlds that are no worse.
func (p *Pool) step(ctx context.Context, w World, rule int, best *int, seen map[string]bool) (found bool, level []World) {
	for _, e := range append(havoc(w, p.Subject.Words), p.Subject.Hints(ctx, w)...) {
		changed, ok := w.Apply(e)
		if !ok || p.Subject.settled(e.Path) || seen[changed.Key()] || ctx.Err() != nil {
			continue
		}
		seen[changed.Key()] = true
		o := p.Subject.Run(ctx, changed)
		if o.Err != nil {
			continue
		}
		if o.Held[rule] {
			return true, nil
		}
		switch depth := o.Depth[rule]; {
		case depth > *best:
			*best = depth
			level = append([]World{changed}, level...)
		case depth == *best && !e.Remove:
			level = append(level, changed)
		}
	}
	return false, level
}
