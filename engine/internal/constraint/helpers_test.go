package constraint

import (
	"context"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
	k8syaml "sigs.k8s.io/yaml"

	"attest.continuu.ms/engine/internal/model"
)

// objects reads the documents of a YAML text as a loader would, with the lines of their fields.
func objects(t testing.TB, file, source string) []Object {
	t.Helper()
	var out []Object
	decoder := yaml.NewDecoder(strings.NewReader(source))
	for {
		var node yaml.Node
		if decoder.Decode(&node) != nil {
			return out
		}
		raw, err := yaml.Marshal(&node)
		if err != nil {
			t.Fatal(err)
		}
		var value map[string]any
		if err := k8syaml.Unmarshal(raw, &value); err != nil {
			t.Fatal(err)
		}
		if value == nil {
			continue
		}
		root := node.Content[0]
		out = append(out, Object{File: file, Line: root.Line, Value: value, Locate: func(path []any) model.Location {
			n := nodeAt(root, path)
			return model.Location{File: file, Line: n.Line, Column: n.Column}
		}})
	}
}

func nodeAt(n *yaml.Node, path []any) *yaml.Node {
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, step any) *yaml.Node {
	if index, ok := step.(int); ok {
		if n.Kind == yaml.SequenceNode && index < len(n.Content) {
			return n.Content[index]
		}
		return nil
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			return n.Content[i+1]
		}
	}
	return nil
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

// load makes a set and fails the test on any problem.
func load(t testing.TB, opts Options, sources ...string) *Set {
	t.Helper()
	set, _, problems := Load(context.Background(), objects(t, "policies.yaml", strings.Join(sources, "\n---\n")), opts)
	for _, p := range problems {
		t.Fatalf("line %d: %s (%s)", p.Line, p.Message, p.Hint)
	}
	return set
}

func inventory(t testing.TB, resources ...*ast.Term) *Inventory {
	t.Helper()
	inv, err := NewInventory(context.Background(), resources)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func review(t testing.TB, set *Set, in Review) *Outcome {
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
