package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// terms are the parts of the input that all policies share; the caller adds `parameters`.
func (in Input) terms() [][2]*ast.Term {
	operation := ast.StringTerm(in.Operation)
	out := make([][2]*ast.Term, 0, 7)
	out = append(out, pair("resource", in.Resource), pair("operation", operation), pair("review", in.review(operation)))
	if in.Namespace != nil {
		out = append(out, pair("namespace", in.Namespace))
	}
	if in.User != nil {
		out = append(out, pair("user", in.User))
	}
	if in.Schema != nil {
		out = append(out, pair("schema_errors", in.Schema))
	}
	return out[:len(out):len(out)]
}

// review is the request in the shape that Gatekeeper gives to templates, so that one rule can serve
// both.
func (in Input) review(operation *ast.Term) *ast.Term {
	fields := in.request(operation)
	if in.Namespace != nil {
		fields = append(fields, pair("_unstable", ast.ObjectTerm(pair("namespace", in.Namespace))))
	}
	return ast.ObjectTerm(fields...)
}

// request has the fields of an AdmissionRequest that are known: as it came, where one did.
func (in Input) request(operation *ast.Term) [][2]*ast.Term {
	if in.Request != nil {
		return in.asItCame()
	}
	group, version := in.Identity.GroupVersion()
	kind := ast.ObjectTerm(text("group", group), text("version", version), text("kind", in.Identity.Kind))
	fields := [][2]*ast.Term{
		pair("kind", kind), pair("object", in.Resource), pair("operation", operation),
	}
	// An AdmissionRequest has neither of these where it is empty.
	if in.Identity.Name != "" {
		fields = append(fields, text("name", in.Identity.Name))
	}
	if in.Identity.Namespace != "" {
		fields = append(fields, text("namespace", in.Identity.Namespace))
	}
	if in.User != nil {
		fields = append(fields, pair("userInfo", in.User))
	}
	return fields
}

// asItCame is the request with its objects: of a deletion the one that is deleted is both, as in Gatekeeper.
func (in Input) asItCame() [][2]*ast.Term {
	old := in.OldObject
	if old == nil {
		old = ast.InternedNullTerm
	}
	fields := [][2]*ast.Term{pair("object", in.Resource), pair("oldObject", old)}
	if request, ok := in.Request.Value.(ast.Object); ok {
		request.Foreach(func(key, member *ast.Term) { fields = append(fields, [2]*ast.Term{key, member}) })
	}
	return fields
}

func pair(key string, value *ast.Term) [2]*ast.Term {
	return [2]*ast.Term{ast.InternedTerm(key), value}
}

func text(key, value string) [2]*ast.Term { return pair(key, ast.StringTerm(value)) }

// Namespaced says whether a resource lives in a namespace, as far as its manifest tells.
func Namespaced(id model.Resource) bool {
	return id.Namespace != "" || !model.IsClusterScoped(id.Kind)
}

// Name is `Kind/namespace/name`, or `Kind/name` without a namespace.
func Name(id model.Resource) string {
	if id.Namespace == "" {
		return id.Kind + "/" + id.Name
	}
	return id.Kind + "/" + id.Namespace + "/" + id.Name
}
