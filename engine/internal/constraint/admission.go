package constraint

import (
	"encoding/json"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// member returns the member of an object term, or nil.
func member(t *ast.Term, key string) *ast.Term {
	if t == nil {
		return nil
	}
	obj, ok := t.Value.(ast.Object)
	if !ok {
		return nil
	}
	return obj.Get(ast.InternedTerm(key))
}

func text(t *ast.Term, path ...string) string {
	for _, key := range path {
		t = member(t, key)
	}
	if t == nil {
		return ""
	}
	s, _ := t.Value.(ast.String)
	return string(s)
}

func pair(key string, value *ast.Term) [2]*ast.Term { return ast.Item(ast.InternedTerm(key), value) }

var (
	emptyString = ast.StringTerm("")
	null        = ast.InternedNullTerm
)

// groupVersion splits an apiVersion as Kubernetes does.
func groupVersion(apiVersion string) (group, version string) {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		return "", group
	}
	return group, version
}

// reviewTerm is `input.review`: the AdmissionRequest as JSON, with `namespaceObject` added, in the
// shape in which Gatekeeper's target and Rego driver hand it to templates.
func (r *request) reviewTerm() (*ast.Term, error) {
	namespace := ast.ObjectTerm()
	if r.namespaceTerm != nil {
		namespace = r.namespaceTerm
	}
	fields := r.plainFields()
	if r.envelope != nil {
		var err error
		if fields, err = r.envelopeFields(); err != nil {
			return nil, err
		}
	}
	return ast.ObjectTerm(append(fields,
		pair("object", orNull(r.object)), pair("oldObject", orNull(r.oldObject)),
		pair("namespaceObject", namespace))...), nil
}

func orNull(t *ast.Term) *ast.Term {
	if t == nil {
		return null
	}
	return t
}

// plainFields are those of a request that was made from a bare resource.
func (r *request) plainFields() [][2]*ast.Term {
	object := r.judged()
	group, version := groupVersion(text(object, "apiVersion"))
	fields := [][2]*ast.Term{
		pair("uid", emptyString),
		pair("kind", ast.ObjectTerm(
			pair("group", ast.StringTerm(group)), pair("version", ast.StringTerm(version)),
			pair("kind", ast.StringTerm(text(object, "kind"))))),
		pair("resource", ast.ObjectTerm(
			pair("group", emptyString), pair("version", emptyString), pair("resource", emptyString))),
		pair("operation", ast.StringTerm(r.operation)),
		pair("userInfo", ast.ObjectTerm()),
		pair("options", null),
	}
	if name := text(object, "metadata", "name"); name != "" {
		fields = append(fields, pair("name", ast.StringTerm(name)))
	}
	if namespace := text(object, "metadata", "namespace"); namespace != "" {
		fields = append(fields, pair("namespace", ast.StringTerm(namespace)))
	}
	return fields
}

// envelopeFields are those of a real AdmissionRequest, normalised as its Go type normalises them.
func (r *request) envelopeFields() ([][2]*ast.Term, error) {
	raw, err := json.Marshal(r.envelope)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	var fields [][2]*ast.Term
	for key, m := range members {
		if key == "object" || key == "oldObject" {
			continue
		}
		value, err := ast.InterfaceToValue(m)
		if err != nil {
			return nil, err
		}
		fields = append(fields, pair(key, ast.NewTerm(value)))
	}
	return fields, nil
}

// admission is the request as CEL wants it, its objects as JSON.
func (r *request) admission() (*admissionv1.AdmissionRequest, error) {
	req := r.envelope
	if req == nil {
		req = r.plainRequest()
	}
	out := *req
	for _, part := range []struct {
		to   *runtime.RawExtension
		from *ast.Term
	}{{&out.Object, r.object}, {&out.OldObject, r.oldObject}} {
		*part.to = runtime.RawExtension{}
		if part.from == nil {
			continue
		}
		raw, err := jsonOf(part.from)
		if err != nil {
			return nil, err
		}
		part.to.Raw = raw
	}
	return &out, nil
}

func (r *request) plainRequest() *admissionv1.AdmissionRequest {
	object := r.judged()
	group, version := groupVersion(text(object, "apiVersion"))
	return &admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind{Group: group, Version: version, Kind: text(object, "kind")},
		Name: text(object, "metadata", "name"), Namespace: text(object, "metadata", "namespace"),
		Operation: admissionv1.Operation(r.operation), UserInfo: authenticationv1.UserInfo{},
	}
}

func jsonOf(t *ast.Term) ([]byte, error) {
	value, err := ast.JSON(t.Value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
