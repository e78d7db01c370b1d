package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/external"
	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/virtual"
)

// memory is what the constraints said, each entry with its path.
type memory = recall.Memory[[]found]

// remember keeps what was said, without the evaluation that it came of.
func (e *evaluation) remember() {
	if !e.remembers {
		return
	}
	weight := 0
	for _, one := range e.said {
		weight += member.Weight(recall.Heaviest, one.evidence.entry)
	}
	e.driver.memory.Remember(e.question, weight, func() []found {
		said := make([]found, len(e.said))
		for i, one := range e.said {
			path, _ := member.OwnJSON(one.evidence.path).([]any)
			said[i] = found{strings.Clone(one.message), &Evidence{Details: member.OwnJSON(one.evidence.Details), path: path}}
		}
		return said
	})
}

// view is nil where nothing is remembered: who watches wants to see everything evaluated, and where two evaluators are
// compared, or OPA's is asked, that is what is wanted.
func (d *Driver) view(r *admission.Request, review *ast.Term) *recall.View[[]found] {
	if r.Watch != nil || d.runner.Mode != compiled.Compiled {
		return nil
	}
	return d.memory.View(review, d.reads, false)
}

// learnReads finds what each template can read of a review, where what it says depends on nothing else.
func (d *Driver) learnReads() {
	d.reads = nil
	for _, kind := range d.kinds() {
		t := d.templates[kind]
		t.reads = nil
		if reads, known := t.readsOf(d.compiler); known {
			t.reads = d.reads.Indexes(reads)
		}
	}
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
		case len(read.Path) == 0, len(read.Path) > recall.Deepest:
			return nil, false
		case read.Path[0] == "review":
			reads = append(reads, virtual.Read{Path: read.Path[1:], Shallow: read.Shallow})
		}
	}
	return reads, known && len(reads) <= recall.MostParts
}
