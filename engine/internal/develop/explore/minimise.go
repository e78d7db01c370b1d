package explore

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// String is a path as people write it: `input.resource.spec.containers[0].image`.
func (p Path) String() string {
	var out strings.Builder
	for i, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&out, "[%d]", step)
		case inside:
			out.WriteString("(JSON)")
		case string:
			if i > 0 && (strings.ContainsAny(step, "./ ") || step == "") {
				fmt.Fprintf(&out, "[%q]", step)
				continue
			}
			if i > 0 {
				out.WriteByte('.')
			}
			out.WriteString(step)
		}
	}
	return out.String()
}

// Minimise removes whatever can be left out while keep holds: of the result, no single value can be.
// Large parts are tried first, and objects that become empty are tried as a whole.
func Minimise(ctx context.Context, w World, keep func(World) bool) World {
	for changed := true; changed && ctx.Err() == nil; {
		changed = false
		for _, path := range removable(w) {
			smaller, ok := w.Apply(Edit{Path: path, Remove: true})
			if ok && keep(smaller) {
				w, changed = smaller, true
				break
			}
		}
	}
	return w
}

// removable lists what may be left out: everything but the input itself. Parents come before their
// children, later elements of an array before earlier ones.
func removable(w World) []Path {
	var out []Path
	w.Walk(func(path Path, _ any) {
		if len(path) > 1 || path[0] != "input" {
			out = append(out, path)
		}
	})
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Path) int { return len(a) - len(b) })
	return out
}

// Neighbour is a world one edit away from another.
type Neighbour struct {
	Edit    Edit
	World   World
	Outcome *Outcome
}

// Neighbours evaluates the worlds that are one edit away: each value removed or replaced, and each
// value that some world of the pool has where this one has none.
func (p *Pool) Neighbours(ctx context.Context, w World, limit int) []Neighbour {
	edits := append(havoc(w, p.Subject.Words), p.Subject.parameterEdits(w)...)
	edits = append(edits, p.additions(w)...)
	var out []Neighbour
	seen := map[string]bool{w.Key(): true}
	for _, e := range edits {
		changed, ok := w.Apply(e)
		if !ok || p.Subject.settled(e.Path) || seen[changed.Key()] || len(out) >= limit || ctx.Err() != nil {
			continue
		}
		seen[changed.Key()] = true
		if outcome := p.Subject.Run(ctx, changed); outcome.Err == nil {
			outcome.features = nil
			out = append(out, Neighbour{e, changed, outcome})
			p.remember(Found{changed, outcome, p.Weigh(changed)})
		}
	}
	return out
}

// maxAdditions bounds how many values of other worlds are tried in one.
const maxAdditions = 120

// additions are the values that other worlds have at places where this one has nothing or something else.
func (p *Pool) additions(w World) []Edit {
	seen := map[string]bool{}
	var out []Edit
	for _, found := range p.Corpus {
		found.World.Walk(func(path Path, value any) {
			if len(path) < 2 || len(out) >= maxAdditions || !scalar(value) && len(Text(value)) > 60 {
				return
			}
			parent, there := w.At(path[:len(path)-1])
			_, near := w.At(path[:len(path)-2])
			old, same := w.At(path)
			if !there && !near && len(path) > 3 || same && Text(old) == Text(value) || there && scalar(parent) {
				return
			}
			if key := path.String() + Text(value); !seen[key] {
				seen[key] = true
				out = append(out, Edit{Path: path, Value: value})
			}
		})
	}
	return out
}
