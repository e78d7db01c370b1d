package conflict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"attest.continuu.ms/engine/internal/develop/explore"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// minFired is how often a rule must have held for a pattern in it to mean anything.
const minFired = 4

// shadows finds rules all of whose violations are violations of another one, too.
func (f *finder) shadows() {
	for i, a := range f.units {
		for _, b := range f.units[i+1:] {
			if f.ctx.Err() != nil {
				return
			}
			if a.sameConditions(b) || a.sameKind(b) {
				continue
			}
			there, back := f.covered(a, b), f.covered(b, a)
			switch {
			case there == Certain && back == Certain:
				f.equal(a, b)
			case there == Certain || back == Certain:
				f.shadow(a, b, there == Certain, Certain)
			case there != "" || back != "":
				f.shadow(a, b, there != "", Suspected)
			}
		}
	}
}

// sameKind says that two rules are those of constraints of one kind: they are compared as a whole.
func (u *unit) sameKind(other *unit) bool {
	return u.kind != "" && u.kind == other.kind
}

// covered says with which certainty all violations of a rule are violations of another; "" for not.
func (f *finder) covered(a, b *unit) string {
	switch {
	case a.level() == "strict" && b.level() != "strict" || !a.insideMatch(b):
		return "" // the other one does not replace it
	case a.implies(b):
		return Certain
	case a.answersForMore(b) || !b.readsNoMore(a):
		return ""
	case f.within(a, b) && !f.apart(a, b):
		return Suspected
	}
	return ""
}

// insideMatch says whether the other rule looks at all that this one looks at, as far as match blocks say.
func (u *unit) insideMatch(other *unit) bool {
	return other.match == nil || other.match.onlyKinds() || u.match != nil && u.match.inside(other.match)
}

// implies says whether every alternative of a rule implies one of the other's: then it follows from the
// text that the rule is superfluous.
func (u *unit) implies(other *unit) bool {
	if len(u.residual) == 0 || len(other.residual) == 0 || !u.kindsInside(other) {
		return false
	}
	for _, qa := range u.residual {
		if !slices.ContainsFunc(other.residual, qa.implies) {
			return false
		}
	}
	return true
}

// kindsInside says whether the other rule's constraint matches whatever kind this rule is about.
func (u *unit) kindsInside(other *unit) bool {
	if other.match == nil || len(other.match.kinds) == 0 || u.match != nil && u.match.inside(other.match) {
		return true
	}
	return !slices.ContainsFunc(u.residual, func(c conjunction) bool {
		kinds := c.kinds()
		return len(kinds) == 0 || slices.ContainsFunc(kinds, func(kind string) bool { return !other.match.hasKind(kind) })
	})
}

// answersForMore says that a policy stands for controls of a framework that the other does not: its
// findings are their evidence, so that it is not superfluous where both find the same.
func (u *unit) answersForMore(other *unit) bool {
	controls := other.subject.Policy.Controls
	return slices.ContainsFunc(u.subject.Policy.Controls, func(c string) bool { return !slices.Contains(controls, c) })
}

// readsNoMore says that a rule looks at nothing which the other does not look at. One that does may well
// hold whenever the other holds, but not for the same reason.
func (u *unit) readsNoMore(other *unit) bool {
	theirs := other.subject.Reads(other.number)
	return !slices.ContainsFunc(u.subject.Reads(u.number), func(key string) bool { return !slices.Contains(theirs, key) })
}

// within says whether a rule held only where the other one held, too.
func (f *finder) within(a, b *unit) bool {
	count := 0
	for i := range f.items {
		if a.fired[i] {
			if !b.fired[i] {
				return false
			}
			count++
		}
	}
	return count >= minFired
}

// apart looks for an input in which a rule holds and the other does not: near those that are known, and
// by laying what makes the rule hold over inputs that the other lets pass.
func (f *finder) apart(a, b *unit) bool {
	holding := a.pool.Holding(a.number)
	if len(holding) == 0 {
		return true
	}
	for _, found := range holding[:min(len(holding), 60)] {
		if f.separates(a, b, found.World, a.subject) {
			return true
		}
	}
	core := explore.Minimise(f.ctx, holding[0].World, func(w explore.World) bool { return f.holds(a, w, a.subject) })
	for i, it := range f.items {
		host, ok := f.seen(it, a.subject)
		if !ok || b.fired[i] {
			continue
		}
		merged, _ := explore.Merge(map[string]any(host), map[string]any(core)).(map[string]any)
		if f.separates(a, b, merged, a.subject) {
			return true
		}
	}
	return f.apartOver(a, b, a.subject.Resource(core)) || f.apartNearby(a, b, holding) || f.apartDoubled(a, b, core)
}

// maxPairs bounds how many pairs of parts are left out of a world.
const maxPairs = 900

// apartDoubled has two of what the smallest world has one of, and leaves a part of each out: what one
// rule asks of one element, the other may ask of two.
func (f *finder) apartDoubled(a, b *unit, core explore.World) bool {
	separated := false
	core.Walk(func(path explore.Path, value any) {
		list, ok := value.([]any)
		if !ok || len(list) == 0 || separated {
			return
		}
		doubled, _ := core.Apply(explore.Edit{Path: append(slices.Clone(path), len(list)), Value: list[0]})
		separated = f.apartByLess(a, b, doubled, path)
	})
	return separated
}

// apartByLess leaves pairs of values below a path out.
func (f *finder) apartByLess(a, b *unit, w explore.World, below explore.Path) bool {
	var parts []explore.Path
	w.Walk(func(path explore.Path, _ any) {
		if len(path) > len(below) && slices.Equal(path[:len(below)], below) {
			parts = append(parts, path)
		}
	})
	tried := 0
	for i, one := range parts {
		less, ok := w.Apply(explore.Edit{Path: one, Remove: true})
		if !ok || !f.holds(a, less, a.subject) {
			continue
		}
		for _, other := range parts[i+1:] {
			if least, ok := less.Apply(explore.Edit{Path: other, Remove: true}); ok && tried < maxPairs && f.separates(a, b, least, a.subject) {
				return true
			}
			tried++
		}
	}
	return false
}

// separates says that one rule holds in a world, and the other does not.
func (f *finder) separates(a, b *unit, w explore.World, of *explore.Subject) bool {
	return f.holds(a, w, of) && !f.holds(b, w, of)
}

// maxHosts bounds how many inputs that a rule lets pass are tried as a base.
const maxHosts = 80

// apartOver lays the smallest resource for which the first rule holds over inputs that the other lets
// pass, those that it all but refused first: they have what it asks for.
func (f *finder) apartOver(a, b *unit, core any) bool {
	hosts := slices.DeleteFunc(slices.Clone(b.pool.Tried), func(found explore.Found) bool { return found.Outcome.Held[b.number] })
	slices.SortStableFunc(hosts, func(x, y explore.Found) int {
		return cmp.Compare(y.Outcome.Depth[b.number], x.Outcome.Depth[b.number])
	})
	for _, host := range hosts[:min(len(hosts), maxHosts)] {
		w := b.subject.Replace(host.World, explore.Merge(b.subject.Resource(host.World), core))
		if f.separates(a, b, w, b.subject) {
			return true
		}
	}
	return false
}

// apartNearby changes the smallest worlds for which the first rule holds, by what either policy knows of.
func (f *finder) apartNearby(a, b *unit, holding []explore.Found) bool {
	for _, found := range holding[:min(len(holding), 3)] {
		for _, n := range a.pool.Neighbours(f.ctx, found.World, maxTries) {
			if n.Outcome.Held[a.number] && !f.holds(b, n.World, a.subject) {
				return true
			}
		}
		theirs, ok := b.subject.Transfer(found.World, a.subject)
		if !ok {
			continue
		}
		for _, n := range b.pool.Neighbours(f.ctx, theirs, maxTries) {
			if !n.Outcome.Held[b.number] && f.holds(a, n.World, b.subject) {
				return true
			}
		}
	}
	return slices.ContainsFunc(holding[:min(len(holding), 3)], func(found explore.Found) bool { return f.apartByWords(a, b, found.World) })
}

// apartByWords puts the constants of the other rule's policy into the places of a world, and texts that
// begin or end differently from what is there.
func (f *finder) apartByWords(a, b *unit, w explore.World) bool {
	words := b.subject.Words.Strings
	words = words[:min(len(words), 30)]
	separated := false
	w.Walk(func(path explore.Path, value any) {
		if !single(value) || separated || len(path) < 2 {
			return
		}
		tried := words
		if text, ok := value.(string); ok {
			tried = append([]string{"other/" + text, "other-" + text, text + "-other", text + "/other"}, words...)
		}
		separated = slices.ContainsFunc(tried, func(word string) bool {
			changed, ok := w.Apply(explore.Edit{Path: path, Value: word})
			return ok && f.separates(a, b, changed, a.subject)
		})
	})
	return separated
}

func single(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// equal reports two rules each of which implies the other.
func (f *finder) equal(a, b *unit) {
	f.add(Conflict{
		Kind: Duplicate, Certainty: Certain,
		Message: fmt.Sprintf("%s ask for the same: every violation of one is one of the other", both(a, b)),
		Hint:    "keep one of the two",
		Sides:   []Side{a.side(a.condition()), b.side(b.condition())}, Resource: f.violating(a, b),
	})
}

func both(a, b *unit) string {
	if a.name == b.name {
		return fmt.Sprintf("two rules of `%s`", a.name)
	}
	return fmt.Sprintf("`%s` and `%s`", a.name, b.name)
}

// shadow reports that the violations of one rule, the first or the second, are violations of the other.
func (f *finder) shadow(a, b *unit, first bool, certainty string) {
	if !first {
		a, b = b, a
	}
	verb := "is also one of"
	if certainty == Suspected {
		verb = "that was tried is also one of"
	}
	by := "`" + b.name + "`"
	if a.name == b.name {
		by = fmt.Sprintf("its rule in line %d", b.rule.Line)
	}
	f.add(Conflict{
		Kind: Shadowed, Certainty: certainty,
		Message: fmt.Sprintf("every violation of `%s` %s %s", a.name, verb, by),
		Hint:    "drop the narrower rule, or make the wider one leave out what it covers",
		Sides:   []Side{a.side(a.condition()), b.side(b.condition())}, Resource: f.violating(a, b),
	})
}
