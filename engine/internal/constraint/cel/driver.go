// Package cel is the driver of the constraint framework for templates in CEL: it compiles them, and evaluates them within
// Kubernetes' limits of cost (docs/adr/0017-own-cel-driver.md).
package cel

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"github.com/open-policy-agent/opa/v1/storage"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/model"
)

var _ drivers.Driver = &Driver{}

// Driver evaluates the CEL of templates as Gatekeeper's own driver does, with the same compiler and
// programs of Kubernetes. That driver converts the request anew for every expression list of every
// constraint, which costs ten times what the expressions do, and words failures like violations; this one
// converts it once, and tells the two apart.
type Driver struct {
	templates map[string]*template // by kind
	compiled  map[string]ready     // the same, until they are added
	locate    func(kind string, path ...any) (file string, line, column int)
	lasting   map[string]*lasting // by policy name
	reads     recall.Reads        // what templates read of a request
	memory    memory
}

// New knows no template yet; locate tells where in its file a template's `source` has something.
func New(locate func(kind string, path ...any) (file string, line, column int)) *Driver {
	return &Driver{templates: map[string]*template{}, compiled: map[string]ready{}, lasting: map[string]*lasting{}, locate: locate}
}

// Name is that of Gatekeeper's CEL driver, which this one stands in for.
func (d *Driver) Name() string { return schema.Name }

// AddTemplate compiles the template.
func (d *Driver) AddTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	kind := ct.Spec.CRD.Spec.Names.Kind
	ready, known := d.compiled[kind]
	if delete(d.compiled, kind); !known {
		ready.template, ready.err = compile(ct)
	}
	if ready.err != nil {
		return ready.err
	}
	d.templates[kind] = ready.template
	if ready.template.told {
		ready.template.asks = d.reads.Indexes(ready.template.reads)
	}
	return nil
}

// RemoveTemplate forgets a template.
func (d *Driver) RemoveTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	delete(d.templates, ct.Spec.CRD.Spec.Names.Kind)
	return nil
}

// AddConstraint has nothing to prepare: expressions read the constraint itself. What they find is kept from one request to the
// next.
func (d *Driver) AddConstraint(_ context.Context, constraint *unstructured.Unstructured) error {
	d.lasting[gatekeeper.PolicyName(constraint)] = &lasting{}
	return nil
}

// RemoveConstraint forgets a constraint.
func (d *Driver) RemoveConstraint(_ context.Context, constraint *unstructured.Unstructured) error {
	delete(d.lasting, gatekeeper.PolicyName(constraint))
	return nil
}

// AddData does nothing: CEL sees no inventory.
func (d *Driver) AddData(context.Context, string, storage.Path, any) error { return nil }

// RemoveData does nothing.
func (d *Driver) RemoveData(context.Context, string, storage.Path) error { return nil }

// Dump is not offered.
func (d *Driver) Dump(context.Context) (string, error) { return "", nil }

// GetDescriptionForStat knows no statistics.
func (d *Driver) GetDescriptionForStat(name string) (string, error) {
	return "", fmt.Errorf("unknown statistic `%s`", name)
}

// Query evaluates constraints against a request; what can't be evaluated becomes a problem of it.
func (d *Driver) Query(ctx context.Context, _ string, constraints []*unstructured.Unstructured, review any, _ ...reviews.ReviewOpt) (*drivers.QueryResponse, error) {
	r, ours := review.(*admission.Request)
	if !ours {
		return nil, fmt.Errorf("unexpected review of type %T", review)
	}
	response, seen := &drivers.QueryResponse{}, d.view(r)
	input := sync.OnceValues(func() (*input, error) { return newInput(r) })
	for _, c := range constraints {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said, failures, err := d.ask(c, input, seen)
		if err != nil {
			return nil, err
		}
		results := make([]types.Result, len(said))
		for i, v := range said {
			results[i].Msg, results[i].Constraint = v.message, c
			r.Prove(&results[i], v.Violation)
			response.Results = append(response.Results, &results[i])
		}
		for _, failure := range failures {
			r.Problems = append(r.Problems, d.problem(c, d.templates[c.GetKind()], failure))
		}
	}
	return response, nil
}

// ask is what a constraint says of a request. Where it is remembered, the request need not be converted.
func (d *Driver) ask(c *unstructured.Unstructured, input func() (*input, error), seen *view) ([]violation, []Error, error) {
	t := d.templates[c.GetKind()]
	question, remembers := seen.Question(gatekeeper.PolicyName(c), t.asks)
	if remembers {
		if said, known := d.memory.Recall(question); known {
			return said, nil, nil
		}
	}
	in, err := input()
	if err != nil {
		return nil, nil, err
	}
	e := &evaluation{template: t, input: in.with(c.Object), lasting: d.lasting[gatekeeper.PolicyName(c)]}
	said := e.run()
	if remembers && len(e.failures) == 0 {
		d.learn(question, said)
	}
	return said, e.failures, nil
}

// problem is an evaluation that failed. A template whose failure policy is to ignore that gets a
// warning, for a cluster admits the resource.
func (d *Driver) problem(c *unstructured.Unstructured, t *template, f Error) model.Problem {
	p := model.Problem{Severity: model.Error, Code: "cel_error", Policy: gatekeeper.PolicyName(c), Message: model.OneLine(f.Detail)}
	p.Hint = "guard the access with `has(…)`"
	if strings.Contains(f.Detail, errBudget.Error()) {
		p.Hint = "make the expression cheaper, or bound what it goes through"
	}
	if t.ignore {
		p.Severity, p.Hint = model.Warning, "the template's `failurePolicy: Ignore` admits the resource"
	}
	p.File, p.Line, p.Column = d.locate(c.GetKind(), f.Path...)
	return p
}

// Unusable are the message expressions of a template that do not compile.
func (d *Driver) Unusable(kind string) Errors {
	if t := d.templates[kind]; t != nil {
		return t.unusable
	}
	return nil
}
