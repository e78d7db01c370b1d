package constraint

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	corev1 "k8s.io/api/core/v1"
	k8syaml "sigs.k8s.io/yaml"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/load"
)

// objects reads the documents of a text as policy folders are read.
func objects(t testing.TB, file, source string) []gatekeeper.Object {
	t.Helper()
	read := load.Read(load.Source{Path: file, Text: []byte(source)}, load.DefaultLimits)
	for _, p := range read.Problems {
		t.Fatalf("%s:%d: %s", p.File, p.Line, p.Message)
	}
	var out []gatekeeper.Object
	for _, d := range read.Documents {
		out = append(out, gatekeeper.Object{File: file, Line: d.Line, Value: d.Native().(map[string]any), Locate: d.Locate})
	}
	return out
}

// term reads one YAML document as the term of a resource.
func term(t testing.TB, source string) *ast.Term {
	t.Helper()
	raw, err := k8syaml.YAMLToJSON([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	value, err := ast.ValueFromReader(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return ast.NewTerm(value)
}

// loaded makes a set and fails the test on any problem.
func loaded(t testing.TB, opts Options, sources ...string) *Set {
	t.Helper()
	set, _, problems := Load(context.Background(), objects(t, "policies.yaml", strings.Join(sources, "\n---\n")), opts)
	for _, p := range problems {
		t.Fatalf("line %d: %s (%s)", p.Line, p.Message, p.Hint)
	}
	return set
}

func inventory(t testing.TB, resources ...*ast.Term) *admission.Inventory {
	t.Helper()
	inv, err := admission.NewInventory(context.Background(), resources)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func review(t testing.TB, set *Set, in admission.Review) *Outcome {
	t.Helper()
	if in.Inventory == nil {
		in.Inventory = inventory(t)
	}
	out, err := set.Review(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func messages(out *Outcome) []string {
	texts := []string{}
	for _, r := range out.Results {
		texts = append(texts, r.Policy+": "+r.Message)
	}
	return texts
}

// namespaceObject is a Namespace as its Go type.
func namespaceObject(t testing.TB, namespace *ast.Term) *corev1.Namespace {
	t.Helper()
	raw, err := terms.JSON(namespace)
	if err != nil {
		t.Fatal(err)
	}
	out := &corev1.Namespace{}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
	return out
}
