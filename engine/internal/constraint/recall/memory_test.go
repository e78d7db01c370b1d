package recall

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// hosts are a request's reads of one part.
var hosts = Reads{{Path: []string{"spec", "hosts"}}}

// asked is what a template that reads it is asked about a request that comes for the second time.
func asked(m *Memory[string], request string, objects bool) (Question, bool) {
	return again(m, ast.MustParseTerm(request), hosts, objects)
}

// again is what is asked the second time.
func again(m *Memory[string], request *ast.Term, reads Reads, objects bool) (Question, bool) {
	m.View(request, reads, objects).Question("p", []int{0})
	return m.View(request, reads, objects).Question("p", []int{0})
}

func TestWhatComesOnceIsNotCopied(t *testing.T) {
	var m Memory[string]
	for i := range 1000 {
		if _, ok := m.number(ast.MustParseTerm(fmt.Sprintf(`["host-%d"]`, i))); ok {
			t.Fatal("a value has a number at once")
		}
	}
	if len(m.parts)+m.weight > 0 {
		t.Errorf("%d values are remembered", len(m.parts))
	}
	for i := range 1000 { // of those that lead to one place, the last is known
		m.number(ast.MustParseTerm(fmt.Sprintf(`["host-%d"]`, i)))
	}
	if len(m.parts) < 800 {
		t.Errorf("%d values are remembered that came twice", len(m.parts))
	}
}

// own is what is said, which needs no copy.
func own(said string) func() string { return func() string { return said } }

func TestAMemoryForgetsAndGoesOn(t *testing.T) {
	var m Memory[string]
	text := strings.Repeat("x", Heaviest/16)
	room, admitted := mostMemory/len(text)/4, 0
	for i := range 10 * room {
		q, ok := asked(&m, fmt.Sprintf(`{"spec": {"hosts": ["%s%d"]}}`, text, i), false)
		if ok {
			m.Remember(q, len(text), own("said"))
		} else if i < room {
			t.Fatal("it is not to be remembered, though there is room")
		}
		if ok && i >= 2*room {
			admitted++
		}
		weight := 0
		for _, one := range m.parts {
			weight += one.weight
		}
		for _, one := range m.answers {
			weight += one.weight
		}
		if weight > mostMemory || weight != m.weight {
			t.Fatalf("%d bytes are remembered, and %d counted", weight, m.weight)
		}
	}
	if len(m.parts) < room {
		t.Errorf("only %d values are remembered", len(m.parts))
	}
	if newcomers := 8 * room; admitted == 0 || admitted > 2*newcomers/oneOf {
		t.Errorf("%d of %d newcomers take the place of others", admitted, newcomers)
	}
	m.Forget()
	if len(m.answers)+len(m.parts) > 0 || m.weight+m.partsWeight != 0 {
		t.Error("it still remembers")
	}
}

func TestWhatIsHeavyIsNotRemembered(t *testing.T) {
	var m Memory[string]
	if _, ok := asked(&m, `{"spec": {"hosts": "`+strings.Repeat("x", Heaviest+1)+`"}}`, false); ok {
		t.Error("a part is")
	}
	q, _ := asked(&m, `{"spec": {}}`, false)
	m.Remember(q, Heaviest+1, own("much"))
	if _, known := m.Recall(q); known {
		t.Error("an answer is")
	}
}

// What lies below no object is not there for Rego, and an error for CEL.
func TestWhatIsThereAndWhatIsNot(t *testing.T) {
	var m Memory[string]
	requests := []string{`{"spec": {"hosts": 1}}`, `{"spec": {"hosts": 2}}`, `{"spec": {"hosts": null}}`, `{"spec": {}}`, `{}`}
	seen := map[Question]string{}
	for _, request := range requests {
		q, ok := asked(&m, request, true)
		if before := seen[q]; before != "" || !ok {
			t.Errorf("%s is taken for %s", request, before)
		}
		seen[q] = request
	}
	for _, request := range []string{`{"spec": 1}`, `{"spec": null}`, `{"spec": ["hosts"]}`, `[]`} {
		if _, ok := asked(&m, request, true); ok {
			t.Errorf("%s is not told apart, and not refused", request)
		}
		if q, ok := asked(&m, request, false); !ok || seen[q] == "" {
			t.Errorf("%s is told apart", request)
		}
	}
}

// Of what is asked no more than whether it is there, its kind counts.
func TestWhatIsThereWhateverItIs(t *testing.T) {
	var m Memory[string]
	reads := Reads{{Path: []string{"a"}, Shallow: true}}
	ask := func(request string) Question {
		q, _ := again(&m, ast.MustParseTerm(request), reads, true)
		return q
	}
	if ask(`{"a": {"b": 1}}`) != ask(`{"a": {}}`) || ask(`{"a": [1]}`) != ask(`{"a": []}`) {
		t.Error("what is in it counts")
	}
	if ask(`{"a": {}}`) == ask(`{"a": []}`) || ask(`{"a": 1}`) == ask(`{"a": 2}`) || ask(`{"a": {}}`) == ask(`{}`) {
		t.Error("its kind does not count")
	}
}

func TestValuesThatAreWrittenOtherwiseAreTold(t *testing.T) {
	var m Memory[string]
	seen := map[uint64]string{}
	for _, text := range []string{`[1]`, `[1.0]`, `[1e0]`, `1`, `1.0`, `{"a": 1}`, `{"a": 1.0}`, `["1"]`, `[true]`, `[null]`, `[]`, `{}`, `""`} {
		number := second(t, &m, text)
		if before := seen[number]; before != "" {
			t.Errorf("%s is taken for %s", text, before)
		}
		seen[number] = text
	}
}

// TestValuesOfOneHashAreTold has two values of one hash: each is known as itself.
func TestValuesOfOneHashAreTold(t *testing.T) {
	var m Memory[string]
	a, b := ast.MustParseTerm(`["x"]`), ast.MustParseTerm(`["y"]`)
	one := second(t, &m, `["x"]`)
	m.parts[b.Hash()] = m.parts[a.Hash()] // as if they shared it
	other, same := second(t, &m, `["y"]`), second(t, &m, `["y"]`)
	if one == other || other != same {
		t.Errorf("the numbers are %d, %d and %d", one, other, same)
	}
}

// second is the number of a value that is met for the second time.
func second(t *testing.T, m *Memory[string], text string) uint64 {
	t.Helper()
	m.number(ast.MustParseTerm(text))
	number, ok := m.number(ast.MustParseTerm(text))
	if !ok {
		t.Errorf("%s has no number", text)
	}
	return number
}
