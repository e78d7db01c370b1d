package conflict

import (
	"fmt"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// fieldConflicts finds fields that one policy refuses and another only warns of: whoever reads the reports will
// ask which of the two is meant.
func (f *finder) fieldConflicts() {
	for i, a := range f.units {
		for _, b := range f.units[i+1:] {
			if a.name == b.name || a.level() == b.level() || a.sameConditions(b) || a.sameKind(b) || f.ctx.Err() != nil {
				continue
			}
			if a.match != nil && b.match != nil && !a.match.overlaps(b.match) {
				continue
			}
			if field := f.sameField(a, b); field != "" {
				f.add(Conflict{
					Kind: Enforcement, Certainty: Suspected,
					Message: fmt.Sprintf("`%s` (%s) and `%s` (%s) judge the same field, %s", a.name, a.level(), b.name, b.level(), field),
					Hint:    "enforce both alike, or say in their messages how they differ",
					Sides:   []Side{a.side(a.condition()), b.side(b.condition())}, Resource: f.violating(a, b),
				})
			}
		}
	}
}

// sameField is the field beside their scope that both rules are about, of a kind that both judge; ""
// where there is none. One name in several places, such as those of containers, is one field.
func (f *finder) sameField(a, b *unit) string {
	if !meetKinds(a, b) {
		return ""
	}
	fa, fb := f.fieldsOf(a), f.fieldsOf(b)
	if len(fa) == 0 || !slices.Equal(fa, fb) || slices.ContainsFunc(fa, func(field string) bool { return leaf(field) != leaf(fa[0]) }) {
		return ""
	}
	return strings.Join(fa, " and ")
}

func leaf(field string) string { return field[strings.LastIndex(field, ".")+1:] }

// meetKinds says whether two rules are about some kind both, as far as they say.
func meetKinds(a, b *unit) bool {
	for _, qa := range a.residual {
		for _, qb := range b.residual {
			ka, kb := qa.kinds(), qb.kinds()
			if ka == nil || kb == nil || slices.ContainsFunc(ka, func(kind string) bool { return slices.Contains(kb, kind) }) {
				return true
			}
		}
	}
	return a.residual == nil || b.residual == nil
}

// fieldsOf are the fields that a rule is about: those that it names, else those that mend a violation.
func (f *finder) fieldsOf(u *unit) []string {
	if u.fields == nil {
		u.fields = u.named()
		if u.residual == nil {
			u.fields = f.mending(u)
		}
	}
	return u.fields
}

func (u *unit) named() []string {
	out := []string{}
	for _, c := range u.residual {
		for _, l := range c {
			field := shortRef(l.ref)
			if l.ref != "" && !l.isScope() && !strings.HasPrefix(l.ref, "input.parameters") && !slices.Contains(out, field) {
				out = append(out, field)
			}
		}
	}
	slices.Sort(out)
	return out
}

// mending are the fields of the smallest violation a change of which mends it: the deepest ones, since
// the loss of what holds them mends it, too.
func (f *finder) mending(u *unit) []string {
	out := []string{}
	holding := u.pool.Holding(u.number)
	if len(holding) == 0 {
		return out
	}
	w := explore.Minimise(f.ctx, holding[0].World, func(w explore.World) bool {
		return u.subject.Resource(w) != nil && f.holds(u, w, u.subject)
	})
	root := len(explore.Path{"input"})
	if u.subject.Words.Root != "" {
		root++
	}
	if u.subject.Words.Root == "review" || u.subject.Words.Root == "request" {
		root++
	}
	for _, n := range u.pool.Neighbours(f.ctx, w, maxTries) {
		if n.Outcome.Held[u.number] || len(n.Edit.Path) <= root {
			continue
		}
		field := generic(n.Edit.Path[root:])
		if l := (literal{ref: "input.resource." + field}); !l.isScope() && !slices.Contains(out, field) {
			out = append(out, field)
		}
	}
	out = slices.DeleteFunc(slices.Clone(out), func(field string) bool {
		return slices.ContainsFunc(out, func(other string) bool {
			return strings.HasPrefix(other, field+".") || strings.HasPrefix(other, field+"[")
		})
	})
	slices.Sort(out)
	return out
}

// generic is a path with its indexes open: `spec.containers[_].image`.
func generic(path explore.Path) string {
	var out strings.Builder
	for i, step := range path {
		key, named := step.(string)
		switch {
		case !named:
			out.WriteString("[_]")
		case i > 0:
			out.WriteString("." + key)
		default:
			out.WriteString(key)
		}
	}
	return out.String()
}
