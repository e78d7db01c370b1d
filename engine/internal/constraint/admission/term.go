package admission

import (
	"encoding/json"

	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/terms"
)

var null = ast.InternedNullTerm

// ReviewTerm is `input.review`: the AdmissionRequest as JSON, with `namespaceObject` added, in the
// shape in which Gatekeeper's target and Rego driver hand it to templates.
func (r *Request) ReviewTerm() (*ast.Term, error) {
	namespace := ast.ObjectTerm()
	if r.NamespaceTerm != nil {
		namespace = r.NamespaceTerm
	}
	fields, err := fieldsOf(r.GetAdmissionRequest())
	if err != nil {
		return nil, err
	}
	return ast.ObjectTerm(append(fields,
		terms.Pair("object", orNull(r.object)), terms.Pair("oldObject", orNull(r.oldObject)),
		terms.Pair("namespaceObject", namespace))...), nil
}

func orNull(t *ast.Term) *ast.Term {
	if t == nil {
		return null
	}
	return t
}

// fieldsOf are the members of an AdmissionRequest, normalised as its Go type normalises them: what its JSON would hold beside
// the objects.
func fieldsOf(e *admissionv1.AdmissionRequest) ([][2]*ast.Term, error) {
	options, err := rawTerm(e.Options)
	if err != nil {
		return nil, err
	}
	fields := [][2]*ast.Term{
		textPair("uid", string(e.UID)), kindPair("kind", e.Kind), resourcePair("resource", e.Resource),
		textPair("operation", string(e.Operation)), terms.Pair("userInfo", userTerm(e.UserInfo)), terms.Pair("options", options),
	}
	if e.RequestKind != nil {
		fields = append(fields, kindPair("requestKind", *e.RequestKind))
	}
	if e.RequestResource != nil {
		fields = append(fields, resourcePair("requestResource", *e.RequestResource))
	}
	if e.DryRun != nil {
		fields = append(fields, terms.Pair("dryRun", ast.BooleanTerm(*e.DryRun)))
	}
	for _, text := range []struct{ key, value string }{
		{"subResource", e.SubResource}, {"requestSubResource", e.RequestSubResource}, {"name", e.Name}, {"namespace", e.Namespace},
	} {
		if text.value != "" {
			fields = append(fields, textPair(text.key, text.value))
		}
	}
	return fields, nil
}

func textPair(key, value string) [2]*ast.Term { return terms.Pair(key, ast.StringTerm(value)) }

func kindPair(key string, kind metav1.GroupVersionKind) [2]*ast.Term {
	return terms.Pair(key, ast.ObjectTerm(textPair("group", kind.Group), textPair("version", kind.Version), textPair("kind", kind.Kind)))
}

func resourcePair(key string, of metav1.GroupVersionResource) [2]*ast.Term {
	return terms.Pair(key, ast.ObjectTerm(textPair("group", of.Group), textPair("version", of.Version), textPair("resource", of.Resource)))
}

func userTerm(user authenticationv1.UserInfo) *ast.Term {
	members := make([][2]*ast.Term, 0, 4)
	if user.Username != "" {
		members = append(members, textPair("username", user.Username))
	}
	if user.UID != "" {
		members = append(members, textPair("uid", user.UID))
	}
	if len(user.Groups) > 0 {
		members = append(members, terms.Pair("groups", textsTerm(user.Groups)))
	}
	if len(user.Extra) > 0 {
		extra := make([][2]*ast.Term, 0, len(user.Extra))
		for key, values := range user.Extra {
			extra = append(extra, ast.Item(ast.StringTerm(key), textsTerm(values)))
		}
		members = append(members, terms.Pair("extra", ast.ObjectTerm(extra...)))
	}
	return ast.ObjectTerm(members...)
}

// textsTerm is a list; null where there is none, as in JSON.
func textsTerm(texts []string) *ast.Term {
	if texts == nil {
		return null
	}
	out := make([]*ast.Term, len(texts))
	for i, text := range texts {
		out[i] = ast.StringTerm(text)
	}
	return ast.ArrayTerm(out...)
}

// rawTerm is what was sent as it was; null where nothing was.
func rawTerm(raw runtime.RawExtension) (*ast.Term, error) {
	if raw.Raw == nil {
		return null, nil
	}
	var native any
	if err := json.Unmarshal(raw.Raw, &native); err != nil {
		return nil, err
	}
	value, err := ast.InterfaceToValue(native)
	return ast.NewTerm(value), err
}

func (r *Request) plainRequest() *admissionv1.AdmissionRequest {
	object := r.Judged()
	group, version := gatekeeper.GroupVersion(terms.Text(object, "apiVersion"))
	return &admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Group: group, Version: version, Kind: terms.Text(object, "kind")},
		Name: terms.Text(object, "metadata", "name"), Namespace: terms.Text(object, "metadata", "namespace"),
		Operation: admissionv1.Operation(r.operation), UserInfo: authenticationv1.UserInfo{},
	}
}
