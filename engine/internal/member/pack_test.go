package member_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/member"
)

// TestWhatIsPackedHoldsWhatIsWrittenAlike compares random values with each other, packed and as they are.
func TestWhatIsPackedHoldsWhatIsWrittenAlike(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	var packer member.Packer
	var values []*ast.Term
	var texts []string
	for range 400 {
		value := randomValue(random, 3)
		text, ok := packer.Pack(value)
		if !ok {
			t.Fatalf("%v can't be packed", value)
		}
		values, texts = append(values, value), append(texts, string(text))
	}
	alike := 0
	for i, text := range texts {
		for j, value := range values {
			want := compiled.Alike(values[i], value)
			if got := packer.Holds(text, value); got != want {
				t.Fatalf("%v is held to be alike to %v: %v", values[i], value, got)
			}
			if want && i != j {
				alike++
			}
		}
		if packer.Holds(text+"z", values[i]) {
			t.Fatalf("%v is held by more than its text", values[i])
		}
	}
	if alike < 1000 {
		t.Errorf("only %d pairs are alike", alike)
	}
}

func randomValue(random *rand.Rand, depth int) *ast.Term {
	texts := []string{"", "a", "b", "name", "s", "[", "{", "é\x00"}
	kinds := 4
	if depth > 0 {
		kinds = 7
	}
	switch random.IntN(kinds) {
	case 0:
		return ast.StringTerm(texts[random.IntN(len(texts))])
	case 1:
		return ast.NumberTerm([]json.Number{"0", "1", "1.0", "1e0", "10", "-1"}[random.IntN(6)])
	case 2:
		return ast.BooleanTerm(random.IntN(2) == 0)
	case 3:
		return ast.NullTerm()
	case 4:
		var elements []*ast.Term
		for range random.IntN(3) {
			elements = append(elements, randomValue(random, depth-1))
		}
		return ast.ArrayTerm(elements...)
	}
	object := ast.NewObject()
	for range random.IntN(3) {
		object.Insert(ast.StringTerm(texts[random.IntN(len(texts))]), randomValue(random, depth-1))
	}
	return ast.NewTerm(object)
}

func TestMoreKeysThanHaveNumbers(t *testing.T) {
	var packer member.Packer
	var texts []string
	named := func(i int) *ast.Term {
		return ast.ObjectTerm(ast.Item(ast.StringTerm(fmt.Sprint("key-", i)), ast.ObjectTerm(ast.Item(ast.StringTerm("a"), ast.IntNumberTerm(i%7)))))
	}
	for i := range 10_000 {
		text, ok := packer.Pack(named(i))
		if !ok {
			t.Fatal("it can't be packed")
		}
		texts = append(texts, string(text))
	}
	for i, text := range texts {
		if !packer.Holds(text, named(i)) || packer.Holds(text, named(i+7)) || packer.Holds(text, ast.ObjectTerm()) {
			t.Fatalf("key %d is not told from others", i)
		}
	}
}

func TestWhatIsNoJSONIsNotPacked(t *testing.T) {
	var packer member.Packer
	for _, text := range []string{`{1}`, `[{"a"}]`, `{1: 2}`, `{"a": {["b"]: 1}}`, `x`, `input.a`} {
		if _, ok := packer.Pack(ast.MustParseTerm(text)); ok {
			t.Errorf("%s is packed", text)
		}
	}
	text, _ := packer.Pack(ast.MustParseTerm(`[1]`))
	if packer.Holds(string(text), ast.MustParseTerm(`{1}`)) {
		t.Error("a set is held to be an array")
	}
}

func TestTextsOfOthersAreNotKept(t *testing.T) {
	var packer member.Packer
	text, _ := packer.Pack(ast.MustParseTerm(`{"a": "b"}`))
	first := string(text)
	packer.Pack(ast.MustParseTerm(`{"c": "d"}`))
	if !packer.Holds(first, ast.MustParseTerm(`{"a": "b"}`)) || packer.Holds(first, ast.MustParseTerm(`{"c": "d"}`)) {
		t.Error("one value is taken for another")
	}
}
