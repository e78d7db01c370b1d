package member

import (
	"encoding/json"
	"reflect"
	"testing"
	"unsafe"

	"github.com/open-policy-agent/opa/v1/ast"
)

// within says whether a text is a part of another, by where it stands in memory.
func within(part, whole string) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(part))), uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	return len(part) > 0 && at >= from && at < from+uintptr(len(whole))
}

func TestWhatIsKeptHoldsNoTextOfOthers(t *testing.T) {
	whole := "a long text: key value 12 more"
	key, value, number, more := whole[13:16], whole[17:22], whole[23:25], whole[26:]
	term := ast.ObjectTerm(
		[2]*ast.Term{ast.StringTerm(key), ast.ArrayTerm(ast.StringTerm(value), ast.NumberTerm(json.Number(number)), ast.NullTerm())},
		[2]*ast.Term{ast.StringTerm(more), ast.SetTerm(ast.StringTerm(value), ast.BooleanTerm(true))},
	)
	own := Own(term)
	if !own.Equal(term) || own.Hash() != term.Hash() {
		t.Errorf("%v became %v", term, own)
	}
	texts := 0
	ast.WalkTerms(own, func(one *ast.Term) bool {
		switch v := one.Value.(type) {
		case ast.String:
			if texts++; within(string(v), whole) {
				t.Errorf("%v is a part of the text", v)
			}
		case ast.Number:
			if texts++; within(string(v), whole) {
				t.Errorf("%v is a part of the text", v)
			}
		}
		return false
	})
	if texts != 5 {
		t.Errorf("%d texts and numbers were looked at", texts)
	}
}

func TestWhatIsKeptOfJSONHoldsNoTextOfOthers(t *testing.T) {
	whole := "key value 12"
	value := map[string]any{whole[:3]: []any{whole[4:9], json.Number(whole[10:]), nil, true, map[string]any{}}}
	own := OwnJSON(value).(map[string]any)
	if !reflect.DeepEqual(own, value) {
		t.Errorf("%v became %v", value, own)
	}
	for key, member := range own {
		elements := member.([]any)
		if within(key, whole) || within(elements[0].(string), whole) || within(string(elements[1].(json.Number)), whole) {
			t.Errorf("%v has a part of the text", own)
		}
	}
}
