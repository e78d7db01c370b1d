package generate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// attempts is how many violations are made small for each rule, of each sort; the best pair is kept.
const attempts = 2

// pair is a world that violates a rule, and the closest one that does not.
type pair struct {
	world   explore.World
	outcome *explore.Outcome
	near    *explore.Neighbour // nil where every world near violates the rule too
}

// pairs finds, for every entry rule, a minimal violation and the closest world without it.
func (g *generator) pairs() {
	for number, rule := range g.subject.Rules {
		if !rule.Entry || g.ctx.Err() != nil {
			continue
		}
		best := g.bestPair(number)
		if best == nil {
			g.unreached = append(g.unreached, g.why(number))
			continue
		}
		g.add("violates", number, best.world, best.outcome, "test_"+g.slug(number, best.outcome, maxSlug), message(best.outcome, rule.Name))
		if best.near != nil {
			name := "test_" + g.slug(number, best.outcome, maxShort) + "_unless_" + slugOf(brief(best.near.Edit))
			g.add("passes", number, best.near.World, best.near.Outcome, name, "one field apart: "+describe(best.world, best.near.Edit))
		}
	}
}

func (g *generator) bestPair(number int) *pair {
	name := g.subject.Rules[number].Name
	var best *pair
	for _, start := range g.violations(number) {
		wanted := g.subject.Run(g.ctx, start)
		w := explore.Minimise(g.ctx, start, func(w explore.World) bool {
			o := g.subject.Run(g.ctx, w)
			return o.Held[number] && o.Agrees(wanted, name)
		})
		w = g.naturalise(w, func(_ explore.World, o *explore.Outcome) bool {
			return o.Held[number] && o.Agrees(wanted, name) || o.Held[number] && g.alone(o, number) && g.alone(wanted, number)
		})
		w = g.called(w, name, func(_ explore.World, o *explore.Outcome) bool { return o.Held[number] })
		next := &pair{world: w, outcome: g.subject.Run(g.ctx, w)}
		next.near = g.nearest(number, w)
		if best == nil || g.comparePairs(number, next, best) < 0 {
			best = next
		}
	}
	return best
}

// naturalise replaces odd values by those that a person would write, where they do as well.
func (g *generator) naturalise(w explore.World, keep func(explore.World, *explore.Outcome) bool) explore.World {
	var odd []explore.Path
	w.Walk(func(path explore.Path, value any) {
		if len(path) > 1 && g.pool.Odd(path, value) {
			odd = append(odd, path)
		}
	})
	for _, path := range odd {
		for _, value := range g.pool.Natural(path) {
			next, ok := w.Apply(explore.Edit{Path: path, Value: value})
			if ok && !g.pool.Odd(path, value) {
				if o := g.subject.Run(g.ctx, next); o.Err == nil && keep(next, o) {
					w = next
					break
				}
			}
		}
	}
	return w
}

func (g *generator) comparePairs(number int, a, b *pair) int {
	name := g.subject.Rules[number].Name
	if a.near == nil || b.near == nil {
		return cmp.Or(cmp.Compare(btoi(a.near == nil), btoi(b.near == nil)), cmp.Compare(g.pool.Weigh(a.world), g.pool.Weigh(b.world)))
	}
	return cmp.Or(
		cmp.Compare(results(a.outcome, name), results(b.outcome, name)),
		cmp.Compare(results(a.near.Outcome, name), results(b.near.Outcome, name)),
		cmp.Compare(changed(a.world, a.near.Edit), changed(b.world, b.near.Edit)),
		cmp.Compare(b.near.Outcome.Depth[number], a.near.Outcome.Depth[number]),
		cmp.Compare(g.oddness(a.world, a.near.Edit), g.oddness(b.world, b.near.Edit)),
		cmp.Compare(g.pool.Weigh(a.world), g.pool.Weigh(b.world)),
	)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// violations are worlds in which a rule holds, and no other of its name where that can be had: the
// smallest, and those that look most like real ones.
func (g *generator) violations(number int) []explore.World {
	holding := g.pool.Holding(number)
	alone := slices.DeleteFunc(slices.Clone(holding), func(f explore.Found) bool { return !g.alone(f.Outcome, number) })
	if len(alone) == 0 && len(holding) > 0 {
		if hosts := g.isolate(number, holding[0].World); len(hosts) > 0 {
			return hosts
		}
		alone = holding
	}
	var out []explore.World
	for _, found := range alone[:min(len(alone), attempts)] {
		out = append(out, found.World)
	}
	slices.SortStableFunc(alone, func(a, b explore.Found) int { return reach(b.Outcome) - reach(a.Outcome) })
	for _, found := range alone[:min(len(alone), attempts)] {
		out = append(out, found.World)
	}
	return out
}

// maxHosts is how many worlds without any violation a rule's own conditions are laid over.
const maxHosts = 60

// isolate lays a minimal violation over worlds that violate nothing.
func (g *generator) isolate(number int, w explore.World) []explore.World {
	core := explore.Minimise(g.ctx, w, func(w explore.World) bool {
		o := g.subject.Run(g.ctx, w)
		return o.Err == nil && o.Held[number]
	})
	return g.overlay(core, func(w explore.World) bool {
		o := g.subject.Run(g.ctx, w)
		return o.Err == nil && o.Held[number] && g.alone(o, number)
	}, 2*attempts)
}

// overlay lays a world over those that violate nothing, the most looked at first.
func (g *generator) overlay(core explore.World, keep func(explore.World) bool, wanted int) []explore.World {
	if g.hosts == nil {
		g.hosts = slices.DeleteFunc(slices.Clone(g.pool.Tried), func(f explore.Found) bool { return f.Outcome.Violates() })
		slices.SortStableFunc(g.hosts, func(a, b explore.Found) int { return reach(b.Outcome) - reach(a.Outcome) })
		g.hosts = g.hosts[:min(len(g.hosts), maxHosts)]
	}
	var out []explore.World
	for _, host := range g.hosts {
		merged, _ := explore.Merge(map[string]any(host.World), map[string]any(core)).(map[string]any)
		if keep(merged) {
			out = append(out, merged)
		}
		if len(out) == wanted {
			break
		}
	}
	return out
}

// reach is how far an evaluation came, over all rules: a world that violates nothing although much of
// the policy looked at it is a good one.
func reach(o *explore.Outcome) int {
	sum := 0
	for _, depth := range o.Depth {
		sum += depth
	}
	return sum
}

// maxNeighbours bounds the search for the closest world.
const maxNeighbours = 300

// nearest is the closest world in which a rule does not hold.
func (g *generator) nearest(number int, w explore.World) *explore.Neighbour {
	name := g.subject.Rules[number].Name
	last := lastCondition(g.subject.Rules[number].Body)
	before := results(g.subject.Run(g.ctx, w), name)
	near := g.pool.Neighbours(g.ctx, w, maxNeighbours)
	near = slices.DeleteFunc(near, func(n explore.Neighbour) bool { return n.Outcome.Held[number] })
	if len(near) == 0 {
		return nil
	}
	best := slices.MinFunc(near, func(a, b explore.Neighbour) int {
		return cmp.Or(
			cmp.Compare(btoi(results(a.Outcome, name) >= before), btoi(results(b.Outcome, name) >= before)),
			cmp.Compare(changed(w, a.Edit), changed(w, b.Edit)),
			cmp.Compare(btoi(g.strange(w, a.Edit)), btoi(g.strange(w, b.Edit))),
			cmp.Compare(btoi(a.Outcome.Depth[number] > last), btoi(b.Outcome.Depth[number] > last)),
			cmp.Compare(b.Outcome.Depth[number], a.Outcome.Depth[number]),
			cmp.Compare(g.oddness(w, a.Edit), g.oddness(w, b.Edit)),
			cmp.Compare(results(a.Outcome, name), results(b.Outcome, name)),
			cmp.Compare(len(a.World.Key()), len(b.World.Key())),
			cmp.Compare(a.World.Key(), b.World.Key()),
		)
	})
	return &best
}

// lastCondition is the index of the last expression that is more than a part of the message.
func lastCondition(body ast.Body) int {
	for i := len(body) - 1; i > 0; i-- {
		if expr := body[i]; !expr.Generated && !strings.Contains(string(expr.Location.Text), ":=") {
			return i
		}
	}
	return 0
}

// strange says that an edit makes another thing of a resource, or a value that nobody would write.
func (g *generator) strange(w explore.World, e explore.Edit) bool {
	key, _ := e.Path[len(e.Path)-1].(string)
	_, isObject := e.Value.(map[string]any)
	old, there := w.At(e.Path)
	_, wasObject := old.(map[string]any)
	return e.Remove && leaves(old) > 0 && !isScalar(old) || key == "kind" || key == "apiVersion" || isObject && (!there || wasObject) || !e.Remove && g.pool.Odd(e.Path, e.Value)
}

// changed counts the values that an edit takes away or brings, beyond the one at its place.
func changed(w explore.World, e explore.Edit) int {
	old, _ := w.At(e.Path)
	before, after := leaves(old), leaves(e.Value)
	return max(before, after, 1)
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

func leaves(value any) int {
	switch value := value.(type) {
	case map[string]any:
		n := 0
		for _, member := range value {
			n += leaves(member)
		}
		return n
	case []any:
		n := 0
		for _, item := range value {
			n += leaves(item)
		}
		return n
	}
	return 1
}

func results(o *explore.Outcome, name string) int {
	value := o.Values[name]
	if value == nil {
		return 0
	}
	switch v := value.Value.(type) {
	case ast.Set:
		return v.Len()
	case *ast.Array:
		return v.Len()
	case ast.Object:
		return v.Len()
	}
	return 1
}

// oddness ranks edits: a value replaced by one of its type, a value removed, a value added, and at
// last one whose type changes, which no person would write.
func (g *generator) oddness(w explore.World, e explore.Edit) int {
	old, there := w.At(e.Path)
	switch {
	case e.Remove:
		return 1
	case !there:
		return 2
	case fmt.Sprintf("%T", old) != fmt.Sprintf("%T", e.Value):
		return 4
	case e.Value == "":
		return 3
	}
	if _, isBool := old.(bool); isBool {
		return 0
	}
	text, isText := e.Value.(string)
	key, _ := e.Path[len(e.Path)-1].(string)
	if isText && (strings.HasSuffix(text, "-other") || text == strings.ToUpper(text) || slices.Contains(g.subject.Words.Strings, text)) && text != explore.Likely(key) {
		return 1
	}
	return 0
}

// describe says what an edit does: `spec.hostNetwork is false`, `metadata.labels is left out`.
func describe(w explore.World, e explore.Edit) string {
	at := short(e.Path)
	if e.Remove {
		return "without " + at
	}
	text := explore.Text(e.Value)
	if s, ok := e.Value.(string); ok {
		text = s
	}
	if len(text) > 60 {
		text = "another value"
	}
	if _, there := w.At(e.Path); !there {
		return fmt.Sprintf("%s is set to %s", at, text)
	}
	if text == "" {
		return at + " is empty"
	}
	return fmt.Sprintf("%s is %s", at, text)
}

// brief is what describe says, for a name: the last fields of the path alone.
func brief(e explore.Edit) string {
	var keys []string
	for _, step := range e.Path {
		if key, ok := step.(string); ok {
			keys = append(keys, key)
		}
	}
	name := strings.Join(keys[max(0, len(keys)-2):], " ")
	if e.Remove {
		return name + " is left out"
	}
	return name + " is " + worth(e.Value)
}

// worth is a value in words.
func worth(value any) string {
	text, isText := value.(string)
	if !isText {
		text = explore.Text(value)
	}
	switch words := slugOf(text); {
	case text == "" || text == "[]" || text == "{}":
		return "empty"
	case text == "*" || text == `["*"]`:
		return "a star"
	case words == "" || len(text) > 32:
		return "set"
	default:
		return words
	}
}

// short is a path from the resource on.
func short(path explore.Path) string {
	if len(path) > 2 && path[0] == "input" && path[1] == "resource" {
		path = path[2:]
	} else if len(path) > 3 && path[0] == "input" && path[1] == "review" && path[2] == "object" {
		path = path[3:]
	} else if len(path) > 1 && path[0] == "input" {
		path = path[1:]
	}
	if first, ok := path[0].(string); ok && len(path) > 0 {
		return explore.Path(append(explore.Path{first}, path[1:]...)).String()
	}
	return path.String()
}

// message is what the first result says.
func message(o *explore.Outcome, name string) string {
	value := o.Values[name]
	if value == nil {
		return ""
	}
	first := value
	if set, ok := value.Value.(ast.Set); ok {
		if set.Len() == 0 {
			return ""
		}
		first = set.Slice()[0]
	}
	if object, ok := first.Value.(ast.Object); ok {
		for _, key := range []string{"message", "msg"} {
			if text := object.Get(ast.StringTerm(key)); text != nil {
				first = text
			}
		}
	}
	if text, ok := first.Value.(ast.String); ok {
		return strings.Join(strings.Fields(string(text)), " ")
	}
	raw, err := ast.JSON(first.Value)
	if err != nil {
		return ""
	}
	encoded, err := json.Marshal(raw)
	if err != nil {
		return ""
	}
	return string(encoded)
}
