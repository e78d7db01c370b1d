package locate

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/member"
)

// What expressions said when they were evaluated again is known where they can read nothing else than they did then:
// containers differ in their names and images, but a function that looks for a security context sees a few of them again and
// again.

// answers are what the expressions of a policy said. Where they are too many, all are forgotten: resources are written by
// others.
type answers struct {
	mu     sync.RWMutex
	known  map[uint64]answer // of two questions with one hash, the later
	weight int
}

// Bounds of what is remembered of a policy and of a question, in bytes.
const (
	mostAnswers    = 256 << 10
	heaviestAnswer = 4 << 10
	bytesOfAnswer  = 512
)

// usualParts are as many as most expressions can read.
const usualParts = 8

// question is what expressions can read.
type question struct {
	recipe     *recipe
	chosen     []int
	parameters int // their hash
	hash       uint64
	parts      []seen
	kind       uint64  // the hash of all but the values of parts
	shape      *Sketch // of these values
	sketched   bool
}

// seen is a value, nil where there is none, after so many keys that lead somewhere.
type seen struct {
	value *ast.Term
	depth int
	pin   int // below which it stands, by these keys
	keys  ast.Ref
}

// What stands below no pin.
const (
	resource = -1 - iota // it stands below the resource
	request              // it is another part of the input
	exact                // it is known as it is, and not by its shape
)

// answer is what they said: a candidate for each, by the way from a pin or the resource to it.
type answer struct {
	question
	said []relativeTo
}

type relativeTo struct {
	candidate
	pin  int
	path []any
}

func (k *answers) recall(q *question) ([]relativeTo, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	known, ok := k.known[q.hash]
	return known.said, ok && known.equals(q)
}

func (q *question) equals(other *question) bool {
	return q.recipe == other.recipe && q.parameters == other.parameters && slices.Equal(q.chosen, other.chosen) &&
		slices.EqualFunc(q.parts, other.parts, seen.equals)
}

func (s seen) equals(other seen) bool {
	if s.value == nil || other.value == nil {
		return s.value == other.value && s.depth == other.depth
	}
	return s.depth == other.depth && compiled.Alike(s.value, other.value)
}

func (k *answers) learn(q *question, said []relativeTo) {
	weight := bytesOfAnswer
	for i := range q.parts {
		weight += member.Weight(heaviestAnswer, q.parts[i].value)
	}
	if weight > bytesOfAnswer+heaviestAnswer {
		return
	}
	for i := range q.parts { // the resource itself is not kept
		if q.parts[i].value != nil {
			q.parts[i].value = member.Own(q.parts[i].value)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.weight += weight; k.known == nil || k.weight > mostAnswers {
		k.known, k.weight = map[uint64]answer{}, weight
	}
	k.known[q.hash] = answer{*q, said}
}

func (q *question) add(part seen) {
	q.parts = append(q.parts, part)
	q.hash, q.kind = mixed(q.hash, uint64(part.depth)), mixed(q.kind, uint64(part.depth))
	if part.value == nil {
		return
	}
	hash := uint64(part.value.Hash())
	if q.hash = mixed(q.hash, hash); part.pin == exact {
		q.kind = mixed(q.kind, hash)
	}
}

func mixed(hash, x uint64) uint64 { return (hash ^ x) * 1099511628211 } // wraps around, as hashes do

// sketch is the shape of the parts that are not known exactly; nil where they are too large.
func (q *question) sketch() *Sketch {
	if !q.sketched {
		q.sketched = true
		parts := make([]*ast.Term, len(q.parts))
		for i := range q.parts {
			if q.parts[i].pin != exact {
				parts[i] = q.parts[i].value
			}
		}
		q.shape = sketchOf(parts)
	}
	return q.shape
}

func (q *question) circumstances() circumstances {
	return circumstances{shape: q.sketch().shape, parameters: q.parameters, asked: q.kind}
}

// blamed is the way in the sketch to the place that was named; no way where it holds the parts. It is false where there is no
// one place, or one that is not among the parts.
func (q *question) blamed(found []candidate, said []relativeTo) (path []any, ok bool) {
	if q.sketch() == nil {
		return nil, false
	}
	best := 0
	for i := range found {
		if found[i].better(found[best]) {
			best = i
		}
	}
	for i := range found {
		if found[i].class == found[best].class && found[i].class != nothing && found[i].at != found[best].at {
			return nil, false
		}
	}
	c := &said[best]
	if c.class == nothing {
		return nil, true
	}
	for i := range q.parts {
		if part := &q.parts[i]; part.value != nil && part.pin == c.pin && len(c.path) >= len(part.keys) && leads(part.keys, c.path) {
			return append([]any{strconv.Itoa(i)}, c.path[len(part.keys):]...), true
		}
	}
	return nil, composite(found[best].at.term)
}

// leads says whether a way begins with keys.
func leads(keys ast.Ref, path []any) bool {
	for i, key := range keys {
		if !key.Equal(member.Key(path[i])) {
			return false
		}
	}
	return true
}

// remembered settles what expressions said where that is known: of the same that they can read, or of what has the same
// shape where the entry tells that it must be the same place (recall.go).
func (a *account) remembered(asked *question, pins []pin) bool {
	said, known := a.recall(asked)
	if !known {
		a.recipe.vain.Add(1)
		return false
	}
	found, ok := a.resolve(said, pins)
	if ok {
		a.recipe.vain.Store(0)
		a.hear(asked.chosen, found)
	}
	return ok
}

func (a *account) recall(asked *question) (said []relativeTo, known bool) {
	if asked == nil {
		return nil, false
	}
	if said, known = a.query.Plans.answers.recall(asked); known || asked.sketch() == nil {
		return said, known
	}
	return a.query.Plans.alike.recall(asked.sketch(), asked.circumstances(), a.derivation.Element)
}

func (a *account) remember(asked *question, found []candidate, pins []pin) {
	if asked == nil {
		return
	}
	said, tellable := relative(found, pins)
	if !tellable {
		return
	}
	if path, ok := asked.blamed(found, said); ok {
		a.query.Plans.alike.learn(asked.sketch(), asked.circumstances(), a.derivation.Element, path, said)
	}
	a.query.Plans.answers.learn(asked, said)
}

// question is what the expressions that were chosen can read; nil where that is not known.
func (a *account) question(chosen []int, pins []pin) *question {
	if !a.query.remembers() {
		return nil
	}
	parameters := a.query.circumstances().parameters
	q := &question{recipe: a.recipe, chosen: chosen, parameters: parameters, hash: mixed(a.recipe.number, uint64(parameters)), kind: a.recipe.number}
	q.parts = make([]seen, 0, usualParts)
	for _, i := range chosen {
		if !a.sights[i].known {
			return nil
		}
		q.hash, q.kind = mixed(q.hash, uint64(i)), mixed(q.kind, uint64(i))
		for k := range a.sights[i].input {
			read := &a.sights[i].input[k]
			value, depth := reach(a.query.Input, read.keys)
			value = read.of(value)
			if read.beginnings != nil && value != nil && !value.Equal(ast.InternedEmptyObject) {
				q.sketched = true // which member is asked for depends on texts, not on their shape
			}
			of, keys := a.within(read.keys)
			q.add(seen{value, depth, of, keys})
		}
	}
	for k, p := range pins {
		if p.at == nil {
			q.add(seen{value: p.value, pin: exact})
			continue
		}
		q.add(seen{value: p.at.kind(), depth: p.at.depth, pin: exact})
		for _, i := range chosen {
			for _, path := range a.sights[i].reads[p.name] {
				path = a.keysOf(path)
				value, depth := reach(p.at.term, path)
				q.add(seen{value, depth, k, path})
			}
		}
	}
	return q
}

// within are keys of the input as keys of the resource, where they lead into it.
func (a *account) within(keys ast.Ref) (of int, below ast.Ref) {
	for _, root := range a.query.Roots {
		if len(keys) >= len(root)-1 && slices.EqualFunc(root[1:], keys[:len(root)-1], (*ast.Term).Equal) {
			return resource, keys[len(root)-1:]
		}
	}
	return request, keys
}

// reach is what stands below a value, nil where nothing does, and how many keys lead somewhere.
func reach(t *ast.Term, path ast.Ref) (value *ast.Term, depth int) {
	for i, key := range path {
		next := member.At(t, key)
		if next == nil {
			return nil, i
		}
		t = next
	}
	return t, len(path)
}

// keysOf are keys with the values of variables, as far as they are known.
func (a *account) keysOf(path ast.Ref) ast.Ref {
	for i, key := range path {
		v, isVar := key.Value.(ast.Var)
		if !isVar {
			continue
		}
		value := a.derivation.Value(v)
		if value == nil || !ast.IsScalar(value.Value) {
			return path[:i]
		}
		path = slices.Clone(path)
		path[i] = value
	}
	return path
}

// kind is where a place stands, whatever element of an array it is.
func (n *node) kind() *ast.Term {
	var b strings.Builder
	for _, key := range n.path() {
		name, _ := key.(string) // an index is no name
		b.WriteString("/" + strings.ReplaceAll(name, "/", "//"))
	}
	return ast.StringTerm(b.String())
}

// relative tells candidates by where they stand from the pins; false where one stands elsewhere, in an element of an array.
func relative(found []candidate, pins []pin) (said []relativeTo, ok bool) {
	for _, c := range found {
		r := relativeTo{candidate: c, pin: resource}
		if c.class != nothing {
			r.path = c.at.path()
			for i, p := range pins {
				if p.at != nil && startsWith(r.path, p.at.path()) && (r.pin < 0 || pins[r.pin].at.depth < p.at.depth) {
					r.pin = i
				}
			}
			if r.pin < 0 && c.at.indices > 0 {
				return nil, false
			}
			if r.pin >= 0 {
				r.path = r.path[pins[r.pin].at.depth:]
			}
			r.at, r.path = nil, ownPath(r.path)
		}
		said = append(said, r)
	}
	return said, true
}

// resolve are the candidates of another resource, or of another element; false where it has no such place.
func (a *account) resolve(said []relativeTo, pins []pin) (found []candidate, ok bool) {
	for _, r := range said {
		c := r.candidate
		if c.class != nothing {
			c.at = a.root
			if r.pin >= 0 {
				c.at = pins[r.pin].at
			}
			for _, key := range r.path {
				next := member.At(c.at.term, member.Key(key))
				if next == nil {
					return nil, false
				}
				c.at = c.at.child(key, next)
			}
		}
		found = append(found, c)
	}
	return found, true
}
