package optimize

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
)

// Growth is how work grows with a list of the input.
type Growth struct {
	Elements    model.List[int]   `json:"elements"`
	Evaluations model.List[int]   `json:"evaluations"`
	Time        model.List[int64] `json:"time"`
}

// lengths are the numbers of elements that lists are given to see how work grows.
var lengths = []int{8, 16, 32}

// squareFactor is by how much evaluations must grow when a list doubles to count as its square: 4, less what
// grows in proportion.
const squareFactor = 3

// nest is a loop inside another one over a list that does not depend on it.
type nest struct {
	body  *body
	outer *ast.Expr
	inner *ast.Expr
}

// square finds loops in loops whose work grows with the square of one list.
func (o *optimizer) square() []candidate {
	var out []candidate
	for _, rule := range o.source.module.Rules {
		for _, b := range o.source.bodies(rule) {
			for _, n := range o.nests(b) {
				if c, ok := o.nested(n); ok {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// nests are the pairs of independent loops that end in a body: the first loop is in it or around it.
func (o *optimizer) nests(b *body) []nest {
	var out []nest
	for k := range b.statements {
		if !b.loops[k] {
			continue
		}
		loop, before := b.loopAt(k - 1)
		if k == 0 {
			loop, before = b.around, b.outer
		}
		if loop == nil || loop == b.statements[k] {
			continue
		}
		needs := variables{}
		for name := range o.source.variables(b.statements[k], true) {
			if b.bound[k][name] && !before[name] {
				needs[name] = true
			}
		}
		if len(needs) == 0 {
			out = append(out, nest{b, loop, b.statements[k]})
		}
	}
	return out
}

// nested is a suggestion about two loops, where some list of some sample shows that it matters.
func (o *optimizer) nested(n nest) (candidate, bool) {
	growth, worlds := o.growing(n.inner.Location)
	if growth == nil {
		return candidate{}, false
	}
	c := candidate{Suggestion: o.suggestion(kindSquare, n.body.rule, n.inner.Location)}
	c.Growth = growth
	c.Title = fmt.Sprintf("%s runs in full for each element of the loop in line %d, over the same list or one that grows with it", quoted(string(n.inner.Location.Text)), n.outer.Location.Row)
	c.Reason = "its work grows with the square of the list; the times before and after are those of samples with lists of 32"
	if edits := o.keyed(n); edits != nil {
		if changed := o.subject.With(o.ctx, apply(o.subject.Text, edits)); changed != nil {
			if _, ok := o.compare(worlds, always(o.subject), always(changed), rewriteGain); ok {
				c.edits, c.samples = edits, worlds
				return c, true
			}
		}
	}
	c.Advice = "before the loop, collect what is compared in a set or an object, and look up in it (`name in names`, `by_name[name]`). " +
		"What is compared can't be told for sure, so it is not done for you; after is what it would take if it grew in proportion"
	c.measure = func(*Suggestion) (comparison, bool) {
		last, factor := len(lengths)-1, lengths[len(lengths)-1]/lengths[0]
		return comparison{
			before: Cost{Time: growth.Time[last], Evaluations: growth.Evaluations[last]},
			after:  Cost{Time: growth.Time[0] * int64(factor), Evaluations: growth.Evaluations[0] * factor},
		}, growth.Time[last] > growth.Time[0]*int64(factor)
	}
	return c, true
}

// maxGrown bounds how many samples are made larger to see how work grows.
const maxGrown = 10

// growing finds a list of a sample with whose square the evaluations at a place grow, and how that sample's time
// grows; the samples are those with the longest list.
func (o *optimizer) growing(at *ast.Location) (*Growth, []sample) {
	for _, one := range o.lively(at) {
		for _, list := range listsOf(one.world) {
			grown, counts := o.grow(one, list, at)
			if last := len(counts) - 1; last == len(lengths)-1 && counts[last] >= squareFactor*counts[last-1] && counts[0] > 0 {
				return o.timed(grown, counts), grown[last:]
			}
		}
	}
	return nil, nil
}

// lively are samples in which the expressions of a place are evaluated.
func (o *optimizer) lively(at *ast.Location) []sample {
	var out []sample
	for _, s := range o.samples {
		if q, err := o.prepare(o.subject, s.world); err == nil && len(out) < maxGrown && o.countAt(q, at) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// countAt counts the evaluations of what follows a place in its body, the place itself included.
func (o *optimizer) countAt(q *question, at *ast.Location) int {
	counting := &counter{at: map[place]int{}}
	q.ask(o.ctx, counting)
	return counting.redone(at)
}

// grow counts the evaluations at a place while a list becomes longer.
func (o *optimizer) grow(one sample, list explore.Path, at *ast.Location) (grown []sample, counts []int) {
	for _, n := range lengths {
		larger := sample{world: enlarged(one.world, list, n)}
		q, err := o.prepare(o.subject, larger.world)
		if err != nil || o.ctx.Err() != nil {
			break
		}
		grown, counts = append(grown, larger), append(counts, o.countAt(q, at))
	}
	return grown, counts
}

func (o *optimizer) timed(grown []sample, counts []int) *Growth {
	out := &Growth{Elements: lengths, Evaluations: counts}
	for i := range grown {
		cost, _ := o.costs(grown[i:i+1], o.subject, o.subject)
		out.Time = append(out.Time, cost.Time)
	}
	return out
}

// listsOf are the places of the lists of a resource, the longest first.
func listsOf(w explore.World) []explore.Path {
	var out []explore.Path
	w.Walk(func(path explore.Path, value any) {
		if list, ok := value.([]any); ok && len(list) > 0 && len(path) > 1 && path[0] == "input" && path[1] != "parameters" {
			out = append(out, path)
		}
	})
	return out
}

// enlarged is a world in which a list, or every list where none is named, has n elements: copies with names of
// their own.
func enlarged(w explore.World, list explore.Path, n int) explore.World {
	places := []explore.Path{list}
	if list == nil {
		places = listsOf(w)
		slices.Reverse(places) // inner lists first, so that copies have them
	}
	for _, path := range places {
		value, _ := w.At(path)
		elements, _ := value.([]any)
		longer := slices.Clone(elements)
		for i := len(elements); i < n && len(elements) > 0; i++ {
			longer = append(longer, renamed(elements[i%len(elements)], i))
		}
		if changed, ok := w.Apply(explore.Edit{Path: path, Value: longer}); ok {
			w = changed
		}
	}
	return w
}

func renamed(value any, i int) any {
	switch value := value.(type) {
	case map[string]any:
		out := maps.Clone(value)
		for _, key := range []string{"name", "key", "host"} {
			if text, ok := out[key].(string); ok {
				out[key] = fmt.Sprintf("%s-%d", text, i)
			}
		}
		if image, ok := out["image"].(string); ok {
			at := strings.LastIndexByte(image, '/') + 1
			out["image"] = fmt.Sprintf("%sx%d-%s", image[:at], i, image[at:])
		}
		return out
	case string:
		return fmt.Sprintf("%s-%d", value, i)
	case json.Number:
		return json.Number(fmt.Sprint(i))
	}
	return value
}
