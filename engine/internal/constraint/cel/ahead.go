package cel

import (
	"runtime"
	"sync"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"golang.org/x/sync/errgroup"
)

// Kubernetes' compiler takes some milliseconds for the CEL of a template, so all templates are compiled at once, on all
// cores, before the framework's client is given one after the other.

// ready is what compile said of a template.
type ready struct {
	template *template
	err      error
}

// CompileAhead compiles the CEL of templates. Whatever is wrong with one is found, and said, when it is loaded.
func (d *Driver) CompileAhead(all []*templates.ConstraintTemplate) {
	found := map[string][]*templates.ConstraintTemplate{}
	for _, ct := range all {
		kind := ct.Spec.CRD.Spec.Names.Kind
		found[kind] = append(found[kind], ct)
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0)) // a folder may hold thousands
	for kind, those := range found {
		if len(those) > 1 {
			continue // which of them counts is decided later
		}
		group.Go(func() error {
			defer func() { _ = recover() }() // what panics here panics again where a request can tell it
			template, err := compile(those[0])
			mu.Lock()
			defer mu.Unlock()
			d.compiled[kind] = ready{template, err}
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}
