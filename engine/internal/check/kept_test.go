package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// everything is a policy whose words are of all that a request may differ in: parameters, data, inventory, resource.
const everything = `# METADATA
# custom:
#   inventory: [Secret]
package demo

violation contains sprintf("%s %s %s %v", [greeting(input.resource.metadata.name), data.shop.name, input.parameters.word, known])

greeting(name) := concat(" ", [w, name]) if w := input.parameters.word

known := sort([name | some name, _ in data.inventory.namespace[_].v1.Secret])
`

// long takes longer than a short deadline, on every machine.
const long = `package long

violation contains "done" if count([1 | some i in numbers.range(1, 400); some j in numbers.range(1, 400); some k in numbers.range(1, 400); i + j + k < 0]) == 0
`

func loadWith(t *testing.T, mode compiled.Mode, data string, policies ...string) *policyset.Set {
	t.Helper()
	var paths []string
	for i, text := range policies {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("p%d.rego", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, _, problems := policyset.Load(t.Context(), policyset.Params{Paths: paths, Data: []byte(data), OPA: true, Gatekeeper: true, Evaluator: mode})
	if model.HasErrors(problems) {
		t.Fatal(problems)
	}
	return set
}

// breaking panics when it is told of a document.
type breaking struct{}

func (breaking) Begin(_ rego.Evaluation, q *topdown.Query) *topdown.Query { return q }
func (breaking) End(rego.Evaluation, []rego.Violation, []model.Problem)   {}
func (breaking) Document(*load.Document)                                  { panic("a bug") }
func (breaking) Judged(Judged)                                            {}
func (breaking) Constraint(_ string, _ *ast.Compiler, q *topdown.Query) (*topdown.Query, func()) {
	return q, func() {}
}

// asking is a request with its own of everything, and what it must say.
func asking(i int, shop string) (params Params, want string) {
	word, known := fmt.Sprintf("word-%d", i%5), fmt.Sprintf("secret-%d", i%3)
	return Params{
		Policies: []rego.Selection{{Name: "demo", Parameters: map[string]any{"word": word}}},
		Inputs:   []Text{{File: "a", Text: configMap(fmt.Sprintf("map-%d", i), "x")}},
		Known:    []Text{{File: "k", Text: secret(known)}},
	}, fmt.Sprintf("%s map-%d %s %s [%q]", word, i, shop, word, known)
}

func saidOf(ctx context.Context, set *policyset.Set, params Params) (said []string, err error) {
	_, err = Run(ctx, set, params, func(b Batch) error {
		for _, f := range b.Findings {
			said = append(said, f.Message)
		}
		for _, p := range b.Problems {
			said = append(said, p.Code)
		}
		return nil
	})
	return said, err
}

// Requests of every kind at once, of two sets: each must be answered as if it were alone.
func TestRequestsAtOnceDoNotSeeEachOther(t *testing.T) {
	for _, mode := range []compiled.Mode{compiled.OPA, compiled.Compiled} {
		t.Run(string(mode), func(t *testing.T) {
			sets := map[string]*policyset.Set{}
			for _, shop := range []string{"first", "second"} {
				sets[shop] = loadWith(t, mode, fmt.Sprintf(`{"shop": {"name": %q}}`, shop), everything, long)
			}
			var clients sync.WaitGroup
			for client := range 8 {
				clients.Go(func() {
					for i := range 12 {
						shop := []string{"first", "second"}[(i+client)%2]
						disturb(t, sets[shop], client+i)
						params, want := asking(100*client+i, shop)
						said, err := saidOf(t.Context(), sets[shop], params)
						if err != nil || !slices.Equal(said, []string{want}) {
							t.Errorf("%q, %v, want %q", said, err, want)
						}
					}
				})
			}
			clients.Wait()
		})
	}
}

// disturb makes a request that ends early in one way or another.
func disturb(t *testing.T, set *policyset.Set, i int) {
	t.Helper()
	params, _ := asking(i, "")
	switch i % 4 {
	case 0:
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := saidOf(ctx, set, params); !errors.Is(err, context.Canceled) {
			t.Errorf("of a request that was cancelled: %v", err)
		}
	case 1:
		params.Policies, params.Timeout = []rego.Selection{{Name: "long"}}, 1
		if said, err := saidOf(t.Context(), set, params); err != nil || !slices.Equal(said, []string{"eval_timeout"}) {
			t.Errorf("of one that takes too long: %q, %v", said, err)
		}
	case 2:
		params.Watch = func() Watcher { return breaking{} }
		if said, err := saidOf(t.Context(), set, params); err != nil || !slices.Equal(said, []string{"engine_internal"}) {
			t.Errorf("of one with a panic: %q, %v", said, err)
		}
	case 3:
		params.Policies = []rego.Selection{{Name: "demo", Parameters: map[string]any{"word": map[string]any{"no": "text"}}}}
		if said, err := saidOf(t.Context(), set, params); err != nil || len(said) == 0 {
			t.Errorf("of one with an error of a builtin: %q, %v", said, err)
		}
	}
}

func TestParametersThatChangeInPlaceAreSeen(t *testing.T) {
	set := loadWith(t, compiled.Compiled, `{"shop": {"name": "s"}}`, everything)
	params, _ := asking(0, "s")
	for _, word := range []string{"one", "two"} {
		params.Policies[0].Parameters["word"] = word
		if said, err := saidOf(t.Context(), set, params); err != nil || !strings.HasPrefix(said[0], word) {
			t.Errorf("%q, %v, want %s", said, err, word)
		}
	}
}

// heap is what lives after a collection, in bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}

func TestASetThatIsClosedHoldsNothing(t *testing.T) {
	once := func() *policyset.Set {
		set := loadWith(t, compiled.Compiled, `{"shop": {"name": "s"}}`, everything)
		for i := range 20 {
			params, _ := asking(i, "s")
			params.Inputs[0].Text = strings.Replace(params.Inputs[0].Text, `"1"`, fmt.Sprintf("%q", strings.Repeat("y", 100_000)), 1)
			if _, err := saidOf(t.Context(), set, params); err != nil {
				t.Fatal(err)
			}
		}
		return set
	}
	once().Close()
	before, goroutines := heap(), runtime.NumGoroutine()
	for range 8 {
		once().Close()
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes, there were %d", after, before)
	}
	if now := runtime.NumGoroutine(); now > goroutines+2 {
		t.Errorf("%d goroutines, there were %d", now, goroutines)
	}
}

func TestASetThatIsClosedAnswersThoseWhoStillAsk(t *testing.T) {
	set := loadWith(t, compiled.Compiled, `{"shop": {"name": "s"}}`, everything)
	params, want := asking(1, "s")
	for range 2 {
		if said, err := saidOf(t.Context(), set, params); err != nil || !slices.Equal(said, []string{want}) {
			t.Errorf("%q, %v, want %q", said, err, want)
		}
		set.Close()
	}
}
