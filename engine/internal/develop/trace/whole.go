package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// whole is an input document as a policy sees it, with `resource` or `review`, rather than a manifest.
type whole struct {
	file   string
	object ast.Object
}

// wholeInputs takes the files that hold an input document out of the paths.
func wholeInputs(paths []string) ([]whole, []string) {
	var found []whole
	var others []string
	for _, path := range paths {
		if object := wholeInput(path); object != nil {
			found = append(found, whole{path, object})
		} else {
			others = append(others, path)
		}
	}
	return found, others
}

// wholeInput reads an input document; nil where the file is none. Whatever is wrong with it then is
// told by whoever reads it as a manifest.
func wholeInput(path string) ast.Object {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > load.DefaultLimits.DocumentBytes {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var document map[string]any
	raw, err := yaml.YAMLToJSON(text)
	if err != nil || json.Unmarshal(raw, &document) != nil {
		return nil
	}
	_, hasKind := document["kind"]
	if hasKind || document["resource"] == nil && document["review"] == nil {
		return nil
	}
	value, err := ast.ValueFromReader(bytes.NewReader(raw))
	if err != nil {
		return nil
	}
	object, _ := value.(ast.Object)
	return object
}

// wholes traces the plain policies on input documents.
func (w *watcher) wholes(ctx context.Context, documents []whole) error {
	if len(documents) == 0 {
		return nil
	}
	timeout := time.Duration(w.params.Timeout) * time.Millisecond
	if timeout <= 0 {
		timeout = policyset.DefaultTimeout
	}
	evaluator, err := w.set.Rego.NewEvaluator(ctx, w.params.Policies, timeout)
	if err != nil {
		return err
	}
	defer evaluator.Close(ctx)
	evaluator.Observe(w)
	for _, one := range documents {
		w.wanted = true
		violations, problems := evaluator.EvaluateInput(ctx, one.object)
		w.finish(one, violations, problems)
	}
	return ctx.Err()
}

// finish completes the traces of an input document. It has no manifest to point at: findings are at its
// beginning.
func (w *watcher) finish(document whole, violations []rego.Violation, problems []model.Problem) {
	at := model.Location{File: document.file, Line: 1, Column: 1, EndLine: 1, EndColumn: 1}
	for _, one := range w.open {
		w.close(one)
		one.File, one.Line, one.Resource = document.file, 1, document.identity()
		one.Problems = only(problems, func(p model.Problem) bool { return p.Policy == one.Policy })
		for _, v := range violations {
			if v.Policy.Name == one.Policy {
				one.Findings = append(one.Findings, model.Finding{
					Policy: one.Policy, Engine: one.Engine, Rule: v.Rule, Severity: v.Severity, Enforcement: check.Enforcement(v.Rule),
					Message: v.Message, Location: at, Details: v.Details, Fix: v.Fix,
				})
			}
		}
		w.done = append(w.done, one.Trace)
	}
	w.open = nil
}

// identity is what the document says of the resource, as far as it does.
func (d whole) identity() model.Resource {
	resource := model.Resource{}
	for field, path := range map[*string]string{
		&resource.APIVersion: "apiVersion", &resource.Kind: "kind", &resource.Name: "metadata.name", &resource.Namespace: "metadata.namespace",
	} {
		*field = d.text("resource." + path)
		if *field == "" {
			*field = d.text("review.object." + path)
		}
	}
	return resource
}

func (d whole) text(path string) string {
	value, err := d.object.Find(ast.MustParseRef("x." + path)[1:])
	if err != nil {
		return ""
	}
	text, _ := value.(ast.String)
	return string(text)
}
