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

// Whole is an input document as a policy sees it, with `resource` or `review`, rather than a manifest.
type Whole struct {
	File   string
	Object ast.Object
}

// wholeInputs takes the files that hold an input document out of the paths.
func wholeInputs(paths []string) ([]Whole, []string) {
	var found []Whole
	var others []string
	for _, path := range paths {
		if object := wholeFile(path); object != nil {
			found = append(found, Whole{path, object})
		} else {
			others = append(others, path)
		}
	}
	return found, others
}

// Wholes takes the input documents out of what came with a request.
func Wholes(inputs []check.Text) ([]Whole, []check.Text) {
	var found []Whole
	var others []check.Text
	for _, input := range inputs {
		if object := wholeInput([]byte(input.Text)); object != nil {
			found = append(found, Whole{input.File, object})
		} else {
			others = append(others, input)
		}
	}
	return found, others
}

func wholeFile(path string) ast.Object {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > load.DefaultLimits.DocumentBytes {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return wholeInput(text)
}

// wholeInput reads an input document; nil where the text is none. Whatever is wrong with it then is
// told by whoever reads it as a manifest.
func wholeInput(text []byte) ast.Object {
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
func (w *watcher) wholes(ctx context.Context, documents []Whole) error {
	return EachWhole(ctx, w.set, w.params.Params, documents, w, func() { w.wanted = true }, w.finish)
}

// EachWhole asks the selected plain policies about input documents, with an observer: begin is called
// before, and finish with the answer after, each of them.
func EachWhole(
	ctx context.Context, set *policyset.Set, params check.Params, documents []Whole, observer rego.Observer,
	begin func(), finish func(Whole, []rego.Violation, []model.Problem),
) error {
	if len(documents) == 0 {
		return nil
	}
	timeout := time.Duration(params.Timeout) * time.Millisecond
	if timeout <= 0 {
		timeout = policyset.DefaultTimeout
	}
	evaluator, err := set.Rego.NewEvaluator(ctx, params.Policies, timeout)
	if err != nil {
		return err
	}
	defer evaluator.Close(ctx)
	evaluator.Observe(observer)
	for _, one := range documents {
		begin()
		violations, problems := evaluator.EvaluateInput(ctx, one.Object)
		finish(one, violations, problems)
	}
	return ctx.Err()
}

// finish completes the traces of an input document. It has no manifest to point at: findings are at its
// beginning.
func (w *watcher) finish(document Whole, violations []rego.Violation, problems []model.Problem) {
	at := model.Location{File: document.File, Line: 1, Column: 1, EndLine: 1, EndColumn: 1}
	for _, one := range w.open {
		w.close(one)
		one.File, one.Line, one.Resource = document.File, 1, document.identity()
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
func (d Whole) identity() model.Resource {
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

func (d Whole) text(path string) string {
	value, err := d.Object.Find(ast.MustParseRef("x." + path)[1:])
	if err != nil {
		return ""
	}
	text, _ := value.(ast.String)
	return string(text)
}
