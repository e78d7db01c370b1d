package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unique"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Batches are sent when they hold this much, or when this much time has passed: large enough that
// framing costs nothing, small enough that progress is seen.
const (
	batchFiles    = 128
	batchFindings = 256
	batchTime     = 100 * time.Millisecond
)

// deliver takes the result of the next file in order.
func (r *run) deliver(f fileResult) bool {
	if offset := len(r.pending.Resources); offset == 0 { // the first, or all of a request: each finding has a resource
		r.pending.Findings = slices.Clip(f.findings)
	} else {
		for _, finding := range f.findings {
			finding.Resource += offset
			r.pending.Findings = append(r.pending.Findings, finding)
		}
	}
	r.pending.Resources = append(r.pending.Resources, f.resources...)
	r.pending.Problems = append(r.pending.Problems, f.problems...)
	r.pending.Problems = append(r.pending.Problems, r.duplicates(f.judged)...)
	r.pending.Skipped = append(r.pending.Skipped, f.skipped...)
	r.pending.Checked = append(r.pending.Checked, f.checked...)
	r.pending.Decisions = append(r.pending.Decisions, f.decisions...)
	r.pending.Files++
	for engine, nanoseconds := range f.spent {
		if r.pending.Spent == nil {
			r.pending.Spent = map[string]int64{}
		}
		r.pending.Spent[engine] += nanoseconds
	}
	r.count(f.judged)
	r.result.Files++
	r.result.Skipped += len(f.skipped)
	if r.due() {
		r.failed = r.flush()
	}
	return r.failed == nil && !(r.params.FailFast && f.ends())
}

// ends says whether the file ends a run that stops at the first finding: that of a patch is a warning, and no reason not to
// look at the rest.
func (f *fileResult) ends() bool {
	return slices.ContainsFunc(f.findings, func(one model.Finding) bool { return f.resources[one.Resource].Fragment == "" })
}

// count adds what a file came to.
func (r *run) count(resources []judged) {
	r.pending.Judged += len(resources)
	r.result.Resources += len(resources)
	for _, j := range resources {
		if len(j.policies)+len(j.constraints) == 0 {
			increment(&r.pending.Unspoken, j.id.Kind)
			r.result.Unspoken++
		}
		for _, names := range [][]string{j.policies, j.constraints} {
			for _, name := range names {
				if r.pending.Asked == nil {
					r.pending.Asked = map[string]map[string]int{}
				}
				kinds := r.pending.Asked[name]
				increment(&kinds, j.id.Kind)
				r.pending.Asked[name] = kinds
			}
		}
	}
}

func increment(counts *map[string]int, name string) {
	if *counts == nil {
		*counts = map[string]int{}
	}
	(*counts)[name]++
}

func (r *run) due() bool {
	return r.pending.Files >= batchFiles || len(r.pending.Findings)+len(r.pending.Decisions) >= batchFindings || time.Since(r.lastFlush) > batchTime
}

func (r *run) flush() error {
	batch := r.pending
	r.pending, r.lastFlush = Batch{}, time.Now()
	if batch.Files == 0 && len(batch.Problems)+len(batch.Skipped) == 0 {
		return nil
	}
	batch.Total = len(r.sources)
	return r.emit(batch)
}

// judged is a resource of a file, to find objects that are defined twice, with the policies that looked at it.
type judged struct {
	id          model.Resource
	file        string
	line        int
	policies    []string // plain ones
	constraints []string
	within      string // the rendering that it comes from
}

// object is what Kubernetes tells objects apart by: an API group's versions show the same ones. Two renderings are for two
// clusters, or two moments of one.
type object struct{ group, kind, namespace, name, within string }

// own is the same object in texts of its own: those of a key may be parts of a file's, which would be held whole.
func (o object) own() object {
	return object{unique.Make(o.group).Value(), unique.Make(o.kind).Value(), unique.Make(o.namespace).Value(), strings.Clone(o.name), o.within}
}

// definition is where an object is defined.
type definition struct {
	file string
	line int
}

// duplicates warns of objects that an earlier file, or the same one, defines too: the cluster keeps
// only the last of them.
func (r *run) duplicates(resources []judged) []model.Problem {
	var problems []model.Problem
	for _, j := range resources {
		if j.id.Name == "" || j.id.Generated || j.id.Fragment != "" {
			continue // every apply makes a new object, and a patch none
		}
		group, _ := j.id.GroupVersion()
		key := object{group, j.id.Kind, j.id.Namespace, j.id.Name, j.within}
		first, taken := r.seen[key]
		if !taken {
			r.seen[key.own()] = definition{j.file, j.line}
			continue
		}
		problems = append(problems, model.Problem{
			Severity: model.Warning, Code: "duplicate_object", File: j.file, Line: j.line, Column: 1, Resource: rego.Name(j.id),
			OtherFile: first.file,
			Message:   fmt.Sprintf("%s is already defined at %s:%d", rego.Name(j.id), first.file, first.line),
			Hint:      "keep one of the two: a cluster would keep whichever is applied last",
		})
	}
	return problems
}
