package terms

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestUnstructuredIsWhatKubernetesDecodes holds resources to their JSON, read by Kubernetes; what it refuses is refused in its words.
func TestUnstructuredIsWhatKubernetesDecodes(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 11))
	refused := 0
	for range 20_000 {
		resource := randomTerm(random, 4)
		if random.IntN(8) > 0 {
			resource = ast.ObjectTerm(Pair("kind", randomTerm(random, 0)), Pair("spec", resource), Pair("list", randomTerm(random, 3)))
		}
		want, wrong := throughJSON(resource)
		got, err := Unstructured(resource)
		if (err == nil) != (wrong == nil) || err != nil && err.Error() != wrong.Error() || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v\ngot  %#v, %v\nwant %#v, %v", resource, got, err, want, wrong)
		}
		if err != nil {
			refused++
		}
	}
	if refused < 100 || refused > 15_000 {
		t.Errorf("%d of 20,000 were refused", refused)
	}
	if got, err := Unstructured(nil); got != nil || err != nil {
		t.Errorf("nothing became %v, %v", got, err)
	}
}

func throughJSON(resource *ast.Term) (map[string]any, error) {
	raw, err := JSON(resource)
	if err != nil {
		return nil, err
	}
	var out unstructured.Unstructured
	err = json.Unmarshal(raw, &out)
	return out.Object, err
}

func randomTerm(random *rand.Rand, depth int) *ast.Term {
	texts := []string{"", "Pod", "kind", "a.b", "é<&>\u2028", "v1", "1"}
	if random.IntN(50) == 0 {
		texts = []string{"\xff", "a\xc3"}
	}
	text := func() *ast.Term { return ast.StringTerm(texts[random.IntN(len(texts))]) }
	numbers := []json.Number{"0", "-0", "1", "1.0", "1e3", "1.5", "-7", "9223372036854775807", "9223372036854775808", "1e400", "0.1", "100000000000000000000", "007", "0x1F", "+5", "NaN", "Inf", "1_000", ""}
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch random.IntN(kinds) {
	case 0:
		if depth == 3 && random.IntN(3) == 0 {
			return ast.NullTerm()
		}
		return text()
	case 1:
		most := 8
		if random.IntN(20) == 0 {
			most = len(numbers)
		}
		return ast.NumberTerm(numbers[random.IntN(most)])
	case 2:
		return ast.BooleanTerm(random.IntN(2) == 0)
	case 3:
		return text()
	case 4:
		var elements []*ast.Term
		for range random.IntN(4) {
			elements = append(elements, randomTerm(random, depth-1))
		}
		return ast.ArrayTerm(elements...)
	}
	var members [][2]*ast.Term
	for range random.IntN(4) {
		key := text()
		if random.IntN(100) == 0 {
			key = ast.NumberTerm("3")
		}
		members = append(members, ast.Item(key, randomTerm(random, depth-1)))
	}
	return ast.ObjectTerm(members...)
}
