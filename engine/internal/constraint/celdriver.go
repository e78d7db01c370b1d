package constraint

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"github.com/open-policy-agent/opa/v1/storage"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

var _ drivers.Driver = &celDriver{}

// celDriver evaluates the CEL of templates as Gatekeeper's own driver does, with the same compiler and
// programs of Kubernetes. That driver converts the request anew for every expression list of every
// constraint, which costs ten times what the expressions do, and words failures like violations; this one
// converts it once, and tells the two apart.
type celDriver struct {
	templates map[string]*celTemplate // by kind
	compiled  map[string]celCompiled  // the same, until they are added
	locate    func(kind string, path ...any) (file string, line, column int)
}

// Name is that of Gatekeeper's CEL driver, which this one stands in for.
func (d *celDriver) Name() string { return schema.Name }

// AddTemplate compiles the template.
func (d *celDriver) AddTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	kind := ct.Spec.CRD.Spec.Names.Kind
	ready, known := d.compiled[kind]
	if delete(d.compiled, kind); !known {
		ready.template, ready.err = compileCEL(ct)
	}
	if ready.err != nil {
		return ready.err
	}
	d.templates[kind] = ready.template
	return nil
}

// RemoveTemplate forgets a template.
func (d *celDriver) RemoveTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	delete(d.templates, ct.Spec.CRD.Spec.Names.Kind)
	return nil
}

// AddConstraint has nothing to prepare: expressions read the constraint itself.
func (d *celDriver) AddConstraint(context.Context, *unstructured.Unstructured) error { return nil }

// RemoveConstraint has nothing to undo.
func (d *celDriver) RemoveConstraint(context.Context, *unstructured.Unstructured) error { return nil }

// AddData does nothing: CEL sees no inventory.
func (d *celDriver) AddData(context.Context, string, storage.Path, any) error { return nil }

// RemoveData does nothing.
func (d *celDriver) RemoveData(context.Context, string, storage.Path) error { return nil }

// Dump is not offered.
func (d *celDriver) Dump(context.Context) (string, error) { return "", nil }

// GetDescriptionForStat knows no statistics.
func (d *celDriver) GetDescriptionForStat(name string) (string, error) {
	return "", fmt.Errorf("unknown statistic `%s`", name)
}

// Query evaluates constraints against a request; what can't be evaluated becomes a problem of it.
func (d *celDriver) Query(ctx context.Context, _ string, constraints []*unstructured.Unstructured, review any, _ ...reviews.ReviewOpt) (*drivers.QueryResponse, error) {
	r, ours := review.(*request)
	if !ours {
		return nil, fmt.Errorf("unexpected review of type %T", review)
	}
	input, err := newCELInput(r)
	if err != nil {
		return nil, err
	}
	response := &drivers.QueryResponse{}
	for _, c := range constraints {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e := &celEvaluation{template: d.templates[c.GetKind()], input: input.with(c.Object)}
		for _, message := range e.run() {
			response.Results = append(response.Results, &types.Result{Msg: message, Constraint: c})
		}
		for _, failure := range e.failures {
			r.problems = append(r.problems, d.problem(c, e.template, failure))
		}
	}
	return response, nil
}

// problem is an evaluation that failed. A template whose failure policy is to ignore that gets a
// warning, for a cluster admits the resource.
func (d *celDriver) problem(c *unstructured.Unstructured, t *celTemplate, f celError) model.Problem {
	p := model.Problem{Severity: model.Error, Code: "cel_error", Policy: policyName(c), Message: model.OneLine(f.detail)}
	p.Hint = "guard the access with `has(…)`"
	if strings.Contains(f.detail, errBudget.Error()) {
		p.Hint = "make the expression cheaper, or bound what it goes through"
	}
	if t.ignore {
		p.Severity, p.Hint = model.Warning, "the template's `failurePolicy: Ignore` admits the resource"
	}
	p.File, p.Line, p.Column = d.locate(c.GetKind(), f.path...)
	return p
}

// celLocation is the place of something below the `source` of a template's CEL.
func (s *Set) celLocation(kind string, path ...any) (file string, line, column int) {
	t := s.templates[kind]
	l := t.origin.at(append(celSource(t), path...)...)
	return t.origin.File, l.Line, l.Column
}
