package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/check"
	"attest.continuu.ms/engine/internal/develop/conflict"
	"attest.continuu.ms/engine/internal/develop/generate"
	"attest.continuu.ms/engine/internal/develop/gkgen"
	"attest.continuu.ms/engine/internal/develop/optimize"
	"attest.continuu.ms/engine/internal/develop/play"
	"attest.continuu.ms/engine/internal/develop/profile"
	"attest.continuu.ms/engine/internal/develop/regotest"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/validate"
)

// answers are the values that methods answer, and those of the notifications before.
var answers = map[string][]any{
	"initialize": {initializeResult{}}, "shutdown": nil, "policies/load": {loadResult{}}, "policies/unload": nil,
	"status": {statusResult{}},
	"check":  {check.Result{}, check.Batch{}}, "review": {check.Batch{}}, "validate": {validate.Result{}},
	"bundle/inspect": {bundleResult{}}, "bundle/build": {bundleResult{}}, "bundle/sign": {bundleResult{}},
	"gatekeeper/templates": {gkgen.Result{}}, "trace": {trace.Result{}}, "profile": {profile.Report{}, profile.Progress{}},
	"test": {regotest.Result{}, regotest.Batch{}}, "playground/evaluate": {play.Result{}}, "playground/test": {play.TestResult{}},
	"tests/generate": {generate.Result{}, progress{}}, "conflicts": {conflict.Result{}, progress{}},
	"optimize": {optimize.Result{}, progress{}}, "samples": {optimize.Made{}, progress{}}, "results": {resultsAnswer{}},
	"data/query": {queryResult{}}, "inventory/open": {inventoryParams{}}, "inventory/apply": {applyResult{}}, "inventory/close": nil,
	"folders":        {foldersResult{}},
	"policies/reach": {check.Reached{}},
}

// never are maps that are there wherever their answer is.
var never = map[string]string{
	"Object.Value": "the object that was decoded", "Batch.Asked": "a policy is there with a kind that it looked at", "Policy.Profiles": "METADATA gives an object for each, if an empty one",
}

// TestNoListOfAnAnswerIsNull looks at every type that an answer is made of: the other side takes `null` for no list.
func TestNoListOfAnAnswerIsNull(t *testing.T) {
	for method := range (&service{}).methods() {
		values, known := answers[method]
		if !known {
			t.Errorf("%s: which types does it answer?", method)
		}
		for _, value := range values {
			noNull(t, reflect.TypeOf(value), method, map[reflect.Type]bool{})
		}
	}
}

func noNull(t *testing.T, kind reflect.Type, path string, seen map[reflect.Type]bool) {
	t.Helper()
	if seen[kind] {
		return
	}
	seen[kind] = true
	switch kind.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Array:
		if element := kind.Elem(); isList(element) && !neverNull(element) && never[path[strings.LastIndex(path, "/")+1:]] == "" {
			t.Errorf("%s: an element of %s may be null", path, kind)
		}
		noNull(t, kind.Elem(), path, seen)
	case reflect.Struct:
		for i := range kind.NumField() {
			field := kind.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" || !field.IsExported() {
				continue
			}
			where := kind.Name() + "." + field.Name
			if isList(field.Type) && !neverNull(field.Type) && !strings.Contains(options, "omit") && never[where] == "" {
				t.Errorf("%s: %s may be null: make it a model.List, or leave it out where it is empty", path, where)
			}
			noNull(t, field.Type, path+"/"+where, seen)
		}
	}
}

func isList(kind reflect.Type) bool {
	return kind.Kind() == reflect.Slice || kind.Kind() == reflect.Map
}

func neverNull(kind reflect.Type) bool {
	return kind.Implements(reflect.TypeFor[json.Marshaler]()) && strings.HasPrefix(kind.Name(), "List[")
}

func TestAListWithoutElementsIsEmpty(t *testing.T) {
	for want, value := range map[string]any{
		`{"cases":[]}`: struct {
			Cases model.List[int] `json:"cases"`
		}{}, `[]`: model.List[string](nil), `["a"]`: model.List[string]{"a"},
	} {
		if got, err := json.Marshal(value); err != nil || string(got) != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
}
