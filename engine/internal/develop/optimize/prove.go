package optimize

import (
	"cmp"
	"slices"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// prove measures a candidate; it holds where the gain is more than noise, and a rewrite changes nothing.
func (o *optimizer) prove(c *candidate) bool {
	measured, ok := comparison{}, false
	if c.edits == nil {
		measured, ok = c.measure(&c.Suggestion)
	} else if changed := o.subject.With(o.ctx, apply(o.subject.Text, c.edits)); changed != nil {
		samples := o.samples
		if c.samples != nil {
			samples = c.samples
		}
		measured, ok = o.compare(samples, always(o.subject), always(changed), rewriteGain)
		ok = ok && o.unchanged(changed, o.checks()) && o.sameFindings(changed)
		c.Rewrite = hunks(o.subject.Text, c.edits)
	}
	c.Before, c.After = measured.before, measured.after
	return ok
}

// checks are the worlds that no rewrite may change the results of.
func (o *optimizer) checks() []explore.World {
	var out []explore.World
	for _, s := range append(slices.Clone(o.examples), o.samples...) {
		out = append(out, s.world)
	}
	for _, found := range o.pool.Tried {
		out = append(out, found.World)
	}
	return out
}

// unchanged says whether a changed policy gives the same results in all worlds. What builtins complain of must be
// the same where people wrote the input; in generated ones, where such a complaint is an error.
func (o *optimizer) unchanged(changed *explore.Subject, worlds []explore.World) bool {
	for i, w := range worlds {
		if i >= len(o.right) {
			o.right = append(o.right, o.answerOf(o.subject, w))
		}
		notes := o.params.StrictErrors || i < len(o.examples)+len(o.samples)
		if !o.answerOf(changed, w).same(o.right[i], notes) {
			return false
		}
	}
	return true
}

func (o *optimizer) answerOf(s *explore.Subject, w explore.World) answer {
	q, err := o.prepare(s, w)
	if err != nil {
		return answer{err: err}
	}
	return q.ask(o.ctx)
}

// agree says whether two policies give the same results in the inputs that the second one's conditions lead to:
// those of the first might never come to what sets them apart.
func (o *optimizer) agree(changed *explore.Subject) (inputs int, same bool) {
	pool := explore.Search(o.ctx, changed, o.seeds, o.params.Budget/2)
	for _, found := range pool.Tried {
		if !o.answerOf(changed, found.World).same(o.answerOf(o.subject, found.World), o.params.StrictErrors) {
			return 0, false
		}
	}
	return len(pool.Tried), o.ctx.Err() == nil
}

// write makes every proven rewrite that touches no text of another, the most useful ones first, and proves
// them together.
func (o *optimizer) write(result *Result, proven []*candidate) {
	order := slices.Clone(proven)
	slices.SortStableFunc(order, func(a, b *candidate) int { return cmp.Compare(b.gain(), a.gain()) })
	result.Checked = Checked{Examples: len(o.examples), Generated: len(o.pool.Tried)}
	if o.from == fromData {
		result.Checked.Examples += len(o.samples)
	}
	chosen := o.compatible(order)
	final, inputs := o.together(chosen)
	for dropped := len(chosen) - 1; final == nil && dropped >= 0; dropped-- {
		chosen = chosen[:dropped] // what gains least goes first
		final, inputs = o.together(chosen)
	}
	for _, c := range chosen {
		c.Included = true
		result.Text, result.Checked.Generated = o.params.mark+final.Text, len(o.pool.Tried)+inputs
	}
	if final == nil {
		final = o.subject
	}
	result.Before, result.After = o.costs(o.samples, o.subject, final)
	slices.SortStableFunc(proven, func(a, b *candidate) int { return a.Line - b.Line })
	for _, c := range proven {
		result.Suggestions = append(result.Suggestions, c.Suggestion)
	}
}

func (c *candidate) gain() int64 { return c.Before.Time - c.After.Time }

// compatible are the rewrites of which none touches the text of one before it.
func (o *optimizer) compatible(order []*candidate) []*candidate {
	var out []*candidate
	for _, c := range order {
		clashing := slices.ContainsFunc(out, func(other *candidate) bool { return clash(other.edits, c.edits) })
		if len(c.edits) > 0 && !clashing {
			out = append(out, c)
		}
	}
	return out
}

// together proves rewrites as one, also on inputs that the rewritten policy leads to; nil where they change a result.
func (o *optimizer) together(chosen []*candidate) (changed *explore.Subject, inputs int) {
	var edits []edit
	inOrder := slices.Clone(chosen) // what is inserted at one place keeps the order that it had
	slices.SortStableFunc(inOrder, func(a, b *candidate) int { return a.Line - b.Line })
	for _, c := range inOrder {
		edits = append(edits, c.edits...)
	}
	if len(edits) == 0 {
		return nil, 0
	}
	changed = o.subject.With(o.ctx, apply(o.subject.Text, edits))
	if changed == nil || !o.unchanged(changed, o.checks()) || !o.sameFindings(changed) {
		return nil, 0
	}
	inputs, same := o.agree(changed)
	if !same {
		return nil, 0
	}
	return changed, inputs
}
