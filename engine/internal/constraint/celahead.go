package constraint

import (
	"runtime"
	"sync"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"golang.org/x/sync/errgroup"
)

// Kubernetes' compiler takes some milliseconds for the CEL of a template, so all templates are compiled at once, on all
// cores, before the framework's client is given one after the other.

// celCompiled is what compileCEL said of a template.
type celCompiled struct {
	template *celTemplate
	err      error
}

// compileAhead compiles the CEL of templates. Whatever is wrong with one is found, and said, when it is loaded.
func (d *celDriver) compileAhead(objects []*Object) {
	found := map[string][]*templates.ConstraintTemplate{}
	for _, o := range objects {
		if ct := withCEL(o); ct != nil {
			kind := ct.Spec.CRD.Spec.Names.Kind
			found[kind] = append(found[kind], ct)
		}
	}
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0)) // a folder may hold thousands
	for kind, those := range found {
		if len(those) > 1 {
			continue // which of them counts is decided later
		}
		all.Go(func() error {
			defer func() { _ = recover() }() // what panics here panics again where a request can tell it
			template, err := compileCEL(those[0])
			mu.Lock()
			defer mu.Unlock()
			d.compiled[kind] = celCompiled{template, err}
			return nil
		})
	}
	_ = all.Wait() // none returns an error
}

// withCEL is the template of an object if it holds CEL, else nil.
func withCEL(o *Object) *templates.ConstraintTemplate {
	into := emptyTemplate(o.unstructured().GetAPIVersion())
	if into == nil {
		return nil
	}
	if _, err := convert(o, into); err != nil {
		return nil
	}
	ct, err := into.ToVersionless()
	if err != nil || !schema.HasCELEngine(ct) {
		return nil
	}
	return ct
}
