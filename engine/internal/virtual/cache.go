package virtual

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/member"
)

// Kept is what chosen rules came to. It belongs to one goroutine at a time, and must not be used again after an
// evaluation that failed or had an error in a builtin: half of the truth may stand in it.
type Kept struct {
	rules     *Rules
	values    topdown.VirtualCache
	functions map[*ast.Term]bool // which names of functions, as they stand in calls, are chosen ones
	entries   int
	weight    int // bytes
}

// most bounds how many values are kept, so that functions that never see an argument twice don't fill the memory.
const most = 500

// Bounds of what the values may take, in bytes: arguments come from manifests. What is heavier than the heaviest is
// forgotten with the evaluation.
const (
	heaviest   = 8 << 10
	mostWeight = 1 << 20
)

// NewKept keeps the values of rules; nil keeps none.
func NewKept(rules *Rules) *Kept {
	if rules == nil {
		return nil
	}
	return &Kept{rules: rules, values: topdown.NewVirtualCache(), functions: map[*ast.Term]bool{}}
}

// Cache is the cache of one evaluation, backed by what is kept.
func (k *Kept) Cache() topdown.VirtualCache {
	if k == nil {
		return topdown.NewVirtualCache()
	}
	if k.entries > most || k.weight > mostWeight {
		k.values, k.entries, k.weight = topdown.NewVirtualCache(), 0, 0
	}
	return &cache{VirtualCache: topdown.NewVirtualCache(), kept: k}
}

// keeps says whether the key of a value, a reference or the call of a function, belongs to a chosen rule.
func (k *Kept) keeps(key ast.Ref) bool {
	name, isCall := key[0].Value.(ast.Ref)
	if !isCall {
		return k.rules.holds(key)
	}
	chosen, known := k.functions[key[0]]
	if !known {
		chosen = k.rules.holds(name)
		k.functions[key[0]] = chosen
	}
	return chosen
}

// cache is that of one evaluation. Below `with` nothing is kept.
type cache struct {
	topdown.VirtualCache
	kept  *Kept
	depth int
}

func (c *cache) Push() {
	c.depth++
	c.VirtualCache.Push()
}

func (c *cache) Pop() {
	c.depth--
	c.VirtualCache.Pop()
}

func (c *cache) Get(key ast.Ref) (*ast.Term, bool) {
	if c.depth == 0 && c.kept.keeps(key) {
		if value, undefined := c.kept.values.Get(key); value != nil || undefined {
			return value, undefined
		}
	}
	return c.VirtualCache.Get(key)
}

func (c *cache) Put(key ast.Ref, value *ast.Term) {
	if c.depth == 0 && c.kept.keeps(key) && c.kept.takes(key, value) {
		c.kept.values.Put(key, value)
		return
	}
	c.VirtualCache.Put(key, value)
}

// takes says whether a value is light enough to be kept with its arguments, and counts it.
func (k *Kept) takes(key ast.Ref, value *ast.Term) bool {
	weight := member.Weight(heaviest, value)
	weight += member.Weight(heaviest-weight, key[1:]...)
	if weight > heaviest {
		return false
	}
	k.entries++
	k.weight += weight
	return true
}
