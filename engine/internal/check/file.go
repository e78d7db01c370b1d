package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// fileResult is what one file came to. Findings index the resources of the same result.
type fileResult struct {
	resources []model.Resource
	findings  []model.Finding
	problems  []model.Problem
	skipped   []model.Skipped
	checked   []Checked
	judged    []judged
	decisions []Decision
	spent     map[string]int64
	current   *load.Document // the one that the last of resources belongs to
	secrets   []string
	asked     *builtins.Asked // whether a policy asked the clock, chance or hosts
}

// worker makes the function that judges one file; each goroutine has its own evaluator.
func (r *run) worker() func(int) fileResult {
	evaluator, err := r.evaluator()
	log := &recorder{}
	watcher := r.watcher(log)
	return func(i int) (out fileResult) {
		source := r.sources[i]
		defer func() {
			// A panic below is a bug of ours: it costs this file its verdict, not the run.
			if p := recover(); p != nil {
				out = failedFile(source, fmt.Sprint(p))
				evaluator, err = r.evaluator() // what the panic left of the other is unknown
			}
		}()
		if err != nil {
			return failedFile(source, err.Error())
		}
		out = r.orKnown(evaluator, source, func(source load.Source) fileResult {
			out := r.file(evaluator, watcher, i, source)
			out.decisions = log.take()
			out.conceal()
			return out
		})
		for j := range out.judged {
			out.judged[j].within = r.params.Within[source.Path]
		}
		return out
	}
}

// file judges all that a source holds.
func (r *run) file(evaluator *rego.Evaluator, watcher Watcher, i int, source load.Source) fileResult {
	file := r.read(i, source)
	defer file.Release()
	out := fileResult{problems: file.Problems, skipped: file.Skipped, asked: &builtins.Asked{}}
	for _, document := range file.Documents {
		if r.ctx.Err() != nil {
			break
		}
		document.Resource.Fragment = r.patches.Of(source, document)
		if reason := r.rendered(source); reason != "" && r.patches.IsPart(source, document) {
			out.skipped = append(out.skipped, model.Skipped{File: document.File, Line: document.Line, Reason: reason})
			continue
		}
		r.judge(evaluator, watcher, document, &out)
	}
	return out
}

// rendered says where the patches of a source are judged as a part of what they make; "" where they are not.
func (r *run) rendered(source load.Source) string {
	for _, one := range r.params.Rendered {
		if source.Real != "" && one.Path == source.Real {
			return one.Reason
		}
	}
	return ""
}

// watcher is what observes a worker: the debug log, or what the caller gave; nil for none.
func (r *run) watcher(log *recorder) Watcher {
	if r.params.Watch != nil {
		return r.params.Watch()
	}
	if r.params.Debug {
		return log
	}
	return nil
}

func failedFile(source load.Source, message string) fileResult {
	return fileResult{problems: []model.Problem{{
		Severity: model.Error, Code: "engine_internal", File: source.Path, Line: 1,
		Message: "the engine failed on this file: " + message, Hint: "please report this file",
	}}}
}

func (r *run) judge(evaluator *rego.Evaluator, watcher Watcher, document *load.Document, out *fileResult) {
	r.placeIn(document)
	id := document.Resource
	findings, problems := len(out.findings), len(out.problems)
	if watcher != nil {
		watcher.Document(document)
	}
	var judgedBy []string
	r.timed(out, rego.Engine, func() { r.policies(evaluator, watcher, document, out) })
	r.timed(out, gatekeeper.Engine, func() { judgedBy = r.constraints(document, watcher, out) })
	if watcher != nil {
		watcher.Judged(Judged{document, out.findings[findings:], out.problems[problems:], judgedBy})
	}
	policies := evaluator.Policies(id)
	out.judged = append(out.judged, judged{id: id, file: document.File, line: document.Line, policies: policies, constraints: judgedBy})
	if r.params.Checked {
		out.checked = append(out.checked, Checked{id, document.File, document.Line, slices.Concat(policies, judgedBy)})
	}
}

// timed does a part of the work, and measures it where that is asked for.
func (r *run) timed(out *fileResult, engine string, work func()) {
	if !r.params.Timed {
		work()
		return
	}
	began := time.Now()
	work()
	if out.spent == nil {
		out.spent = map[string]int64{}
	}
	out.spent[engine] += time.Since(began).Nanoseconds()
}

// policies asks the plain policies about a document.
func (r *run) policies(evaluator *rego.Evaluator, watcher Watcher, document *load.Document, out *fileResult) {
	id := document.Resource
	in := rego.Input{Resource: document.Term, Identity: id, Operation: r.params.Operation, User: r.user, Namespace: r.namespaceOf(id.Namespace), Schema: r.misfits(document)}
	r.asReviewed(&in)
	if watcher != nil {
		evaluator.Observe(watcher)
	}
	violations, problems := evaluator.Evaluate(out.asked.Within(r.ctx), in)
	for i := range problems {
		if problems[i].File == "" {
			problems[i].File, problems[i].Line = document.File, document.Line
		}
	}
	out.problems = append(out.problems, problems...)
	if len(violations) > 0 {
		r.add(out, evaluator, document, violations)
	}
}

// placeIn gives a namespaced resource without a namespace the one that the user named, as
// `kubectl apply --namespace` does.
func (r *run) placeIn(document *load.Document) {
	if r.params.Namespace == "" || !rego.Namespaced(document.Resource) || document.Resource.Namespace != "" {
		return
	}
	document.Resource.Namespace = r.params.Namespace
	object, ok := document.Term.Value.(ast.Object)
	if !ok {
		return
	}
	metadata := ast.NewObject()
	key := ast.InternedTerm("metadata")
	if old := object.Get(key); old != nil {
		if m, ok := old.Value.(ast.Object); ok {
			m.Foreach(metadata.Insert)
		}
	}
	metadata.Insert(ast.InternedTerm("namespace"), ast.StringTerm(r.params.Namespace))
	placed := ast.NewObject()
	object.Foreach(placed.Insert)
	placed.Insert(key, ast.NewTerm(metadata))
	document.Term = ast.NewTerm(placed)
}

// resource is the index of the document's resource in the result, added if need be.
func (f *fileResult) resource(document *load.Document) int {
	if f.current != document {
		f.current = document
		f.resources = append(f.resources, document.Resource)
	}
	return len(f.resources) - 1
}

func (r *run) add(f *fileResult, evaluator *rego.Evaluator, document *load.Document, violations []rego.Violation) {
	resource := f.resource(document)
	paths := evaluator.Locate(r.ctx, violations, document.Term)
	for i, v := range violations {
		f.remember(v.Details, document.Term, paths[i])
		location, details := r.place(document, v.Details, paths[i])
		f.findings = append(f.findings, model.Finding{
			Policy: v.Policy.Name, Engine: rego.Engine, Rule: v.Rule, Severity: v.Severity, Enforcement: Enforcement(v.Rule),
			Message: v.Message, Resource: resource, Location: location, Details: details,
			Fix: v.Fix,
		})
	}
}

// place is where a finding stands, and its details. On a line of a longer text (`line` in the details) these say `within`
// which span: what reports mask where it is a secret.
func (r *run) place(document *load.Document, details map[string]any, path []any) (model.Location, map[string]any) {
	whole := r.whole(document, path)
	line, stated := lineOf(details)
	if !stated {
		return whole, details
	}
	out := maps.Clone(details)
	delete(out, "line") // it was said where to look, not what
	if r.review != nil {
		return whole, out
	}
	at, found := document.LocateLine(path, line)
	if !found {
		return whole, out
	}
	out["within"] = []any{whole.Line, whole.Column, whole.EndLine, whole.EndColumn}
	return at, out
}

// whole is the place of a field. The lines of a request are those of nobody's file, and are not looked for.
func (r *run) whole(document *load.Document, path []any) model.Location {
	if r.review != nil {
		return document.Point(path)
	}
	return document.Locate(path)
}

// lineOf is the line of a text that a rule names beside its path; 0 stands for the whole text.
func lineOf(details map[string]any) (int, bool) {
	number, ok := details["line"].(json.Number)
	if !ok {
		return 0, false
	}
	line, err := strconv.Atoi(number.String())
	return line, err == nil
}

// Enforcement is what a rule's name says of it; configuration may lower it further.
func Enforcement(rule string) string {
	if rule == "warn" {
		return "warn"
	}
	return "strict"
}
