// Package rego is the driver of the constraint framework for templates in Rego: all of them share one compiler.
package rego

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers"
	regoschema "github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/external"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/virtual"
)

var _ drivers.Driver = &Driver{}

// Driver evaluates the Rego of all templates with one compiler, each constraint as one prepared query
// on the terms of the resource. It is filled while a set loads and only read afterwards.
type Driver struct {
	templates  map[string]*Template
	parameters map[string]*ast.Term // by policy name
	compiler   *ast.Compiler
	lasting    *virtual.Rules     // rules whose values are kept from one resource to the next
	keepers    map[string]*keeper // by policy name
	caps       *ast.Capabilities
	Providers  *external.Providers // that templates may ask
	builtins   map[string]*topdown.Builtin
	values     cache.InterQueryValueCache
	caches     cache.InterQueryCache
	strict     bool
	locate     func(*ast.Location) (file string, line, column int)
	mode       compiled.Mode
	runner     *compiled.Runner
	looksUp    bool         // some template reads `data.inventory`
	reads      recall.Reads // what templates read of a review
	memory     memory
}

// Options of a driver: what its templates may ask, whether errors of builtins are errors, who evaluates.
type Options struct {
	AllowExternal bool
	AllowNet      []string
	StrictErrors  bool
	Evaluator     compiled.Mode
}

// New knows no template yet; locate tells where in its file a template's Rego has something.
func New(ctx context.Context, opts Options, locate func(*ast.Location) (file string, line, column int)) *Driver {
	caps := builtins.Capabilities(opts.AllowNet)
	caps.Builtins = append(caps.Builtins, external.Decl)
	providers := external.New(opts.AllowExternal, opts.AllowNet)
	caches, values := rego.NewCaches(ctx)
	return &Driver{
		templates: map[string]*Template{}, parameters: map[string]*ast.Term{}, keepers: map[string]*keeper{}, caps: caps, Providers: providers,
		builtins: map[string]*topdown.Builtin{external.Name: providers.Builtin()},
		values:   values, caches: caches,
		locate: locate, strict: opts.StrictErrors, mode: opts.Evaluator,
	}
}

// Name is that of the framework's Rego driver, which this one stands in for.
func (d *Driver) Name() string { return regoschema.Name }

// AddTemplate parses the template; Link compiles it.
func (d *Driver) AddTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	t, err := parseTemplate(ct)
	if err != nil {
		return err
	}
	d.templates[t.kind] = t
	return nil
}

// RemoveTemplate forgets a template, such as one that does not compile.
func (d *Driver) RemoveTemplate(_ context.Context, ct *templates.ConstraintTemplate) error {
	delete(d.templates, ct.Spec.CRD.Spec.Names.Kind)
	return nil
}

// AddConstraint keeps the parameters as a term; absent ones are an empty object.
func (d *Driver) AddConstraint(_ context.Context, constraint *unstructured.Unstructured) error {
	parameters, _, err := unstructured.NestedFieldNoCopy(constraint.Object, "spec", "parameters")
	if err != nil {
		return err
	}
	if parameters == nil {
		parameters = map[string]any{}
	}
	value, err := ast.InterfaceToValue(parameters)
	if err != nil {
		return err
	}
	d.parameters[gatekeeper.PolicyName(constraint)] = ast.NewTerm(value)
	d.keepers[gatekeeper.PolicyName(constraint)] = &keeper{}
	return nil
}

// RemoveConstraint forgets a constraint.
func (d *Driver) RemoveConstraint(_ context.Context, constraint *unstructured.Unstructured) error {
	delete(d.parameters, gatekeeper.PolicyName(constraint))
	delete(d.keepers, gatekeeper.PolicyName(constraint))
	return nil
}

// AddData refuses: what policies look up comes with the request, so that sets never change.
func (d *Driver) AddData(context.Context, string, storage.Path, any) error {
	return fmt.Errorf("the inventory belongs to the request")
}

// RemoveData has nothing to remove.
func (d *Driver) RemoveData(context.Context, string, storage.Path) error { return nil }

// Dump is not offered.
func (d *Driver) Dump(context.Context) (string, error) { return "", nil }

// GetDescriptionForStat knows no statistics.
func (d *Driver) GetDescriptionForStat(name string) (string, error) {
	return "", fmt.Errorf("unknown statistic `%s`", name)
}

// Link compiles all templates together. Those that do not compile are returned with their errors and
// left out: one bad template must not take the others with it.
func (d *Driver) Link() map[string]error {
	bad := map[string]error{}
	if d.compile(d.kinds()) == nil {
		return bad
	}
	for _, kind := range d.kinds() {
		if err := d.compile([]string{kind}); err != nil {
			bad[kind] = err
			delete(d.templates, kind)
		}
	}
	if err := d.compile(d.kinds()); err != nil { // each compiles alone, and no two share a package
		for _, kind := range d.kinds() {
			bad[kind] = err
		}
	}
	return bad
}

func (d *Driver) kinds() []string {
	out := make([]string, 0, len(d.templates))
	for kind := range d.templates {
		out = append(out, kind)
	}
	sort.Strings(out)
	return out
}

func (d *Driver) compile(kinds []string) error {
	modules := map[string]*ast.Module{}
	for _, kind := range kinds {
		for file, module := range d.templates[kind].modules {
			modules[file] = module
		}
	}
	d.compiler = ast.NewCompiler().WithCapabilities(d.caps)
	if d.compiler.Compile(modules); d.compiler.Failed() {
		return d.compiler.Errors
	}
	d.runner = compiled.NewRunner(d.mode, d.compiler, d.builtins)
	for _, kind := range kinds {
		if err := d.templates[kind].prepare(d.compiler, d.runner); err != nil {
			return err
		}
	}
	d.lasting = lasting(d.compiler)
	d.learnReads()
	d.looksUp = slices.ContainsFunc(kinds, func(kind string) bool { return len(d.templates[kind].LooksUp()) > 0 })
	return nil
}

// Query evaluates constraints against a request. What can't be evaluated becomes a problem of the
// request and says nothing about the resource.
func (d *Driver) Query(ctx context.Context, _ string, constraints []*unstructured.Unstructured, review any, _ ...reviews.ReviewOpt) (*drivers.QueryResponse, error) {
	r, ours := review.(*admission.Request)
	if !ours {
		return nil, fmt.Errorf("unexpected review of type %T", review)
	}
	term, err := r.ReviewTerm()
	if err != nil {
		return nil, err
	}
	response, seen := &drivers.QueryResponse{}, d.view(r, term)
	for _, c := range constraints {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		name := gatekeeper.PolicyName(c)
		e := &evaluation{driver: d, template: d.templates[c.GetKind()], policy: name, review: term, request: r}
		e.question, e.remembers = seen.Question(name, e.template.reads)
		said := e.run(ctx)
		results := make([]types.Result, len(said))
		for i, found := range said {
			results[i].Msg, results[i].Constraint = found.message, c
			r.Prove(&results[i], found.evidence)
			response.Results = append(response.Results, &results[i])
		}
	}
	return response, nil
}

// Referential says whether some template reads `data.inventory`.
func (d *Driver) Referential() bool { return d.looksUp }

// Outside says whether some template calls what may answer otherwise the next time: builtins that ask the clock, chance or
// hosts, and external data.
func (d *Driver) Outside() bool {
	for _, t := range d.templates {
		for _, module := range t.modules {
			if builtins.LeadOutside(module, external.Name) {
				return true
			}
		}
	}
	return false
}

// Template is the Rego of a template by the kind of its constraints, or nil.
func (d *Driver) Template(kind string) *Template { return d.templates[kind] }
