package cel

import (
	"testing"

	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

func TestWhatVariablesSee(t *testing.T) {
	all := trees{}
	expressions := map[string]struct {
		text string
		want sight
	}{
		"anyObject":      {"object == null ? oldObject : object", seesRequest},
		"params":         {"!has(params.spec) ? null : params.spec.parameters", seesConstraint},
		"constant":       {"[1, 2].map(x, x + int('1')) == dyn([])", seesNothing},
		"containers":     {"has(variables.anyObject.spec) ? variables.anyObject.spec.containers : []", seesRequest},
		"asked":          {"request.operation == 'UPDATE' || oldObject == null", seesRequest},
		"images":         {"variables.params.images.filter(i, i.endsWith('*')).map(i, i + 'x')", seesConstraint},
		"both":           {"variables.containers.exists(c, c.image in variables.images)", seesRequest | seesConstraint},
		"through both":   {"variables.both", seesRequest | seesConstraint},
		"namespace":      {"namespaceObject.metadata.name", seesMore},
		"authorizer":     {"authorizer.path('/').check('get').allowed()", seesMore},
		"another name":   {"unheardOf == 1", seesMore},
		"a message":      {"Object{spec: 1} == 1", seesMore},
		"by a key":       {"variables['containers']", seesMore},
		"optionally":     {"variables.?params", seesMore},
		"of another":     {"variables.nowhere", seesMore},
		"of itself":      {"variables.itself", seesMore},
		"itself":         {"variables.itself", seesMore},
		"no CEL":         {"no CEL", seesMore},
		"a hidden name":  {"[1].all(object, object == 1)", seesRequest},
		"two names":      {"variables.params.all(i, x, x == i)", seesConstraint},
		"half a macro":   {"variables.params.filter(authorizer)", seesConstraint | seesMore},
		"no macro":       {"variables.params.unheardOf(v, v == 1)", seesConstraint | seesMore},
		"in a map":       {"{'a': object.a, params.b: 1}", seesRequest | seesConstraint},
		"has":            {"has(params.spec.x)", seesConstraint},
		"of an optional": {"variables.params.?x.optMap(v, v + 1)", seesConstraint},
	}
	for name, one := range expressions {
		all[name] = parsedLater(one.text)
	}
	found := sharesOf(all)
	for name, one := range expressions {
		if got := found[name].sight; got != one.want && (one.want != seesMore || got&seesMore == 0) {
			t.Errorf("%s sees %b, want %b", name, got, one.want)
		}
	}
}

func TestWhatMeansTheSame(t *testing.T) {
	of := func(expressions map[string]string) share {
		all := trees{}
		for name, text := range expressions {
			all[name] = parsedLater(text)
		}
		return sharesOf(all)["v"]
	}
	one := of(map[string]string{"v": "variables.a + variables.b", "a": "object.a", "b": "object.b", "c": "1"})
	for name, c := range map[string]struct {
		other map[string]string
		same  bool
	}{
		"the same, beside others":      {map[string]string{"v": "variables.a + variables.b", "a": "object.a", "b": "object.b", "d": "2"}, true},
		"written otherwise":            {map[string]string{"v": "variables.b + variables.a", "a": "object.a", "b": "object.b"}, false},
		"one that is used is another":  {map[string]string{"v": "variables.a + variables.b", "a": "object.a", "b": "object.c"}, false},
		"those that are used swapped":  {map[string]string{"v": "variables.a + variables.b", "a": "object.b", "b": "object.a"}, false},
		"one that is used is not here": {map[string]string{"v": "variables.a + variables.b", "a": "object.a"}, false},
	} {
		if got := of(c.other); (got == one) != c.same {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// counted is a list that counts how often it is asked for its value.
type counted struct {
	traits.Lister
	asked *int
}

func (c counted) Value() any {
	*c.asked++
	return c.Lister.Value()
}

func TestWhatIsKeptHasFoundAllOfIt(t *testing.T) {
	asked, a := 0, celtypes.DefaultTypeAdapter
	list := func() ref.Val {
		return counted{celtypes.NewRefValList(a, []ref.Val{celtypes.Int(1)}), &asked}
	}
	value := celtypes.NewRefValList(a, []ref.Val{
		list(), celtypes.NewRefValMap(a, map[ref.Val]ref.Val{celtypes.String("k"): list()}), celtypes.NullValue, celtypes.NewErr("no"),
	})
	kept := lasting{}
	first := kept.keep("v", &variable{value: value})
	if again := kept.keep("v", &variable{value: celtypes.NullValue}); again != first {
		t.Error("of two, the first does not count")
	}
	if asked != 2 {
		t.Errorf("%d of 2 lists were asked for their value", asked)
	}
}
