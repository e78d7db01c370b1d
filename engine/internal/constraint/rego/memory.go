package rego

import (
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/external"
	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/virtual"
)

// A cluster is asked about the same Pod under another name again and again, and a folder repeats itself. What a constraint
// said of a resource, and where, is remembered by the parts of the request that its template can read (ADR 0069).

// Bounds of a memory: resources are written by others.
const (
	mostParts  = 6        // that a template reads; one that reads more is asked each time
	heaviest   = 64 << 10 // bytes of a part, and of what is said of one resource; what is heavier is not remembered
	mostMemory = 16 << 20 // bytes of all that is remembered, of which parts take no more than half
)

// Numbers of what a part is where no more of it counts.
const (
	anObject uint64 = iota + 1
	anArray
	aSet
	absent // and one more for each key that leads somewhere: a finding stands at the last
)

// deepest is the longest path of a part; the numbers of values are beyond those of what is absent.
const (
	deepest = 1000
	values  = 2 * deepest
)

// memory is what the constraints of a driver said. It is safe for concurrent use. Where it is full, it forgets whatever
// comes first: of requests that come around again, more than it holds, it still knows some.
type memory struct {
	mu          sync.Mutex
	numbers     uint64       // that were given to parts
	parts       map[int]part // by hash; of two values with one hash, the later
	answers     map[question]answer
	partsWeight int
	weight      int // of all
}

// part is a value that a request had, under a number that no other has.
type part struct {
	term   *ast.Term
	number uint64
	weight int
}

// question is a constraint with what its template can read of a request.
type question struct {
	policy string
	parts  [mostParts]uint64
}

// answer is what there is to say, each with its path. It is not changed any more.
type answer struct {
	said   []found
	weight int
}

// number is that of a value; false where it is too heavy.
func (m *memory) number(term *ast.Term) (uint64, bool) {
	hash := term.Hash()
	if number, known := m.known(hash, term); known {
		return number, true
	}
	weight := member.Weight(heaviest, term)
	if weight > heaviest {
		return 0, false
	}
	return m.add(hash, part{term: member.Own(term), weight: bytesOfAnEntry + weight}), true
}

// known is the number that a value has already.
func (m *memory) known(hash int, term *ast.Term) (uint64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.parts[hash]
	return known.number, known.term != nil && compiled.Alike(known.term, term)
}

// add gives a value a number. Where two find at once that it has none, the later one counts.
func (m *memory) add(hash int, added part) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.parts == nil {
		m.parts, m.answers = map[int]part{}, map[question]answer{}
	}
	m.numbers++
	added.number = values + m.numbers
	change := added.weight - m.parts[hash].weight
	m.parts[hash] = added
	m.partsWeight, m.weight = m.partsWeight+change, m.weight+change
	m.shrink()
	return added.number
}

// recall is what was said; false where that is not known.
func (m *memory) recall(q question) ([]found, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, found := m.answers[q]
	return known.said, found
}

// remember keeps what was said, without the evaluation that it came of.
func (m *memory) remember(q question, said []found) {
	a := answer{weight: bytesOfAnEntry}
	for _, one := range said {
		a.weight += member.Weight(heaviest, one.evidence.entry)
	}
	if a.weight > heaviest {
		return
	}
	a.said = make([]found, len(said))
	for i, one := range said {
		path, _ := member.OwnJSON(one.evidence.path).([]any)
		a.said[i] = found{strings.Clone(one.message), member.OwnJSON(one.details), &Evidence{path: path}}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil {
		m.parts, m.answers = map[int]part{}, map[question]answer{}
	}
	m.weight += a.weight - m.answers[q].weight
	m.answers[q] = a
	m.shrink()
}

// shrink makes room. What was said of a part that is forgotten is never asked for again, and goes in its turn.
func (m *memory) shrink() {
	for hash, one := range m.parts { // in no order
		if m.partsWeight <= mostMemory/2 {
			break
		}
		delete(m.parts, hash)
		m.partsWeight, m.weight = m.partsWeight-one.weight, m.weight-one.weight
	}
	for q, one := range m.answers {
		if m.weight <= mostMemory {
			break
		}
		delete(m.answers, q)
		m.weight -= one.weight
	}
}

// forget lets all of it go.
func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.parts, m.answers, m.partsWeight, m.weight = nil, nil, 0, 0
}

// bytesOfAnEntry is about what one takes beside its terms.
const bytesOfAnEntry = 200

// view is a request as a memory sees it: the numbers of its parts, by the index of what is read.
type view struct {
	*memory
	review  *ast.Term
	numbers []numbered
}

type numbered struct {
	number uint64
	asked  bool
	heavy  bool
}

// view is nil where nothing is remembered: who watches wants to see everything evaluated, and where two evaluators are
// compared, or OPA's is asked, that is what is wanted.
func (d *Driver) view(r *admission.Request, review *ast.Term) *view {
	if r.Watch != nil || d.runner.Mode != compiled.Compiled {
		return nil
	}
	return &view{&d.memory, review, make([]numbered, len(d.reads))}
}

// question is what a template is asked about the request for a policy; false where it is not to be remembered.
func (v *view) question(d *Driver, t *Template, policy string) (q question, ok bool) {
	if v == nil || t.reads == nil {
		return question{}, false
	}
	q.policy = policy
	for i, index := range t.reads {
		n := &v.numbers[index]
		if !n.asked {
			*n = v.look(d.reads[index])
		}
		if n.heavy {
			return question{}, false
		}
		q.parts[i] = n.number
	}
	return q, true
}

func (v *view) look(read virtual.Read) numbered {
	term := v.review
	for depth, key := range read.Path {
		if term = member.At(term, ast.InternedTerm(key)); term == nil {
			return numbered{absent + uint64(depth), true, false}
		}
	}
	if read.Shallow {
		switch term.Value.(type) {
		case ast.Object:
			return numbered{anObject, true, false}
		case *ast.Array:
			return numbered{anArray, true, false}
		case ast.Set:
			return numbered{aSet, true, false}
		}
	}
	number, light := v.number(term)
	return numbered{number, true, !light}
}

// learnReads finds what each template can read of a review, where what it says depends on nothing else.
func (d *Driver) learnReads() {
	d.reads = nil
	for _, kind := range d.kinds() {
		t := d.templates[kind]
		t.reads = nil
		if reads, known := t.readsOf(d.compiler); known {
			t.reads = []int{} // one that reads nothing says the same of everything
			for _, read := range reads {
				t.reads = append(t.reads, d.indexOf(read))
			}
		}
	}
}

func (d *Driver) indexOf(read virtual.Read) int {
	same := func(other virtual.Read) bool {
		return other.Shallow == read.Shallow && slices.Equal(other.Path, read.Path)
	}
	if i := slices.IndexFunc(d.reads, same); i >= 0 {
		return i
	}
	d.reads = append(d.reads, read)
	return len(d.reads) - 1
}

// readsOf are the parts of the review that the template reads; the parameters are those of the constraint.
func (t *Template) readsOf(compiler *ast.Compiler) (reads []virtual.Read, known bool) {
	if len(t.LooksUp()) > 0 {
		return nil, false
	}
	for _, module := range t.modules {
		if builtins.LeadOutside(module, external.Name) {
			return nil, false
		}
	}
	found, known := virtual.ReadsOf(compiler, compiler.GetRulesExact(t.query.ref))
	for _, read := range found {
		switch {
		case len(read.Path) == 0 && read.Shallow, len(read.Path) > 0 && read.Path[0] == "parameters":
		case len(read.Path) == 0, len(read.Path) > deepest:
			return nil, false
		case read.Path[0] == "review":
			reads = append(reads, virtual.Read{Path: read.Path[1:], Shallow: read.Shallow})
		}
	}
	return reads, known && len(reads) <= mostParts
}
