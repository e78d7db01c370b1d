package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
	kubernetesjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/engine/internal/load/syntax"
	"attest.continuu.ms/engine/internal/member"
)

// reference is what OPA gets for a YAML document from the JSON that kubectl makes of it.
func reference(text string) (ast.Value, error) {
	converted, err := yaml.YAMLToJSON([]byte(libraryText(text)))
	if err != nil {
		return nil, err
	}
	var value any
	if err := util.UnmarshalJSON(converted, &value); err != nil {
		return nil, err
	}
	return ast.InterfaceToValue(value)
}

// sameAsReference compares both ways of decoding a YAML document with the reference.
func sameAsReference(text string) error {
	want, wantErr := reference(text)
	limits := DefaultLimits
	fast, _, declined := syntax.DecodeYAML(text, limits.Depth)
	if declined == nil {
		if err := same("fast parser", fast, nil, want, wantErr); err != nil {
			return err
		}
	} else if stop := new(syntax.Declined); !errors.As(declined, &stop) || stop.Offset < 0 || stop.Offset > len(text) {
		return fmt.Errorf("declined outside of the text: %v", declined)
	}
	slow, err := decodeWithLibrary(text, limits)
	if failure := new(Failure); errors.As(err, &failure) && (failure.Code == CodeLimit || isOddTwin(failure)) {
		return nil // refused on purpose
	}
	return same("library", slow, err, want, wantErr)
}

// isOddTwin says whether a document was refused because kubectl would choose between two keys at random.
func isOddTwin(failure *Failure) bool {
	return strings.Contains(failure.Message, "with and without quotes")
}

func same(who string, got *ast.Term, err error, want ast.Value, wantErr error) error {
	switch {
	case (err == nil) != (wantErr == nil):
		return fmt.Errorf("%s: error %v, reference: error %v", who, err, wantErr)
	case err != nil:
		return nil
	case got.Value.Compare(want) != 0 || got.Value.Hash() != want.Hash() || got.Value.String() != want.String():
		return fmt.Errorf("%s: %s\nreference: %s", who, got, want)
	}
	return nil
}

// sameAsJSON compares both ways of decoding JSON with Kubernetes' own.
func sameAsJSON(text string) error {
	var want any
	wantErr := kubernetesjson.NewDecoderCaseSensitivePreserveInts(strings.NewReader(text)).Decode(&want)
	fast, tree, declined := syntax.DecodeJSON(text, DefaultLimits.Depth)
	if declined == nil {
		if wantErr != nil {
			return fmt.Errorf("fast parser: %s, Kubernetes: %w", fast, wantErr)
		}
		if err := sameContent(native(fast), want); err != nil {
			return fmt.Errorf("fast parser: %w", err)
		}
		if !json.Valid([]byte(tree.Text)) || !strings.HasPrefix(text, tree.Text) {
			return fmt.Errorf("fast parser: ends at %d, where no JSON value ends", len(tree.Text))
		}
	}
	slow, _, err := decodeJSONWithLibrary(text, DefaultLimits)
	if failure := new(Failure); errors.As(err, &failure) && failure.Code == CodeLimit {
		return nil
	}
	if (err == nil) != (wantErr == nil) {
		return fmt.Errorf("library: error %v, Kubernetes: error %v", err, wantErr)
	}
	if err != nil {
		return nil
	}
	if err := sameContent(native(slow), want); err != nil {
		return fmt.Errorf("library: %w", err)
	}
	if declined == nil && fast.String() != slow.String() {
		return fmt.Errorf("fast parser %s, library %s", fast, slow)
	}
	return nil
}

func TestTheCorpusDecodesAsKubectlDecodesIt(t *testing.T) {
	documents, fast := 0, 0
	for _, source := range corpusFiles(t) {
		raw, problem := readSource(source, DefaultLimits.FileBytes)
		if problem != nil {
			t.Fatal(problem.Message)
		}
		text := string(raw)
		for offset := 0; offset < len(text); {
			document, next := nextYAML(text, offset)
			body := text[document.start:document.end]
			if err := sameAsReference(body); err != nil {
				t.Errorf("%s at %d: %v", source.Path, offset, err)
			}
			if _, _, err := syntax.DecodeYAML(body, DefaultLimits.Depth); err == nil {
				fast++
			} else {
				line, column := lineAndColumn(body, err.(*syntax.Declined).Offset)
				t.Logf("%s: document at %d, line %d column %d: %v", source.Path, offset, line, column, err)
			}
			documents++
			offset = next
		}
	}
	t.Logf("%d documents, %d read by the fast parser", documents, fast)
	if fast*100 < documents*90 {
		t.Errorf("the fast parser reads only %d of %d documents", fast, documents)
	}
}

func native(t *ast.Term) any {
	value, _ := member.Native(t)
	return value
}
