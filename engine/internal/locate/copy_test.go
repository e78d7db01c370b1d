package locate

import (
	"context"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// TestACopyServesAllRules asks the shipped policies about real manifests, with one copy of each resource for all of them
// and with a copy for each.
func TestACopyServesAllRules(t *testing.T) {
	policies, documents := shipped(t), manifests(t)
	places := 0
	for i := 0; i < len(documents); i += 1 + len(documents)/60 {
		var shared *Copy
		for _, p := range policies {
			q := p.query(t, documents[i], "{}")
			found := entries(t, q)
			if len(found) == 0 {
				continue
			}
			want := pathsOf(t, q, found)
			if shared == nil {
				shared = NewCopy(q.Resource)
			}
			q.Copy = shared
			if got := pathsOf(t, q, found); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v of document %d: got %v, want %v", q.Rule, i, got, want)
			}
			places += len(found)
		}
	}
	if places == 0 {
		t.Error("nothing was found")
	}
	t.Logf("%d places", places)
}

// pathsOf are the places that the evaluation tells, whatever the entries state.
func pathsOf(t testing.TB, q Query, found []*ast.Term) [][]any {
	t.Helper()
	paths, open := make([][]any, len(found)), make([]wanted, len(found))
	for i, entry := range found {
		open[i] = wanted{term: entry, index: i}
	}
	if err := evaluate(context.Background(), q, open, paths); err != nil {
		t.Fatal(err)
	}
	return paths
}
