package check

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/trial"
)

// written is a batch as both encoders write it, read back.
func written(t *testing.T, batch Batch) (own, standard Batch) {
	t.Helper()
	text, err := batch.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	expected, err := json.Marshal(batch)
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(text) { // other decoders than Go's refuse that
		t.Errorf("no UTF-8: %q", text)
	}
	for raw, into := range map[*[]byte]*Batch{&text: &own, &expected: &standard} {
		if err := json.Unmarshal(*raw, into); err != nil {
			t.Fatalf("%v in %s", err, *raw)
		}
	}
	return own, standard
}

func TestABatchIsWrittenAsItsTagsSay(t *testing.T) {
	same := func(request uint64, files int, policy, message, file, path, fix, key, value string, line, column, resource int) bool {
		finding := model.Finding{
			Policy: policy, Engine: "opa", Rule: "violation", Message: message, Resource: resource, Fix: fix,
			Location: model.Location{File: file, Line: line, Column: column, EndLine: -line, EndColumn: 1, Path: path},
		}
		detailed := finding
		detailed.Details = map[string]any{
			key: value, "list": []any{value, true, nil}, "number": json.Number("1.50"), "float": 2.5, "inner": map[string]any{value: []any{}, key: map[string]any{}},
			"no list": []any(nil), "no members": map[string]any(nil),
		}
		batch := Batch{Request: request, Files: files, Resources: []model.Resource{{Kind: policy}}, Findings: []model.Finding{finding, detailed}}
		batch.Asked = map[string]map[string]int{policy: {key: line, value: column}, message: {path: resource}}
		own, standard := written(t, batch)
		return reflect.DeepEqual(own, standard)
	}
	trial.Law(t, same)
}

func TestTextsThatNeedCare(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "quotes": `a "b"`, "backslash": `C:\x`, "line break": "a\nb", "NUL": "\x00", "no UTF-8": "a\xffb", "beyond ASCII": "é\u2028😀",
		"the first beyond ASCII": "\x80", "the last of ASCII": "\x7f",
	} {
		t.Run(name, func(t *testing.T) {
			own, standard := written(t, Batch{Findings: []model.Finding{{Message: text}}})
			if !reflect.DeepEqual(own, standard) {
				t.Errorf("%q against %q", own.Findings[0].Message, standard.Findings[0].Message)
			}
		})
	}
}

func TestEmptyDetailsAreLeftOut(t *testing.T) {
	own, standard := written(t, Batch{Findings: []model.Finding{{Message: "m", Details: map[string]any{}}}})
	if !reflect.DeepEqual(own, standard) {
		t.Errorf("%v against %v", own, standard)
	}
}

func TestABatchWithoutFindings(t *testing.T) {
	own, standard := written(t, Batch{Request: 3, Files: 2})
	if !reflect.DeepEqual(own, standard) {
		t.Errorf("%v against %v", own, standard)
	}
}
