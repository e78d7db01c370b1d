package cel

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apiserver/pkg/admission/plugin/cel"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/member"
)

// memory is what the constraints said, each violation with its path.
type (
	memory = recall.Memory[[]violation]
	view   = recall.View[[]violation]
)

// view is nil where nothing is remembered: on DELETE the object is not where expressions look for it, and who watches wants to
// see everything evaluated.
func (d *Driver) view(r *admission.Request) *view {
	if r.Watch != nil || r.Operation() == string(admissionv1.Delete) || len(d.reads) == 0 {
		return nil
	}
	request := ast.ObjectTerm(terms.Pair(cel.ObjectVarName, r.Judged()), terms.Pair(operation, ast.StringTerm(r.Operation())))
	return d.memory.View(request, d.reads, true)
}

// learn remembers what was said once it is known where all of it stands.
func (d *Driver) learn(question recall.Question, said []violation) {
	left := len(said)
	located := func() {
		if left--; left > 0 {
			return
		}
		weight := 0
		for _, one := range said {
			weight += one.weight()
		}
		d.memory.Remember(question, weight, func() []violation {
			kept := make([]violation, len(said))
			for i, one := range said {
				path, _ := member.OwnJSON(one.path).([]any)
				kept[i] = violation{strings.Clone(one.message), &Violation{path: path}}
			}
			return kept
		})
	}
	if len(said) == 0 {
		located()
	}
	for _, one := range said {
		one.located = located
	}
}

// weight is about what a violation takes in bytes.
func (v violation) weight() int {
	weight := bytesOfAViolation + len(v.message)
	for _, key := range v.path {
		name, _ := key.(string)
		weight += bytesOfAKey + len(name)
	}
	return weight
}

// Close lets go what is remembered; reviews that have begun may end.
func (d *Driver) Close() { d.memory.Forget() }

// What a violation, and a key of its path, take beside their texts, in bytes.
const (
	bytesOfAViolation = 80
	bytesOfAKey       = 16
)
