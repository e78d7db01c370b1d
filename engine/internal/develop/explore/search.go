package explore

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// Found is a world with what it came to.
type Found struct {
	World   World
	Outcome *Outcome
	Size    int // what Weigh says of the world
}

// Pool is what a search has gathered: every world that did something no other had done, and all that
// were tried, for those who look for something else later.
type Pool struct {
	Subject *Subject
	Corpus  []Found // in the order of discovery
	Tried   []Found // every world, bounded by maxTried
	known   map[feature]int
	seen    map[uint64]bool // digests of the worlds that were tried: their texts are large, and many
	shapes  map[string]bool
	types   map[string]string
	Failed  int   // how many evaluations failed
	Failure error // the first failure

	edited, spliced map[int]bool // worlds of the corpus that had their turn

	treasures []string // texts of worlds that did something new
	roots     []Edit   // what worlds have beside the input
}

// maxFailed is how many evaluations may fail before a search gives up: those that are stopped for their
// time cost it all.
const maxFailed = 40

const maxTried = 24000

func (p *Pool) remember(found Found) {
	if len(p.Tried) < maxTried {
		p.Tried = append(p.Tried, found)
	}
}

// Search explores a policy from seeds until nothing new is found or so many worlds have been tried.
// It is deterministic: nothing in it depends on time or chance.
func Search(ctx context.Context, s *Subject, seeds []World, budget int) *Pool {
	p := &Pool{
		Subject: s, known: map[feature]int{}, seen: map[uint64]bool{}, types: map[string]string{}, shapes: map[string]bool{},
		edited: map[int]bool{}, spliced: map[int]bool{},
	}
	for _, seed := range seeds {
		p.learn(seed)
		p.stock(seed)
	}
	for _, seed := range seeds {
		if ctx.Err() == nil && !p.Exhausted() {
			p.Try(ctx, seed)
		}
	}
	p.GoOn(ctx, budget)
	return p
}

// GoOn continues a search until nothing new is found or so many worlds have been tried in all.
func (p *Pool) GoOn(ctx context.Context, budget int) {
	s := p.Subject
	for turn := 0; len(p.seen) < budget && ctx.Err() == nil && !p.Exhausted(); turn++ {
		i := -1
		if turn%3 < 2 {
			i = p.pick(p.edited, turn%2 == 1)
		}
		if i >= 0 {
			w := p.Corpus[i].World
			for _, edits := range [][]Edit{s.Hints(ctx, w), s.parameterEdits(w), havoc(w, s.Words)} {
				p.tryAll(ctx, w, edits, budget)
			}
		} else if i := p.pick(p.spliced, turn%2 == 1); i >= 0 {
			p.tryAll(ctx, p.Corpus[i].World, p.splices(p.Corpus[i].World), budget)
		} else if len(p.edited) == len(p.Corpus) {
			break
		}
	}
	p.pursue(ctx, budget)
}

// pick takes a world of the corpus that has not had its turn: the first, or the last, which came far.
// It returns -1 where all have.
func (p *Pool) pick(had map[int]bool, newest bool) int {
	for i := range p.Corpus {
		if newest {
			i = len(p.Corpus) - 1 - i
		}
		if !had[i] {
			had[i] = true
			return i
		}
	}
	return -1
}

// Exhausted says that evaluations are too slow for more of them.
func (p *Pool) Exhausted() bool { return p.Failed >= maxFailed && topdown.IsCancel(p.Failure) }

func (p *Pool) tryAll(ctx context.Context, w World, edits []Edit, budget int) {
	for _, e := range edits {
		if len(p.seen) >= budget || ctx.Err() != nil || p.Exhausted() {
			return
		}
		if changed, ok := w.Apply(e); ok && !p.Subject.settled(e.Path) {
			p.Try(ctx, changed)
		}
	}
}

// digests tell worlds apart. That two of a search have the same one does not happen.
var digests = maphash.MakeSeed()

// settled says that a place is not for a search to change.
func (s *Subject) settled(path Path) bool {
	return s.Fixed != nil && len(path) > 1 && path[1] == "parameters"
}

// Try evaluates a world, and keeps it where it does something new, or does it with less.
func (p *Pool) Try(ctx context.Context, w World) {
	key := maphash.String(digests, w.Key())
	if p.seen[key] {
		return
	}
	p.seen[key] = true
	found := Found{w, p.Subject.Run(ctx, w), p.Weigh(w)}
	if err := found.Outcome.Err; err != nil {
		p.Failed++
		if p.Failure == nil {
			p.Failure = err
		}
		return
	}
	p.remember(found)
	fresh := false
	for _, f := range found.Outcome.features {
		if size, known := p.known[f]; !known || f.op == 'x' && found.Size < size*2/3 {
			p.known[f] = found.Size
			fresh = true
		}
	}
	found.Outcome.features = nil // they have been learned
	if shape := found.Outcome.Shape(); !p.shapes[shape] && len(p.shapes) < maxShapes {
		p.shapes[shape] = true
		fresh = true
	}
	if fresh {
		p.Corpus = append(p.Corpus, found)
		p.stock(w)
		p.treasure(w)
	}
}

// maxShapes bounds how many combinations of rules are followed.
const maxShapes = 400

// Shape tells outcomes apart by how far each rule of the policy came.
func (o *Outcome) Shape() string {
	out := make([]byte, 0, 2*len(o.Held))
	for i, depth := range o.Depth {
		held := byte('-')
		if o.Held[i] {
			held = '+'
		}
		out = append(out, held, byte(depth))
	}
	return string(out)
}

// Holding lists the worlds in which a rule holds, the smallest first.
func (p *Pool) Holding(rule int) []Found {
	var out []Found
	for _, found := range p.Tried {
		if found.Outcome.Held[rule] {
			out = append(out, found)
		}
	}
	slices.SortStableFunc(out, func(a, b Found) int { return a.Size - b.Size })
	return out
}

// Depth is how many conditions of a rule held in the world that came nearest, and that world.
func (p *Pool) Depth(rule int) (int, World) {
	best, where := -1, World(nil)
	for _, found := range p.Tried {
		if found.Outcome.Depth[rule] > best {
			best, where = found.Outcome.Depth[rule], found.World
		}
	}
	return best, where
}

// maxHavoc bounds the edits that are made without a reason.
const maxHavoc = 160

// havoc are edits that follow from the world alone: something less, or another value of the kind.
func havoc(w World, words *Words) []Edit {
	var out []Edit
	w.Walk(func(path Path, value any) {
		if len(path) < 2 || len(out) >= maxHavoc {
			return
		}
		out = append(out, Edit{Path: path, Remove: true})
		for _, other := range Others(value) {
			out = append(out, Edit{Path: path, Value: other})
		}
		if text, ok := value.(string); ok && len(text) > 0 {
			if key, named := path[len(path)-1].(string); named && Likely(key) != text {
				out = append(out, Edit{Path: path, Value: Likely(key)})
			}
			for _, word := range words.Strings[:min(len(words.Strings), 16)] {
				out = append(out, Edit{Path: path, Value: word})
			}
		}
	})
	return out[:min(len(out), maxHavoc)]
}

// Others are values near a value, of the same type.
func Others(value any) []any {
	switch value := value.(type) {
	case bool:
		return []any{!value}
	case json.Number:
		if n, err := value.Int64(); err == nil {
			return []any{number(int(n) + 1), number(int(n) - 1), number(0)}
		}
	case string:
		out := []any{""}
		if at := strings.LastIndexAny(value, ":@"); at > 0 {
			out = append(out, value[:at])
		}
		return append(out, value+"-other", strings.ToUpper(value))
	case []any:
		if len(value) > 0 {
			return []any{append(slices.Clone(value), value[len(value)-1])}
		}
	case nil:
		return []any{"example"}
	}
	return nil
}

// parameterEdits try each parameter that the METADATA of the policy declares.
func (s *Subject) parameterEdits(w World) []Edit {
	if s.Fixed != nil {
		return nil
	}
	properties, _ := s.Policy.Parameters["properties"].(map[string]any)
	var out []Edit
	for _, name := range keysOf(properties) {
		schema, _ := properties[name].(map[string]any)
		path := Path{"input", "parameters", name}
		for _, value := range parameterValues(schema) {
			out = append(out, Edit{Path: path, Value: value})
		}
	}
	return out
}

func parameterValues(schema map[string]any) []any {
	if values, ok := schema["enum"].([]any); ok {
		return values
	}
	kinds, _ := schema["type"].([]any)
	if kind, ok := schema["type"].(string); ok {
		kinds = []any{kind}
	}
	var out []any
	for _, kind := range kinds {
		switch kind {
		case "boolean":
			out = append(out, false, true)
		case "string":
			out = append(out, "example", "1", "1Gi")
		case "integer", "number":
			out = append(out, number(1), number(3), number(0))
		case "array":
			out = append(out, []any{}, []any{"example"})
		case "object":
			out = append(out, map[string]any{})
		}
	}
	return out
}
