package admission

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// TestAnEnvelopeIsWhatItsJSONIs holds the members of a request to those of its JSON, which is what Gatekeeper gives to templates.
func TestAnEnvelopeIsWhatItsJSONIs(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	text := func() string { return []string{"", "a", "b/c", "\u00e9<&>\u2028"}[random.IntN(4)] }
	for range 5000 {
		envelope := randomEnvelope(random, text)
		fields, err := fieldsOf(envelope)
		if err != nil {
			t.Fatal(err)
		}
		got, want := ast.ObjectTerm(fields...), throughJSON(t, envelope)
		if !got.Equal(want) || got.String() != want.String() {
			t.Fatalf("%+v\n%v\n%v", envelope, got, want)
		}
	}
}

func throughJSON(t *testing.T, envelope *admissionv1.AdmissionRequest) *ast.Term {
	t.Helper()
	raw, err := json.Marshal(envelope)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "object")
	delete(members, "oldObject")
	value, err := ast.InterfaceToValue(members)
	if err != nil {
		t.Fatal(err)
	}
	return ast.NewTerm(value)
}

func randomEnvelope(random *rand.Rand, text func() string) *admissionv1.AdmissionRequest {
	some := func() bool { return random.IntN(2) == 0 }
	texts := func() []string { return [][]string{nil, {}, {text()}, {text(), text()}}[random.IntN(4)] }
	options := []string{"null", "{}", `{"kind": "CreateOptions", "n": 1.50, "big": 12345678901234567890, "list": [1, null]}`}
	out := &admissionv1.AdmissionRequest{
		UID: types.UID(text()), Kind: metav1.GroupVersionKind{Group: text(), Version: text(), Kind: text()},
		Resource:    metav1.GroupVersionResource{Group: text(), Version: text(), Resource: text()},
		SubResource: text(), RequestSubResource: text(), Name: text(), Namespace: text(), Operation: admissionv1.Operation(text()),
		UserInfo: authenticationv1.UserInfo{Username: text(), UID: text(), Groups: texts()},
	}
	if some() {
		out.RequestKind = &metav1.GroupVersionKind{Group: text(), Version: text(), Kind: text()}
	}
	if some() {
		out.RequestResource = &metav1.GroupVersionResource{Group: text(), Version: text(), Resource: text()}
	}
	if some() {
		dry := some()
		out.DryRun = &dry
	}
	if some() {
		out.UserInfo.Extra = map[string]authenticationv1.ExtraValue{}
		for range random.IntN(3) {
			out.UserInfo.Extra[text()] = texts()
		}
	}
	if some() {
		out.Options = runtime.RawExtension{Raw: []byte(options[random.IntN(len(options))])}
	}
	return out
}
