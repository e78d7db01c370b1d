package explore

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// searched is a pool in which a policy's seeds were tried, and some worlds more.
func searched(t *testing.T, s *Subject, worlds ...string) *Pool {
	t.Helper()
	var seeds []World
	for _, text := range worlds {
		seeds = append(seeds, world(t, text))
	}
	return Search(context.Background(), s, seeds, len(seeds))
}

func TestTheNearestWorldOfARule(t *testing.T) {
	s := open(t, `deny contains "x" if {
	input.resource.kind == "Pod"
	input.resource.a == 1
	input.resource.a == 2
}

deny contains "y" if input.resource.c == 3
`)
	p := searched(t, s, `{"input": {"resource": {}}}`, `{"input": {"resource": {"kind": "Pod", "a": 1}}}`, `{"input": {"resource": {"kind": "Pod"}}}`)
	depth, nearest := p.Depth(0)
	if depth != 2 || nearest.Key() != `{"input":{"resource":{"a":1,"kind":"Pod"}}}` {
		t.Errorf("%d conditions hold in %s", depth, nearest.Key())
	}
	if none := (&Pool{Subject: s}); none.Climb(context.Background(), 0) {
		t.Error("a pool without worlds has one in which the rule holds")
	}
}

func TestAClimbMakesEditsThatGainNothingByThemselves(t *testing.T) {
	two := `count([c | some c in input.resource.spec.containers; c.image == "x"]) > 1`
	for name, c := range map[string]struct {
		condition string
		found     bool
	}{
		"one edit":             {`input.resource.spec.containers[0].image == "x"`, true},
		"two edits":            {two, true},
		"nothing ever will do": {two + "\n\tinput.resource.a == 1\n\tinput.resource.a == 2", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, "deny contains \"x\" if {\n\tinput.resource.kind == \"Pod\"\n\t"+c.condition+"\n}\n")
			p := searched(t, s, `{"input": {"resource": {"kind": "Pod", "spec": {"containers": [{"image": "a"}, {"image": "b"}]}}}}`)
			if got := p.Climb(context.Background(), 0); got != c.found {
				t.Errorf("found is %v", got)
			}
			ctx, cancel := context.WithCancel(context.Background())
			if cancel(); p.Climb(ctx, 0) {
				t.Error("a climb goes on although nobody waits for it")
			}
		})
	}
}

func TestWorldsOneEditAway(t *testing.T) {
	s := open(t, `deny contains "x" if input.resource.hostPID`)
	p := searched(t, s, `{"input": {"resource": {"hostPID": true, "size": 4}}}`, `{"input": {"resource": {"kind": "Job", "hostPID": false}}}`)
	start := world(t, `{"input": {"resource": {"hostPID": true, "size": 4}}}`)
	keys := map[string]bool{}
	for _, n := range p.Neighbours(context.Background(), start, 1000) {
		if keys[n.World.Key()] || n.World.Key() == start.Key() {
			t.Errorf("twice: %s", n.World.Key())
		}
		keys[n.World.Key()] = true
		changed, ok := start.Apply(n.Edit)
		if !ok || changed.Key() != n.World.Key() {
			t.Errorf("%v does not lead to %s", n.Edit, n.World.Key())
		}
		if got := s.Run(context.Background(), n.World).Violates(); got != n.Outcome.Violates() {
			t.Errorf("%s: violates is %v", n.World.Key(), got)
		}
	}
	for name, want := range map[string]string{
		"a value less":           `{"input":{"resource":{"hostPID":true}}}`,
		"another value":          `{"input":{"resource":{"hostPID":false,"size":4}}}`,
		"a number more":          `{"input":{"resource":{"hostPID":true,"size":5}}}`,
		"what another world has": `{"input":{"resource":{"hostPID":true,"kind":"Job","size":4}}}`,
	} {
		if !keys[want] {
			t.Errorf("%s is not among them: %s", name, want)
		}
	}
	if few := p.Neighbours(context.Background(), start, 2); len(few) != 2 {
		t.Errorf("of two that are wanted, there are %d", len(few))
	}
}

const declared = `# METADATA
# scope: package
# custom:
#   parameters:
#     type: object
#     properties:
#       mode: {enum: [soft, hard]}
#       strict: {type: boolean}
#       limit: {type: [integer, "null"]}
#       names: {type: array}
#       more: {type: object}
#       owner: {type: string}
package p

deny contains "x" if {
	input.resource.kind == "Pod"
	input.parameters.mode == "hard"
	input.parameters.strict
	input.parameters.limit == 3
}
`

func TestDeclaredParametersAreTried(t *testing.T) {
	s := opened(t, declared)
	w := world(t, `{"input": {"resource": {"kind": "Pod"}}}`)
	tried := map[string][]string{}
	for _, e := range s.parameterEdits(w) {
		tried[e.Path.String()] = append(tried[e.Path.String()], Text(e.Value))
	}
	for name, want := range map[string][]string{
		"mode": {`"soft"`, `"hard"`}, "strict": {"false", "true"}, "limit": {"1", "3", "0"}, "names": {"[]", `["example"]`}, "more": {"{}"},
		"owner": {`"example"`, `"1"`, `"1Gi"`},
	} {
		if got := tried["input.parameters."+name]; !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if edits := s.Settle(map[string]any{}).parameterEdits(w); edits != nil {
		t.Errorf("of settled parameters: %v", edits)
	}
	if len(Search(context.Background(), s, []World{w}, 500).Holding(0)) == 0 {
		t.Error("no world with three parameters is found")
	}
}

func TestWorldsNearby(t *testing.T) {
	s := open(t, `deny contains "x" if {
	input.resource.kind == "Pod"
	input.resource.spec.replicas > 3
	object.get(input.resource, "owner", "") == ""
}
`)
	start := world(t, `{"input": {"resource": {"kind": "Pod", "name": "a", "namespace": "b", "spec": {"replicas": 1}}}}`)
	p := searched(t, s, start.Key())
	keys, asked := map[string]bool{}, false
	for _, found := range p.Nearby(context.Background(), start) {
		key := found.World.Key()
		if keys[key] || key == start.Key() {
			t.Errorf("twice: %s", key)
		}
		if got := s.Run(context.Background(), found.World).Violates(); got != found.Outcome.Violates() {
			t.Errorf("%s: violates is %v", key, got)
		}
		keys[key], asked = true, asked || found.Outcome.Held[0]
	}
	if !asked {
		t.Error("in none holds what the next condition asks for")
	}
}

func TestWaysToChangeAWorld(t *testing.T) {
	w := world(t, `{"input": {"resource": {"name": "a", "namespace": "b", "size": 1, "on": true}}}`)
	for name, c := range map[string]struct {
		worlds []World
		want   string
	}{
		"a text becomes a number":       {w.Applied(foreign(w)), `{"input":{"resource":{"name":1,"namespace":"b","on":true,"size":1}}}`},
		"a number becomes a text":       {w.Applied(foreign(w)), `{"input":{"resource":{"name":"a","namespace":"b","on":true,"size":"1"}}}`},
		"a flag becomes a number":       {w.Applied(foreign(w)), `{"input":{"resource":{"name":"a","namespace":"b","on":1,"size":1}}}`},
		"two texts are exchanged":       {swaps(w), `{"input":{"resource":{"name":"b","namespace":"a","on":true,"size":1}}}`},
		"a field is added":              {w.WithFields([]string{"image"}), `{"input":{"resource":{"image":"registry.company.com/shop/web:1.2.3","name":"a","namespace":"b","on":true,"size":1}}}`},
		"a field is added as a flag":    {w.WithFields([]string{"image"}), `{"input":{"resource":{"image":true,"name":"a","namespace":"b","on":true,"size":1}}}`},
		"a field is added as an object": {w.WithFields([]string{"more"}), `{"input":{"resource":{"more":{"example":"example"},"name":"a","namespace":"b","on":true,"size":1}}}`},
	} {
		if !slices.ContainsFunc(c.worlds, func(w World) bool { return w.Key() == c.want }) {
			t.Errorf("%s: not among %d worlds", name, len(c.worlds))
		}
	}
	if n := len(swaps(w)); n != 1 {
		t.Errorf("%d exchanges: a text is no number", n)
	}
	if n := len(w.WithFields([]string{"name"})); n != 0 {
		t.Errorf("%d worlds have a second field of one name", n)
	}
}

func TestManyWorldsOfOneWayAreThinnedEvenly(t *testing.T) {
	way := func(held bool) *Outcome { return &Outcome{Held: []bool{held}, Depth: []int{1}} }
	var all []Found
	for i := range 10 * maxPerShape {
		all = append(all, Found{Outcome: way(true), Size: i})
		if i == 5*maxPerShape {
			all = append(all, Found{Outcome: way(false), Size: -1})
		}
	}
	left := perShape(all)
	if len(left) != maxPerShape+1 || !slices.ContainsFunc(left, func(f Found) bool { return f.Size == -1 }) {
		t.Fatalf("%d are left", len(left))
	}
	for i, found := range slices.DeleteFunc(left, func(f Found) bool { return f.Size == -1 }) {
		if found.Size != 10*i {
			t.Errorf("number %d is %d", i, found.Size)
		}
	}
}

func TestWhatAPersonWouldWrite(t *testing.T) {
	s := open(t, `deny contains "x" if input.resource.kind == "Pod"`)
	p := searched(t, s, `{"input": {"resource": {"kind": "Pod", "size": 4, "tags": ["a"], "zone": {"size": "large"}, "owner": "shop"}}}`)
	for name, c := range map[string]struct {
		path  Path
		value any
		odd   bool
	}{
		"a type that the field has everywhere":       {Path{"spec", "replicas"}, number(1), false},
		"another one":                                {Path{"spec", "replicas"}, "1", true},
		"the type that worlds have":                  {Path{"other", "size"}, number(1), false},
		"another than worlds have":                   {Path{"other", "size"}, "large", true},
		"the type that the field has there":          {Path{"zone", "size"}, "small", false},
		"elements of another type than worlds have":  {Path{"spec", "tags"}, []any{number(1)}, true},
		"elements of that type":                      {Path{"spec", "tags"}, []any{"b"}, false},
		"an empty text":                              {Path{"spec", "unheard"}, "", true},
		"a number as a text, where nothing is known": {Path{"spec", "unheard"}, "1", true},
		"whatever else, where nothing is known":      {Path{"spec", "unheard"}, true, false},
		"an image":                                   {Path{"spec", "image"}, "nginx:1", false},
		"an image that is none":                      {Path{"spec", "image"}, "true", true},
		"an element of a list":                       {Path{"spec", 0}, "", false},
	} {
		if got := p.Odd(c.path, c.value); got != c.odd {
			t.Errorf("%s: %v", name, got)
		}
		if natural := p.Natural(c.path); c.odd && !slices.ContainsFunc(natural, func(v any) bool { return !p.Odd(c.path, v) }) {
			t.Errorf("%s: nothing better among %v", name, natural)
		}
	}
	odd, even := world(t, `{"input": {"resource": {"kind": 1}}}`), world(t, `{"input": {"resource": {"kind": "Pod"}}}`)
	long := world(t, `{"input": {"resource": {"kind": "`+strings.Repeat("x", 50)+`"}}}`)
	more := world(t, `{"input": {"resource": {"kind": "Pod", "size": 1}}}`)
	for name, w := range map[string]World{"an odd value": odd, "a longer one": long, "one more": more} {
		if p.Weigh(w) <= p.Weigh(even) {
			t.Errorf("%s costs no more: %d", name, p.Weigh(w))
		}
	}
}
