package conflict

import (
	"fmt"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// contradictions finds pairs of rules that no resource of some scope can satisfy both: what one lets
// pass the other does not.
func (f *finder) contradictions() {
	for i, a := range f.units {
		for _, b := range f.units[i+1:] {
			if f.ctx.Err() != nil {
				return
			}
			if a.sameConditions(b) || a.match != nil && b.match != nil && !a.match.overlaps(b.match) {
				continue
			}
			if p := proof(a, b); p != nil {
				f.contradiction(a, b, *p)
			} else if kind := f.opposed(a, b); kind != "" {
				f.suspect(a, b, kind)
			}
		}
	}
}

// covering is a pair of literals of which one always holds.
type covering struct {
	a, b   literal
	guards conjunction // what else both ask for: the scope of the contradiction
	total  bool        // also where the field is missing
}

// proof looks for alternatives of two rules that differ in one literal each, such that one of the two
// always holds, and that ask for nothing else but a scope.
func proof(a, b *unit) *covering {
	for _, qa := range a.residual {
		for _, qb := range b.residual {
			if c := cover(qa, qb); c != nil && a.reaches(c.guards) && b.reaches(c.guards) {
				return c
			}
		}
	}
	return nil
}

// reaches says whether a constraint looks at resources of the kinds that literals name.
func (u *unit) reaches(guards conjunction) bool {
	kinds := guards.kinds()
	return u.match == nil || len(kinds) == 0 || slices.ContainsFunc(kinds, u.match.hasKind)
}

func cover(qa, qb conjunction) *covering {
	for i, la := range qa {
		for j, lb := range qb {
			total, ok := complementary(la, lb)
			if !ok || la.isIdentity() {
				continue
			}
			guards := append(slices.Delete(slices.Clone(qa), i, i+1), slices.Delete(slices.Clone(qb), j, j+1)...)
			if slices.ContainsFunc(guards, func(l literal) bool { return !l.isScope() }) || !consistent(guards) {
				continue
			}
			return &covering{la, lb, guards, total}
		}
	}
	return nil
}

// complementary says whether one of two literals always holds: for every value of the field (ok), and
// where there is none, too (total). A call under `not` needs its arguments as any other does.
func complementary(a, b literal) (total, ok bool) {
	if a.opposite(b) {
		total = a.ref != "" && (a.operator == "" || a.operator == "not")
		return total, total || a.about != ""
	}
	if a.ref == "" || a.ref != b.ref || a.value == nil || b.value == nil {
		return false, false
	}
	return false, exceptions(a, b) || exceptions(b, a) || ranges(a, b) || ranges(b, a)
}

// exceptions: a holds for all values but a few, and b for each of these.
func exceptions(a, b literal) bool {
	return (a.operator == "neq" || a.operator == "notin") && a.all(b.admits)
}

// ranges: a holds below a limit, b above one that is no higher.
func ranges(a, b literal) bool {
	if a.operator != "lt" && a.operator != "lte" || b.operator != "gt" && b.operator != "gte" {
		return false
	}
	order := b.value.Value.Compare(a.value.Value)
	if a.operator == "lt" && b.operator == "gt" {
		return order < 0
	}
	return order <= 0
}

func (f *finder) contradiction(a, b *unit, p covering) {
	resource, flipped := f.flip(a, b)
	f.add(Conflict{
		Kind: Contradiction, Certainty: Certain,
		Message: fmt.Sprintf("no %s can satisfy both `%s` and `%s`", p.subject(), a.name, b.name),
		Hint:    "change one of the two conditions, or let them apply to different resources",
		Sides:   []Side{a.side(p.a.String()), b.side(p.b.String())}, Resource: resource, Flipped: flipped,
	})
}

// subject names what a contradiction is about: `Deployment that sets spec.replicas`.
func (p covering) subject() string {
	what := "resource"
	if kinds := p.guards.kinds(); len(kinds) > 0 {
		what = strings.Join(kinds, " or ")
	}
	if !p.total {
		what += " that sets " + shortRef(p.a.about)
	}
	var where []string
	for _, l := range p.guards {
		if text := l.String(); l.ref != "input.resource.kind" && !slices.Contains(where, text) {
			where = append(where, text)
		}
	}
	if len(where) > 0 {
		what += " with " + strings.Join(where, " and ")
	}
	return what
}

// flip finds a resource that violates the first rule, and one near it that violates the second instead.
func (f *finder) flip(a, b *unit) (resource, flipped any) {
	for i, it := range f.items {
		if !a.fired[i] || b.fired[i] {
			continue
		}
		w, ok := f.seen(it, b.subject)
		if !ok {
			continue
		}
		if named := b.subject.Replace(w, explore.Whole(b.subject.Resource(w))); f.separates(a, b, named, b.subject) {
			w = named
		}
		if resource == nil {
			resource = b.subject.Resource(w)
		}
		for _, e := range b.subject.Hints(f.ctx, w) {
			changed, ok := w.Apply(e)
			if ok && f.separates(b, a, changed, b.subject) {
				return b.subject.Resource(w), b.subject.Resource(changed)
			}
		}
	}
	return resource, nil
}

// seen is an input as a policy sees it.
func (f *finder) seen(it item, by *explore.Subject) (explore.World, bool) {
	if it.from == by {
		return it.world, true
	}
	return by.Transfer(it.world, it.from)
}

// holds says whether a rule holds in a world of another subject.
func (f *finder) holds(u *unit, w explore.World, of *explore.Subject) bool {
	own, ok := w, true
	if u.subject != of {
		own, ok = u.subject.Transfer(w, of)
	}
	if !ok || u.match != nil && !u.match.covers(of.Resource(w)) {
		return false
	}
	o := u.subject.Run(f.ctx, own)
	return o.Err == nil && o.Held[u.number]
}

const (
	// minItems is how many inputs of a kind it takes to suspect anything.
	minItems = 8
	// maxTries bounds how many inputs are tried to refute a suspicion.
	maxTries = 200
)

// opposed says of which kind of resource every input violates one of two rules; "" for none.
func (f *finder) opposed(a, b *unit) string {
	if a.name == b.name {
		return ""
	}
	count, only := map[string]int{}, map[string][2]bool{}
	free := map[string]bool{}
	for i, it := range f.items {
		kind := kindOf(it)
		if kind == "" {
			continue
		}
		count[kind]++
		switch {
		case !a.fired[i] && !b.fired[i]:
			free[kind] = true
		case !b.fired[i]:
			only[kind] = [2]bool{true, only[kind][1]}
		case !a.fired[i]:
			only[kind] = [2]bool{only[kind][0], true}
		}
	}
	for _, kind := range sortedKeys(count) {
		if !free[kind] && count[kind] >= minItems && only[kind] == [2]bool{true, true} {
			return kind
		}
	}
	return ""
}

func kindOf(it item) string {
	object, _ := it.from.Resource(it.world).(map[string]any)
	kind, _ := object["kind"].(string)
	return kind
}

// suspect reports an opposition unless some input near those that are known satisfies both rules.
func (f *finder) suspect(a, b *unit, kind string) {
	for i, it := range f.items {
		if kindOf(it) == kind && a.fired[i] != b.fired[i] && (f.reconciled(a, b, it) || f.reconciled(b, a, it)) {
			return
		}
	}
	resource, flipped := f.flip(a, b)
	f.add(Conflict{
		Kind: Contradiction, Certainty: Suspected,
		Message: fmt.Sprintf("no %s was found that satisfies both `%s` and `%s`", kind, a.name, b.name),
		Hint:    "look at both conditions: what one lets pass, the other seems to refuse",
		Sides:   []Side{a.side(a.condition()), b.side(b.condition())}, Resource: resource, Flipped: flipped,
	})
}

// reconciled says that an input next to one that violates one of two rules violates neither.
func (f *finder) reconciled(a, b *unit, it item) bool {
	w, ok := f.seen(it, a.subject)
	if !ok {
		return false
	}
	kind := kindOf(it)
	return slices.ContainsFunc(a.pool.Neighbours(f.ctx, w, maxTries), func(n explore.Neighbour) bool {
		return kindOf(item{n.World, a.subject}) == kind && !n.Outcome.Held[a.number] && !f.holds(b, n.World, a.subject)
	})
}
