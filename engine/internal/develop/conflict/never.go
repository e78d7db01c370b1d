package conflict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// never finds rules that can't hold whatever the parameters are, those that were never seen to, and
// policies whose parameters switch all of their rules off.
func (f *finder) never() error { return f.each("looked for what never fires in", f.neverPolicy) }

func (f *finder) neverPolicy(j *judge) {
	own, off := f.unitsOf(j), 0
	for _, u := range own {
		if f.ctx.Err() != nil {
			return
		}
		if f.neverRule(u) {
			off++
		}
	}
	if off > 0 && off == len(own) && j.configured {
		f.add(Conflict{
			Kind: NeverFires, Certainty: Certain, Sides: []Side{own[0].side(own[0].condition())},
			Message: fmt.Sprintf("`%s` can never find fault with anything: its parameters switch all of its rules off", j.name),
			Hint:    "change its parameters in the configuration, or disable it",
		})
	}
}

// neverRule looks at one rule, and says whether it is its parameters that keep it from ever holding.
func (f *finder) neverRule(u *unit) (off bool) {
	if u.misplaced() {
		f.neverMatched(u)
		return false
	}
	if len(u.pool.Holding(u.number)) > 0 || slices.Contains(u.fired, true) {
		return false
	}
	switch {
	case u.subject.Freely().Never(f.ctx, u.number) || !u.readsParameters() && u.impossible():
		f.add(Conflict{
			Kind: NeverFires, Certainty: Certain, Sides: []Side{u.side(u.condition())},
			Message: fmt.Sprintf("a rule of `%s` can never find fault with anything", u.name),
			Hint:    "its conditions exclude each other: mend or drop it",
		})
	case u.subject.Never(f.ctx, u.number) || u.impossible():
		return true
	case looksUp(u.subject.Set.Compiler, u.rule.Rule): // what it looks for was not there, and may be in a cluster
	case !slices.Contains(u.subject.Reads(u.number), "parameters") && !u.pool.Climb(f.ctx, u.number):
		f.suspectNever(u)
	}
	return false
}

// impossible says that each alternative of what the rule asks for holds two conditions that exclude
// each other.
func (u *unit) impossible() bool {
	return len(u.residual) > 0 && !slices.ContainsFunc(u.residual, consistent)
}

// misplaced says that a constraint matches none of the kinds that its rule is about.
func (u *unit) misplaced() bool {
	return u.match != nil && len(u.residual) > 0 && !slices.ContainsFunc(u.residual, func(c conjunction) bool {
		kinds := c.kinds()
		return len(kinds) == 0 || slices.ContainsFunc(kinds, u.match.hasKind)
	})
}

func (f *finder) neverMatched(u *unit) {
	var matched []string
	for _, kind := range u.match.kinds {
		matched = append(matched, kind[1])
	}
	f.add(Conflict{
		Kind: NeverFires, Certainty: Certain, Sides: []Side{u.side(u.condition())},
		Message: fmt.Sprintf("`%s` can never find fault with anything: it matches %s, and its rule is about %s",
			u.name, strings.Join(matched, ", "), strings.Join(u.residual[0].kinds(), ", ")),
		Hint: "match the kinds that the template is made for",
	})
}

// suspectNever reports a rule that held nowhere, where there is a reason to: the condition at which it
// always fails does hold, but not together with those before it. A condition that never held at all
// says more about the search than about the rule.
func (f *finder) suspectNever(u *unit) {
	depth, nearest := u.pool.Depth(u.number)
	depth = min(max(depth, 0), len(u.rule.Body)-1)
	body, without := u.subject.Alone(u.number, depth)
	if without == nil || !f.holdsAlone(u, body, nearest) {
		return
	}
	text, _, _ := strings.Cut(string(u.rule.Body[depth].Location.Text), "\n")
	f.add(Conflict{
		Kind: NeverFires, Certainty: Suspected, Sides: []Side{u.side(strings.TrimSpace(text))},
		Message: fmt.Sprintf("a rule of `%s` found fault with none of %d inputs", u.name, len(u.pool.Tried)),
		Hint: fmt.Sprintf("see whether its condition in line %d can hold together with that in line %d",
			u.rule.Body[depth].Location.Row, without.Location.Row),
	})
}

// maxAlone bounds how many inputs are looked at for one in which a condition holds by itself.
const maxAlone = 2000

// holdsAlone says whether conditions hold in some input, and the whole rule in none that is made of one
// of these and of one that comes near.
func (f *finder) holdsAlone(u *unit, body ast.Body, nearest explore.World) bool {
	alone := false
	for _, found := range u.pool.Tried[:min(len(u.pool.Tried), maxAlone)] {
		if f.ctx.Err() != nil || !u.subject.Holds(f.ctx, found.World, body) {
			continue
		}
		alone = true
		for _, pair := range [][2]explore.World{{nearest, found.World}, {found.World, nearest}} {
			merged, _ := explore.Merge(map[string]any(pair[0]), map[string]any(pair[1])).(map[string]any)
			if f.holds(u, merged, u.subject) {
				return false
			}
		}
	}
	return alone
}

// broken says of a policy that can't be evaluated why, where that is so.
func (j *judge) broken() error {
	if len(j.pool.Tried) == 0 || j.pool.Exhausted() {
		return j.pool.Failure
	}
	return nil
}

// probes is how many inputs are tried before many are.
const probes = 3

// stuck says that a policy takes too long for inputs of every sort: there is no use in trying more.
func (j *judge) stuck(f *finder, seeds []explore.World) bool {
	j.pool = explore.Search(f.ctx, j.subject, seeds[:min(len(seeds), probes)], 0)
	return len(j.pool.Tried) == 0 && j.pool.Failure != nil
}
