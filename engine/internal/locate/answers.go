package locate

import (
	"slices"
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
	mostAnswers    = 1 << 20
	heaviestAnswer = 4 << 10
	bytesOfAnswer  = 512
)

// question is what expressions can read.
type question struct {
	recipe     *recipe
	chosen     []int
	parameters int // their hash
	hash       uint64
	parts      []seen
}

// seen is a value, nil where there is none, after so many keys that lead somewhere.
type seen struct {
	value *ast.Term
	depth int
}

// answer is what they said: a candidate for each, by the way from a pin or, at -1, from the resource to it.
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
		return s == other
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

func (q *question) add(value *ast.Term, depth int) {
	q.parts = append(q.parts, seen{value, depth})
	q.mix(uint64(depth))
	if value != nil {
		q.mix(uint64(value.Hash()))
	}
}

func (q *question) mix(x uint64) { q.hash = (q.hash ^ x) * 1099511628211 } // wraps around, as hashes do

// question is what the expressions that were chosen can read; false where that is not known.
func (a *account) question(chosen []int, pins []pin) (*question, bool) {
	if !a.query.remembers() {
		return nil, false
	}
	q := &question{recipe: a.recipe, chosen: chosen, parameters: a.query.circumstances().parameters, hash: 14695981039346656037}
	q.mix(uint64(q.parameters))
	for _, i := range chosen {
		if !a.sights[i].known {
			return nil, false
		}
		q.mix(uint64(i))
		for _, read := range a.sights[i].input {
			value, depth := reach(a.query.Input, read.keys)
			if read.shallow && value != nil && composite(value) {
				value = ast.InternedEmptyObject
			}
			q.add(value, depth)
		}
	}
	for _, p := range pins {
		if p.at == nil {
			q.add(p.value, 0)
			continue
		}
		q.add(p.at.kind(), p.at.depth)
		for _, i := range chosen {
			for _, path := range a.sights[i].reads[p.name] {
				q.add(reach(p.at.term, a.keysOf(path)))
			}
		}
	}
	return q, true
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
		r := relativeTo{candidate: c, pin: -1}
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
			r.at = nil
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
				next := member.At(c.at.term, keyTerm(key))
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
