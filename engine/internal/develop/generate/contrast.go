package generate

import (
	"cmp"
	"slices"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// leaf is a value of a world that holds no others.
type leaf struct {
	path  explore.Path
	value any
}

// closest is the violating test that is most like a world, and how the world differs from it.
func (g *generator) closest(w explore.World, rule string) (*testCase, []explore.Edit) {
	own := leavesOf(w)
	var nearest *testCase
	var best []explore.Edit
	for _, c := range g.cases {
		if c.Rule != rule || results(c.outcome, rule) == 0 {
			continue
		}
		if changes := difference(own, leavesOf(c.world)); len(changes) > 0 && (best == nil || len(changes) < len(best)) {
			nearest, best = c, changes
		}
	}
	return nearest, best
}

// liken gives a world what the violating test that is most like it has and it lacks, as far as it still
// shows the same: so that few fields set them apart, and messages name a thing.
func (g *generator) liken(w explore.World, rule string, shows func(explore.World, *explore.Outcome) bool) explore.World {
	near, changes := g.closest(w, rule)
	if near == nil {
		return w
	}
	wanted := g.subject.Run(g.ctx, w)
	for _, change := range changes {
		value, there := near.world.At(change.Path)
		if !there || results(wanted, rule) > 0 && last(change.Path) != "name" || len(change.Path) < 2 {
			continue
		}
		next, ok := w.Apply(explore.Edit{Path: change.Path, Value: value})
		if !ok {
			continue
		}
		o := g.subject.Run(g.ctx, next)
		if o.Err == nil && results(o, rule) == results(wanted, rule) && len(g.subject.HeldEntries(o)) == len(g.subject.HeldEntries(wanted)) && shows(next, o) {
			w = next
		}
	}
	return w
}

// telling is the change that says most about what sets two worlds apart.
func telling(changes []explore.Edit) (explore.Edit, bool) {
	if len(changes) == 0 {
		return explore.Edit{}, false
	}
	return slices.MinFunc(changes, func(a, b explore.Edit) int {
		return cmp.Or(cmp.Compare(tellingness(a), tellingness(b)), cmp.Compare(len(a.Path), len(b.Path)))
	}), true
}

// tellingness ranks what sets worlds apart: another value or a new one, one that is missing, the name of a thing.
func tellingness(e explore.Edit) int {
	switch {
	case last(e.Path) == "name" || last(e.Path) == "apiVersion":
		return 2
	case e.Remove:
		return 1
	}
	return 0
}

// difference lists what one world has that another has not, and what it lacks.
func difference(own, other map[string]leaf) []explore.Edit {
	var out []explore.Edit
	for key, l := range own {
		if there, ok := other[key]; !ok || explore.Text(there.value) != explore.Text(l.value) {
			out = append(out, explore.Edit{Path: l.path, Value: l.value})
		}
	}
	for key, l := range other {
		if _, ok := own[key]; !ok {
			out = append(out, explore.Edit{Path: l.path, Remove: true})
		}
	}
	slices.SortFunc(out, func(a, b explore.Edit) int { return cmp.Compare(a.Path.String(), b.Path.String()) })
	return out
}

func leavesOf(w explore.World) map[string]leaf {
	out := map[string]leaf{}
	w.Walk(func(path explore.Path, value any) {
		if isScalar(value) || explore.Text(value) == "{}" || explore.Text(value) == "[]" {
			out[path.String()] = leaf{path, value}
		}
	})
	return out
}

// called gives the resource of a world a name where messages lack one.
func (g *generator) called(w explore.World, rule string, shows func(explore.World, *explore.Outcome) bool) explore.World {
	before := g.subject.Run(g.ctx, w)
	if results(before, rule) == 0 {
		return w
	}
	for _, l := range leavesOf(w) {
		if last(l.path) != "kind" || len(l.path) > 4 {
			continue
		}
		name := append(slices.Clone(l.path[:len(l.path)-1]), "metadata", "name")
		next, ok := w.Apply(explore.Edit{Path: name, Value: explore.Likely("name")})
		if _, there := w.At(name); !ok || there {
			continue
		}
		o := g.subject.Run(g.ctx, next)
		if o.Err == nil && !o.Agrees(before, rule) && slices.Equal(o.Held, before.Held) && shows(next, o) {
			return next
		}
	}
	return w
}
