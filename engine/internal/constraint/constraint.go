package constraint

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/load"
	"attest.continuu.ms/engine/internal/model"
)

// Options of a set.
type Options = load.Options

// CodeSchema is the code of problems of constraints that break the schema of their template.
const CodeSchema = load.CodeSchema

// Set is an immutable set of constraints, safe for concurrent use.
type Set struct{ loaded *load.Constraints }

// Load makes a set of the Gatekeeper objects of a policy source: templates before the constraints that
// need them, whatever the order of the files. Problems that are errors name what is not enforced; the
// rest of the set works.
func Load(ctx context.Context, objects []gatekeeper.Object, opts Options) (*Set, []model.Policy, []model.Problem) {
	loaded, policies, problems := load.Load(ctx, objects, opts)
	if loaded == nil {
		return nil, policies, problems
	}
	return &Set{loaded}, policies, problems
}

// Close lets go what is kept from one review to the next; reviews that have begun may end. A nil set holds nothing.
func (s *Set) Close() {
	if s != nil {
		s.loaded.Close()
	}
}

// Empty says whether the set judges nothing.
func (s *Set) Empty() bool { return s.loaded.Empty() }

// Outside says whether what some template answers may depend on more than the resource, its Namespace, the inventory and
// the parameters.
func (s *Set) Outside() bool { return s.loaded.Outside() }

// NeedsInventory says whether some template reads `data.inventory`: only then is the inventory worth
// building beforehand.
func (s *Set) NeedsInventory() bool { return s.loaded.NeedsInventory() }

// Reaches says whether one of the constraints that are selected, by name, may apply to objects of a kind.
func (s *Set) Reaches(selected map[string]bool, kind schema.GroupVersionKind) bool {
	return s.loaded.Reaches(selected, kind)
}

// Synced are the kinds that the Config and SyncSets of the set put into `data.inventory` of a cluster.
func (s *Set) Synced() []model.Kind { return s.loaded.Synced }
