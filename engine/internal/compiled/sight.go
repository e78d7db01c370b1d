package compiled

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/sighting"
)

// sight is what a rule can see, itself or through what it uses. It says how long its value stays true.
type sight int

const (
	seesArguments  sight = iota // nothing but the arguments: the value is kept for good
	seesParameters              // input.parameters besides: kept for these parameters
	seesMore                    // the resource, data, the time: kept for one evaluation
)

func (u *unit) sees(what sight) { u.sight = max(u.sight, what) }

// farthest is what a document can see. It is asked for once all documents are compiled.
func (d *document) farthest() sight {
	if !d.looked {
		d.looked = true
		for _, used := range d.uses {
			d.sight = max(d.sight, used.farthest())
		}
	}
	return d.sight
}

// parametersKey is the field of the input that is the same for one resource after another.
var parametersKey = ast.StringTerm("parameters")

// seeInput notes which part of the input a reference reads.
func (u *unit) seeInput(r ast.Ref) {
	if len(r) > 1 && r[1].Equal(parametersKey) {
		u.sees(seesParameters)
		return
	}
	u.sees(seesMore)
}

// whole says whether a term is the input as a whole.
func whole(t *ast.Term) bool {
	r, isRef := t.Value.(ast.Ref)
	return isRef && len(r) == 1 && r[0].Equal(ast.InputRootDocument)
}

// dated says whether a builtin looks at the clock.
func dated(decl *ast.Builtin) bool {
	return decl.IsNondeterministic() || strings.HasPrefix(decl.Name, "crypto.x509.")
}

// getsParameters recognises `object.get(x, "parameters", …)` where x is the input: libraries read their parameters so.
func (u *unit) getsParameters(name string, args []*ast.Term, s *scope) bool {
	if name != ast.ObjectGet.Name || len(args) != 3 || !args[1].Equal(parametersKey) || !ast.IsConstant(args[2].Value) {
		return false
	}
	v, isVar := args[0].Value.(ast.Var)
	return isVar && s.inputs[v]
}

// lasting holds values that stay true from one evaluation to the next.
type lasting struct {
	docs   []*ast.Term
	memos  []memo
	calls  sighting.Marks
	size   int
	weight int // bytes
}

// mostKept bounds how many values are kept, so that functions that never see an argument twice don't fill the memory.
const mostKept = 500

// mostParameters bounds for how many parameters values are kept.
const mostParameters = 500

// Bounds of what the values kept may take, in bytes: arguments come from manifests. What is heavier than the heaviest, a container
// say, is forgotten with the evaluation: to copy it, to compare it, and to go through the copy whenever garbage is looked for takes
// longer than to evaluate most functions again.
const (
	heaviest   = 512
	mostWeight = 8 << 20
)

func (m *Machine) fit(k *lasting) {
	if p := m.program; k.size > mostKept || len(k.docs) < p.docs {
		m.kept -= k.weight
		*k = lasting{docs: make([]*ast.Term, p.docs), memos: make([]memo, p.docs), calls: k.calls}
	}
}

// mostMet bounds how many calls are known to have come before: about as many as are kept, since one that comes again later would
// have been forgotten meanwhile.
const mostMet = 1 << 9

// met says whether a call came before, not long ago. It is kept the second time: a function of the containers of each resource
// hardly ever sees an argument of another resource again.
func (k *lasting) met(d *document, hash uint64) bool {
	return k.calls.Again(hash*31+uint64(d.id), mostMet)
}

// keeps says whether a call, its arguments and value, is light enough to be kept, and counts it.
func (m *Machine) keeps(k *lasting, call []*ast.Term) bool {
	weight := member.Weight(heaviest, call...)
	if weight > heaviest {
		return false
	}
	k.size++
	k.weight += weight
	m.kept += weight
	return true
}

// forget drops all that is kept.
func (m *Machine) forget() {
	m.always, m.kept = &lasting{}, 0
	clear(m.byParameters)
}

// keepFor finds what was kept for the parameters of an input.
func (m *Machine) keepFor(input *ast.Term) {
	if m.kept > mostWeight {
		m.forget()
	}
	m.fit(m.always)
	var key *ast.Term
	if input != nil {
		if object, isObject := input.Value.(ast.Object); isObject {
			key = object.Get(parametersKey)
		}
	}
	k := m.byParameters[key]
	if k == nil {
		if len(m.byParameters) >= mostParameters {
			m.forget()
			m.fit(m.always)
		}
		k = &lasting{}
		m.byParameters[key] = k
	}
	m.fit(k)
	m.current = k
}

// memo is where calls of a function are remembered; kept is nil where they are forgotten with the evaluation.
func (m *Machine) memo(d *document) (calls *memo, kept *lasting) {
	if m.layer == &m.bottom && d.sight < seesMore {
		k := m.current
		if d.sight == seesArguments {
			k = m.always
		}
		return &k.memos[d.id], k
	}
	return &m.layer.memos[d.id], nil
}

// value is where the value of a document is remembered.
func (m *Machine) value(d *document) **ast.Term {
	if m.layer == &m.bottom {
		switch d.sight {
		case seesArguments:
			return &m.always.docs[d.id]
		case seesParameters:
			return &m.current.docs[d.id]
		}
	}
	return &m.layer.docs[d.id]
}
