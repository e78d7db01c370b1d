package load

import (
	"context"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/controller/config/process"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint/cel"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/expand"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/match"
	"attest.continuu.ms/engine/internal/constraint/rego"
	"attest.continuu.ms/engine/internal/model"
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

// Constraints are the objects of a policy source, ready to judge. It is safe for concurrent use once it is loaded.
type Constraints struct {
	Client   *client.Client    // judges
	Expander *expand.Expander  // makes what follows from a workload
	Excluder *process.Excluder // knows which namespaces the Config exempts
	Synced   []model.Kind      // what the Config and SyncSets put into `data.inventory` of a cluster, sorted

	driver    *rego.Driver
	handler   *match.Handler
	cel       *cel.Driver                   // nil where templates are judged by their Rego alone
	templates map[string]*template          // by kind
	policies  map[string]*gatekeeper.Object // constraints by policy name
}

// template is a loaded template with its origin.
type template struct {
	*templates.ConstraintTemplate
	origin *gatekeeper.Object
	rego   *rego.Template // nil where CEL judges
	broken bool
}

func newConstraints(ctx context.Context, opts Options) (*Constraints, error) {
	s := &Constraints{
		templates: map[string]*template{}, policies: map[string]*gatekeeper.Object{},
		Excluder: process.New(), Expander: expand.New(),
	}
	s.handler = match.New(func(u *unstructured.Unstructured) *gatekeeper.Object { return s.policies[gatekeeper.PolicyName(u)] })
	s.driver = rego.New(ctx, rego.Options{
		AllowExternal: opts.AllowExternal, AllowNet: opts.AllowNet, StrictErrors: opts.StrictErrors, Evaluator: opts.Evaluator,
	}, s.regoLocation)
	args := []client.Opt{
		client.Targets(s.handler), client.IgnoreNoReferentialDriverWarning(true),
		client.EnforcementPoints(enforcement.Webhook, enforcement.Audit, enforcement.Gator, enforcement.CLI),
	}
	if opts.CEL { // first, so that templates that carry both are judged by CEL, as in Gatekeeper
		s.cel = cel.New(s.celLocation)
		args = append(args, client.Driver(s.cel))
	}
	var err error
	s.Client, err = client.NewClient(append(args, client.Driver(s.driver))...)
	return s, err
}

// Empty says whether the set judges nothing.
func (s *Constraints) Empty() bool { return len(s.policies) == 0 }

// Outside says whether what some template answers may depend on the clock, on chance or on hosts.
func (s *Constraints) Outside() bool { return s.driver.Outside() }

// NeedsInventory says whether some template reads `data.inventory`: only then is the inventory worth
// building beforehand.
func (s *Constraints) NeedsInventory() bool { return s.driver.Referential() }

// Reaches says whether one of the constraints that are selected may apply to objects of a kind. Where workloads are
// expanded it may be to what follows from them.
func (s *Constraints) Reaches(selected map[string]bool, kind schema.GroupVersionKind) bool {
	for name, constraint := range s.policies {
		if selected[name] && (!s.Expander.Empty() || match.Reaches(constraint, kind)) {
			return true
		}
	}
	return false
}

// Close lets go what is kept from one review to the next; reviews that have begun may end.
func (s *Constraints) Close() {
	s.driver.Close()
	if s.cel != nil {
		s.cel.Close()
	}
}

// Load makes a set of the Gatekeeper objects of a policy source: templates before the constraints that
// need them, whatever the order of the files. Problems that are errors name what is not enforced; the
// rest of the set works.
func Load(ctx context.Context, objects []gatekeeper.Object, opts Options) (*Constraints, []model.Policy, []model.Problem) {
	s, err := newConstraints(ctx, opts)
	if err != nil {
		return nil, nil, []model.Problem{{Severity: model.Error, Code: "gatekeeper", Message: err.Error()}}
	}
	l := &loader{Constraints: s, ctx: ctx, opts: opts}
	byRole := map[gatekeeper.Role][]*gatekeeper.Object{}
	for i := range objects {
		if o := l.normal(&objects[i]); o != nil {
			byRole[gatekeeper.RoleOf(o.Value)] = append(byRole[gatekeeper.RoleOf(o.Value)], o)
		}
	}
	l.each(byRole[gatekeeper.RoleProvider], l.provider)
	if s.cel != nil {
		s.cel.CompileAhead(allWithCEL(byRole[gatekeeper.RoleTemplate]))
	}
	l.each(byRole[gatekeeper.RoleTemplate], l.template)
	l.link()
	l.each(byRole[gatekeeper.RoleConfig], l.config)
	l.each(byRole[gatekeeper.RoleSyncSet], l.syncSet)
	l.each(byRole[gatekeeper.RoleExpansion], l.expansion)
	l.each(byRole[gatekeeper.RoleConstraint], l.constraint)
	l.each(byRole[gatekeeper.RoleMutator], l.mutator)
	l.neverFiring(byRole[gatekeeper.RoleConstraint])
	return s, l.policies(), l.problems
}
