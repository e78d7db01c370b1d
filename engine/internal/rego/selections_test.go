package rego

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func readList(t *testing.T, text string) Selections {
	t.Helper()
	var params struct {
		Policies Selections `json:"policies"`
	}
	if err := json.Unmarshal([]byte(`{"policies": `+text+`}`), &params); err != nil {
		t.Fatal(err)
	}
	return params.Policies
}

func TestSelectionsOfOneTextAreOneList(t *testing.T) {
	one := `[{"name": "a", "parameters": {"n": 1.50}, "severity": "low"}, {"name": "b"}]`
	first, again, other := readList(t, one), readList(t, one), readList(t, strings.Replace(one, "1.50", "1.5", 1))
	if unsafe.SliceData(first) != unsafe.SliceData(again) || unsafe.SliceData(first) == unsafe.SliceData(other) {
		t.Error("a list is read anew, or taken for another")
	}
	if len(first) != 2 || first[0].Parameters["n"] != json.Number("1.50") || first[0].Severity != "low" || first[1].Name != "b" {
		t.Errorf("%+v", first)
	}
	if text, err := first.text(); text != one || err != nil {
		t.Errorf("its text is %s, %v", text, err)
	}
	if none := readList(t, "null"); len(none) != 0 {
		t.Errorf("%+v of null", none)
	}
}

func TestAListThatWasNotReadHasTheTextOfWhatItHolds(t *testing.T) {
	list := Selections{{Name: "a", Parameters: map[string]any{"n": 1}}}
	before, _ := list.text()
	list[0].Parameters["n"] = 2
	if after, _ := list.text(); after == before || !strings.Contains(after, `"n":2`) {
		t.Errorf("%s, then %s", before, after)
	}
}

func TestSelectionsAreReadStrictly(t *testing.T) {
	for _, text := range []string{`[{"nam": "a"}]`, `{"name": "a"}`, `[{"name": 1}]`} {
		var list Selections
		for range 2 {
			if err := json.Unmarshal([]byte(text), &list); err == nil {
				t.Errorf("%s is read as %+v", text, list)
			}
		}
	}
}

func TestLongListsAreNotKept(t *testing.T) {
	text := fmt.Sprintf(`[{"name": "a", "parameters": {"x": %q}}]`, strings.Repeat("x", longestKept))
	if first, again := readList(t, text), readList(t, text); unsafe.SliceData(first) == unsafe.SliceData(again) {
		t.Error("it is kept")
	}
	for i := range 3 * mostLately {
		readList(t, fmt.Sprintf(`[{"name": "p%d"}]`, i))
	}
	if kept := len(readLately.made); kept != mostLately {
		t.Errorf("%d lists are kept", kept)
	}
}
