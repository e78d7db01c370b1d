package constraint

import (
	"context"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/controller/config/process"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/expansion"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Enforcement points at which a review can take place.
const (
	Webhook = util.WebhookEnforcementPoint
	Audit   = util.AuditEnforcementPoint
	Gator   = util.GatorEnforcementPoint
	// CLI is ours: constraints that are scoped to gator's point are enforced at it too.
	CLI = "cli.attest.continuu.ms"
)

// Options of a set.
type Options struct {
	// CEL evaluates templates that carry CEL by their CEL; without it by their Rego, as gator's flag
	// does.
	CEL bool
	// AllowExternal lets templates ask every Provider among the policies; AllowNet names hosts that
	// may be asked by http.send and as providers.
	AllowExternal bool
	AllowNet      []string
	// StrictErrors makes errors of builtins errors, not warnings.
	StrictErrors bool
	Evaluator    compiled.Mode
}

// Set is an immutable set of constraints, safe for concurrent use.
type Set struct {
	client    *client.Client
	driver    *driver
	handler   *handler
	cel       *celDriver // nil where templates are judged by their Rego alone
	expander  *expander
	excluder  *process.Excluder
	templates map[string]*template // by kind
	policies  map[string]*Object   // constraints by policy name
}

// template is a loaded template with its origin.
type template struct {
	*templates.ConstraintTemplate
	origin *Object
	rego   *regoTemplate // nil where CEL judges
	broken bool
}

func newSet(ctx context.Context, opts Options) (*Set, error) {
	s := &Set{
		templates: map[string]*template{}, policies: map[string]*Object{},
		excluder: process.New(), expander: &expander{system: expansion.NewSystem(nil), sources: map[string]string{}},
	}
	s.handler = &handler{origin: func(u *unstructured.Unstructured) *Object { return s.policies[policyName(u)] }}
	s.driver = newDriver(ctx, opts)
	s.driver.locate = s.regoLocation
	args := []client.Opt{
		client.Targets(s.handler), client.IgnoreNoReferentialDriverWarning(true),
		client.EnforcementPoints(Webhook, Audit, Gator, CLI),
	}
	if opts.CEL { // first, so that templates that carry both are judged by CEL, as in Gatekeeper
		s.cel = &celDriver{templates: map[string]*celTemplate{}, compiled: map[string]celCompiled{}, locate: s.celLocation}
		args = append(args, client.Driver(s.cel))
	}
	var err error
	s.client, err = client.NewClient(append(args, client.Driver(s.driver))...)
	return s, err
}

func newDriver(ctx context.Context, opts Options) *driver {
	caps := builtins.Capabilities(opts.AllowNet)
	caps.Builtins = append(caps.Builtins, externalDataDecl)
	providers := newProviders(opts)
	caches, values := rego.NewCaches(ctx)
	return &driver{
		templates: map[string]*regoTemplate{}, parameters: map[string]*ast.Term{}, keepers: map[string]*keeper{}, caps: caps, providers: providers,
		builtins: map[string]*topdown.Builtin{externalDataName: providers.builtin()},
		values:   values, caches: caches,
		strict: opts.StrictErrors, mode: opts.Evaluator,
	}
}

// Empty says whether the set judges nothing.
func (s *Set) Empty() bool { return len(s.policies) == 0 }

// NeedsInventory says whether some template reads `data.inventory`: only then is the inventory worth
// building beforehand.
func (s *Set) NeedsInventory() bool {
	for _, t := range s.driver.templates {
		if t.referential() {
			return true
		}
	}
	return false
}

// Load makes a set of the Gatekeeper objects of a policy source: templates before the constraints that
// need them, whatever the order of the files. Problems that are errors name what is not enforced; the
// rest of the set works.
func Load(ctx context.Context, objects []Object, opts Options) (*Set, []model.Policy, []model.Problem) {
	s, err := newSet(ctx, opts)
	if err != nil {
		return nil, nil, []model.Problem{{Severity: model.Error, Code: "gatekeeper", Message: err.Error()}}
	}
	l := &loader{Set: s, ctx: ctx, opts: opts}
	byRole := map[role][]*Object{}
	for i := range objects {
		if o := l.normal(&objects[i]); o != nil {
			byRole[roleOf(o.Value)] = append(byRole[roleOf(o.Value)], o)
		}
	}
	l.each(byRole[roleProvider], l.provider)
	if s.cel != nil {
		s.cel.compileAhead(byRole[roleTemplate])
	}
	l.each(byRole[roleTemplate], l.template)
	l.link()
	l.each(byRole[roleConfig], l.config)
	l.each(byRole[roleExpansion], l.expansion)
	l.each(byRole[roleConstraint], l.constraint)
	l.each(byRole[roleMutator], l.mutator)
	l.neverFiring(byRole[roleConstraint])
	return s, l.policies(), l.problems
}
