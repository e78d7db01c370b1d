package rego

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Form is what the policies of a project see as their input. Those that ship always see the resource's.
type Form string

// The forms of the input.
const (
	ResourceForm  Form = "resource"  // the product's own: `input.resource`, and what is known around it
	ConftestForm  Form = "conftest"  // conftest's: the resource itself
	AdmissionForm Form = "admission" // that of OPA as an admission controller: an AdmissionReview
)

// UnmarshalJSON reads the name of a form; an empty one is that of the resource.
func (f *Form) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	switch form := Form(name); form {
	case "":
		*f = ResourceForm
	case ResourceForm, ConftestForm, AdmissionForm:
		*f = form
	default:
		return fmt.Errorf("`%s` is no form of the input: use resource, conftest or admission", name)
	}
	return nil
}

// rootsOf are where a policy finds the resource in an input of a form.
var rootsOf = map[Form][]ast.Ref{
	ResourceForm:  {ast.MustParseRef("input.resource"), ast.MustParseRef("input.review.object")},
	ConftestForm:  {ast.InputRootRef},
	AdmissionForm: {ast.MustParseRef("input.request.object")},
}

// documents are the inputs of one resource, each made when the first policy of its form is asked.
type documents struct {
	in     Input
	shared [][2]*ast.Term // of the resource's form
	review *ast.Term
}

// of is the input of a choice.
func (d *documents) of(c choice) *ast.Term {
	switch c.policy.Form {
	case ConftestForm:
		return d.in.Resource
	case AdmissionForm:
		if d.review == nil {
			d.review = d.in.admissionReview()
		}
		return d.review
	}
	if d.shared == nil {
		d.shared = d.in.terms()
	}
	return ast.ObjectTerm(append(d.shared, pair("parameters", c.parameters))...)
}

// admissionReview is what an API server sends to OPA, as far as it is known.
func (in Input) admissionReview() *ast.Term {
	request := append([][2]*ast.Term{text("uid", "")}, in.request(ast.StringTerm(in.Operation))...)
	return ast.ObjectTerm(
		text("apiVersion", "admission.k8s.io/v1"), text("kind", "AdmissionReview"), pair("request", ast.ObjectTerm(request...)),
	)
}
