package explore

import (
	"reflect"
	"slices"
	"testing"

	"attest.continuu.ms/engine/internal/trial"
)

func TestEditsChangeOnePlaceOrAreRefused(t *testing.T) {
	const before = `{"input":{"a":[1,2],"doc":"{\"k\":[1]}","n":null,"o":{"p":"q"},"s":"t"}}`
	cases := map[string]struct {
		edit Edit
		want string // "" where it is refused
	}{
		"a value is replaced":            {Edit{Path: Path{"input", "o", "p"}, Value: "z"}, `{"input":{"a":[1,2],"doc":"{\"k\":[1]}","n":null,"o":{"p":"z"},"s":"t"}}`},
		"objects on the way are made":    {Edit{Path: Path{"input", "n", "x"}, Value: true}, `{"input":{"a":[1,2],"doc":"{\"k\":[1]}","n":{"x":true},"o":{"p":"q"},"s":"t"}}`},
		"lists on the way are made":      {Edit{Path: Path{"input", "n", 0}, Value: true}, `{"input":{"a":[1,2],"doc":"{\"k\":[1]}","n":[true],"o":{"p":"q"},"s":"t"}}`},
		"a list grows at its end":        {Edit{Path: Path{"input", "a", 2}, Value: true}, `{"input":{"a":[1,2,true],"doc":"{\"k\":[1]}","n":null,"o":{"p":"q"},"s":"t"}}`},
		"a key is removed":               {Edit{Path: Path{"input", "o", "p"}, Remove: true}, `{"input":{"a":[1,2],"doc":"{\"k\":[1]}","n":null,"o":{},"s":"t"}}`},
		"an element is removed":          {Edit{Path: Path{"input", "a", 0}, Remove: true}, `{"input":{"a":[2],"doc":"{\"k\":[1]}","n":null,"o":{"p":"q"},"s":"t"}}`},
		"a root is removed":              {Edit{Path: Path{"input"}, Remove: true}, `{}`},
		"a document within a text":       {Edit{Path: Path{"input", "doc", inside{}, "k", 0}, Value: true}, `{"input":{"a":[1,2],"doc":"{\"k\":[true]}","n":null,"o":{"p":"q"},"s":"t"}}`},
		"not within a text that is none": {edit: Edit{Path: Path{"input", "s", inside{}, "k"}, Value: true}},
		"not within what is no text":     {edit: Edit{Path: Path{"input", "o", inside{}, "k"}, Value: true}},
		"not past the end of a list":     {edit: Edit{Path: Path{"input", "a", 3}, Value: true}},
		"not before its beginning":       {edit: Edit{Path: Path{"input", "a", -1}, Value: true}},
		"not the element after its last": {edit: Edit{Path: Path{"input", "a", 2}, Remove: true}},
		"not a key that is not there":    {edit: Edit{Path: Path{"input", "none"}, Remove: true}},
		"not a key of a text":            {edit: Edit{Path: Path{"input", "s", "x"}, Value: true}},
		"not an index of an object":      {edit: Edit{Path: Path{"input", "o", 0}, Value: true}},
		"not the world by no object":     {edit: Edit{Value: true}},
		"not the world itself":           {edit: Edit{Remove: true}},
		"not a step that is none":        {edit: Edit{Path: Path{"input", 1.5}, Value: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := world(t, before)
			got, ok := w.Apply(c.edit)
			if ok != (c.want != "") || ok && got.Key() != c.want {
				t.Errorf("%v %s", ok, got.Key())
			}
			if w.Key() != before {
				t.Errorf("the world itself is now %s", w.Key())
			}
		})
	}
}

func TestEveryValueOfAWorldIsFoundWhereTheWalkSaysItIs(t *testing.T) {
	w := world(t, `{"input":{"a":[{"b":1},[]],"c":{"d":null}},"data.x":"y"}`)
	var paths []string
	w.Walk(func(path Path, value any) {
		paths = append(paths, path.String())
		if there, ok := w.At(path); !ok || !reflect.DeepEqual(there, value) {
			t.Errorf("%s is %v, %v", path, there, ok)
		}
	})
	want := []string{"data.x", "input", "input.a", "input.a[0]", "input.a[0].b", "input.a[1]", "input.c", "input.c.d"}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	for name, path := range map[string]Path{"no such key": {"input", "z"}, "a key of a list": {"input", "a", "b"}, "past the end": {"input", "a", 2}, "before the beginning": {"input", "a", -1}, "within no document": {"data.x", inside{}, "a"}} {
		if value, ok := w.At(path); ok {
			t.Errorf("%s: %v", name, value)
		}
	}
}

func TestPathsAreWrittenAsPeopleWriteThem(t *testing.T) {
	for want, path := range map[string]Path{
		`input.a[0].b`: {"input", "a", 0, "b"}, `input["a.b/c"].d`: {"input", "a.b/c", "d"}, `input[""]`: {"input", ""},
		`data.x.y.z`: {"data.x.y", "z"}, `input.s(JSON).k`: {"input", "s", inside{}, "k"},
	} {
		if got := path.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMergeLaysOneValueOverAnother(t *testing.T) {
	cases := map[string]struct{ under, over, want string }{
		"objects key by key":        {`{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":3,"c":4}`},
		"lists item by item":        {`[1,{"a":1},3]`, `[9,{"b":2}]`, `[9,{"a":1,"b":2},3]`},
		"a longer list over one":    {`[1]`, `[2,3]`, `[2,3]`},
		"an object over a text":     {`"x"`, `{"a":1}`, `{"a":1}`},
		"a list over an object":     {`{"a":1}`, `[1]`, `[1]`},
		"null over anything at all": {`{"a":1}`, `null`, `null`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			under, _ := decode(c.under)
			over, _ := decode(c.over)
			if got := Text(Merge(under, over)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if Text(under) != c.under || Text(over) != c.over || Text(Merge(under, under)) != c.under {
				t.Errorf("what was merged has changed, or is not itself: %s %s", Text(under), Text(over))
			}
		})
	}
}

func TestSpreadTakesEvenlyAndInOrder(t *testing.T) {
	even := func(count, limit uint8) bool {
		all := make([]int, count)
		for i := range all {
			all[i] = i
		}
		got := Spread(all, int(limit))
		if len(got) != min(len(all), int(limit)) || !slices.IsSorted(got) {
			return false
		}
		for i := 1; i < len(got); i++ {
			if gap := got[i] - got[i-1]; gap < 1 || gap > len(all)/int(limit)+1 {
				return false
			}
		}
		return true
	}
	trial.Law(t, even)
}

func TestOutcomesAreComparedByTheirResults(t *testing.T) {
	s := open(t, "deny contains input.msg if input.msg\n\nwarn contains \"w\" if input.w\n\nhelper if input.w\n")
	run := func(text string) *Outcome { return s.Run(t.Context(), world(t, text)) }
	none, x, again, both := run(`{"input":{}}`), run(`{"input":{"msg":"x"}}`), run(`{"input":{"msg":"x","more":1}}`), run(`{"input":{"msg":"x","w":true}}`)
	if none.Violates() || !x.Violates() || !both.Violates() {
		t.Error("an outcome violates where some rule has a result")
	}
	if !x.Same(again) || x.Same(none) || x.Same(both) || both.Same(x) {
		t.Error("outcomes are the same where all rules have the same results")
	}
	if !x.Agrees(both, "deny") || x.Agrees(both, "warn") || !none.Agrees(none, "none") {
		t.Error("outcomes agree where one rule has the same result")
	}
	if held := s.HeldEntries(both); !slices.Equal(held, []int{0, 1}) || len(s.HeldEntries(none)) > 0 {
		t.Errorf("rules that hold: %v", held)
	}
}
