// Package recall remembers what constraints said of resources, by the parts of a request that their templates can read
// (docs/adr/0069-what-is-said-again.md). A cluster is asked about the same Pod under another name again and again, and a
// folder repeats itself.
package recall

import (
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/sighting"
	"attest.continuu.ms/engine/internal/virtual"
)

// Bounds of a memory: resources are written by others.
const (
	MostParts  = 6        // that a template reads; one that reads more is asked each time
	Heaviest   = 64 << 10 // bytes of a part, and of what is said of one resource; what is heavier is not remembered
	Deepest    = 1000     // keys of the path to a part
	mostMemory = 12 << 20 // bytes of all that is remembered, of which parts take no more than half
	mostMet    = 1 << 13  // values that were met once, of which no more is known than their hash
	oneOf      = 16       // newcomers takes a place where there is no room
)

// Numbers of what a part is where no more of it counts.
const (
	anObject uint64 = iota + 1
	anArray
	aSet
	absent // and one more for each key that leads somewhere: a finding stands at the last
)

// values are the numbers of values: beyond those of what is absent.
const values = 2 * Deepest

// Memory is what the constraints of a driver said. It is safe for concurrent use. A value is copied when it is met for the
// second time: most are not. Where the memory is full, one of several newcomers takes the place of whatever comes first: of
// requests that come around again, more than it holds, it knows some, and does not copy the others in vain.
type Memory[Said any] struct {
	mu          sync.Mutex
	turnedAway  uint // newcomers for which there was no room
	met         sighting.Marks
	numbers     uint64       // that were given to parts
	parts       map[int]part // by hash; of two values with one hash, the later
	packer      member.Packer
	answers     map[Question]answer[Said]
	partsWeight int
	weight      int // of all
}

// part is a value that a request had, packed, under a number that no other has.
type part struct {
	text   string
	number uint64
	weight int
}

// Question is a constraint with what its template can read of a request.
type Question struct {
	policy string
	parts  [MostParts]uint64
}

// answer is what there is to say. It is not changed any more.
type answer[Said any] struct {
	said   Said
	weight int
}

// number is that of a value; false where it is too heavy, or met for the first time.
func (m *Memory[Said]) number(term *ast.Term) (uint64, bool) {
	hash := term.Hash()
	m.mu.Lock()
	defer m.mu.Unlock()
	if part := m.parts[hash]; part.number > 0 && m.packer.Holds(part.text, term) {
		return part.number, true
	}
	if !m.met.Again(uint64(hash), mostMet) || member.Weight(Heaviest, term) > Heaviest {
		return 0, false
	}
	text, packed := m.packer.Pack(term)
	weight := bytesOfAnEntry + len(text)
	if !packed || !m.admits(weight, true) {
		return 0, false
	}
	return m.add(hash, part{text: string(text), weight: weight}), true
}

// admits says whether something of that weight is to be kept: where there is room, and one time of so many where there is none.
func (m *Memory[Said]) admits(weight int, part bool) bool {
	if m.weight+weight <= mostMemory && (!part || m.partsWeight+weight <= mostMemory/2) {
		return true
	}
	m.turnedAway++
	return m.turnedAway%oneOf == 0
}

// add gives a value a number.
func (m *Memory[Said]) add(hash int, added part) uint64 {
	m.begin()
	m.numbers++
	added.number = values + m.numbers
	change := added.weight - m.parts[hash].weight
	m.parts[hash] = added
	m.partsWeight, m.weight = m.partsWeight+change, m.weight+change
	m.shrink()
	return added.number
}

// begin makes room for the first, and for the first after all was forgotten.
func (m *Memory[Said]) begin() {
	if m.answers == nil {
		m.parts, m.answers = map[int]part{}, map[Question]answer[Said]{}
	}
}

// Recall is what was said; false where that is not known.
func (m *Memory[Said]) Recall(q Question) (said Said, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	one, known := m.answers[q]
	return one.said, known
}

// Remember keeps what was said, of which a copy is made that holds nothing of the resource; `weight` is about what it takes in
// bytes. What is too heavy is not copied.
func (m *Memory[Said]) Remember(q Question, weight int, own func() Said) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if weight > Heaviest || !m.admits(weight, false) {
		return
	}
	a := answer[Said]{own(), bytesOfAnEntry + weight}
	m.begin()
	m.weight += a.weight - m.answers[q].weight
	m.answers[q] = a
	m.shrink()
}

// shrink makes room. What was said of a part that is forgotten is never asked for again, and goes in its turn.
func (m *Memory[Said]) shrink() {
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

// Forget lets all of it go.
func (m *Memory[Said]) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.met, m.parts, m.answers, m.partsWeight, m.weight, m.packer = nil, nil, nil, 0, 0, member.Packer{}
}

// bytesOfAnEntry is about what one takes beside its terms.
const bytesOfAnEntry = 200

// View is a request as a memory sees it: the numbers of its parts, by the index of what is read.
type View[Said any] struct {
	*Memory[Said]
	request *ast.Term
	reads   Reads
	numbers []numbered
	objects bool
}

type numbered struct {
	number uint64
	asked  bool
	vague  bool // it is too heavy, not told apart from others, or new
}

// View looks at a request. With objects, what lies below anything but an object has no number: those who read it are told
// an error, and not that there is nothing.
func (m *Memory[Said]) View(request *ast.Term, reads Reads, objects bool) *View[Said] {
	return &View[Said]{m, request, reads, make([]numbered, len(reads)), objects}
}

// Question is what a template is asked about the request for a policy, where it reads those parts; false where the answer
// is not to be remembered.
func (v *View[Said]) Question(policy string, reads []int) (q Question, ok bool) {
	if v == nil || reads == nil {
		return Question{}, false
	}
	q.policy = policy
	for i, index := range reads {
		n := &v.numbers[index]
		if !n.asked {
			*n = v.look(v.reads[index])
		}
		if n.vague {
			return Question{}, false
		}
		q.parts[i] = n.number
	}
	return q, true
}

func (v *View[Said]) look(read virtual.Read) numbered {
	term := v.request
	for depth, key := range read.Path {
		if _, object := term.Value.(ast.Object); v.objects && !object {
			return numbered{asked: true, vague: true}
		}
		if term = member.At(term, ast.InternedTerm(key)); term == nil {
			return numbered{number: absent + uint64(depth), asked: true}
		}
	}
	if read.Shallow {
		switch term.Value.(type) {
		case ast.Object:
			return numbered{number: anObject, asked: true}
		case *ast.Array:
			return numbered{number: anArray, asked: true}
		case ast.Set:
			return numbered{number: aSet, asked: true}
		}
	}
	number, light := v.number(term)
	return numbered{number, true, !light}
}

// Reads are the parts of a request that the templates of a driver can read.
type Reads []virtual.Read

// index is that of a part, which is added where it is not among them.
func (r *Reads) index(read virtual.Read) int {
	same := func(other virtual.Read) bool {
		return other.Shallow == read.Shallow && slices.Equal(other.Path, read.Path)
	}
	if i := slices.IndexFunc(*r, same); i >= 0 {
		return i
	}
	*r = append(*r, read)
	return len(*r) - 1
}

// Indexes are those of all parts that one template reads; one that reads nothing says the same of everything.
func (r *Reads) Indexes(reads []virtual.Read) []int {
	out := make([]int, len(reads))
	for i, read := range reads {
		out[i] = r.index(read)
	}
	return out
}
