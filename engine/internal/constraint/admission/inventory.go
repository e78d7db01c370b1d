package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	corev1 "k8s.io/api/core/v1"

	"attest.continuu.ms/engine/internal/constraint/terms"
)

// Inventory is what policies may look up beside the resource that they judge: `data.inventory` and the
// Namespace objects. It never changes and may be shared by goroutines.
type Inventory struct {
	// Store holds `data`, to be read in Txn; Stored is the same as a value.
	Store  storage.Store
	Txn    storage.Transaction
	Stored ast.Value

	whole      *ast.Term // below `inventory`, with what was there before
	namespaces map[string]*namespace
}

type namespace struct {
	resource *ast.Term // as it was told
	object   *corev1.Namespace
	term     *ast.Term
}

// NewInventory arranges resources as Gatekeeper's `data.inventory`: by scope, namespace, apiVersion,
// kind and name; of two with the same name the later wins. Namespaces are remembered for selectors.
func NewInventory(ctx context.Context, resources []*ast.Term) (*Inventory, error) {
	return inventoryOn(ctx, &Snapshot{}, resources, true)
}

// NewNamespaces is an inventory without `data.inventory`, for sets that do not read it.
func NewNamespaces(ctx context.Context, resources []*ast.Term) (*Inventory, error) {
	return inventoryOn(ctx, &Snapshot{}, resources, false)
}

// inventoryOn adds resources to a state, which stays as it is.
func inventoryOn(ctx context.Context, base *Snapshot, resources []*ast.Term, referential bool) (*Inventory, error) {
	inv := &Inventory{namespaces: maps.Clone(base.namespaces)}
	if inv.namespaces == nil {
		inv.namespaces = map[string]*namespace{}
	}
	tree, before := editOf(base.root), earlier{}
	for _, resource := range resources {
		if err := inv.remember(resource); err != nil {
			return nil, err
		}
		name := named(resource)
		if !referential || name.APIVersion == "" || name.Kind == "" {
			continue
		}
		// What is added takes the place of what is in the state; two that are added may both be meant.
		if replaced, own := tree.put(name.path(), resource, 0); own {
			before.note(name.path(), replaced.object)
		}
	}
	latest := tree.root.value()
	inv.whole = before.added(tree.root, latest)
	return inv, inv.store(ctx, latest)
}

// store makes the store of a tree, and a transaction to read it in.
func (inv *Inventory) store(ctx context.Context, tree *ast.Term) (err error) {
	inv.Store = inmem.NewWithOpts(inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	inv.Stored = ast.NewObject(ast.Item(ast.StringTerm("inventory"), tree))
	if err := inv.write(ctx, tree); err != nil {
		return err
	}
	inv.Txn, err = inv.Store.NewTransaction(ctx)
	return err
}

// Whole is what plain policies see as `data.inventory`: that of Gatekeeper, and of objects that several files define
// (alternative installs, say) the earlier ones too, under a key that no version of an API has: `apps/v1 (2)`.
func (inv *Inventory) Whole() *ast.Term { return inv.whole }

// earlier are the objects that others of their name replaced, by the path at which they are kept.
type earlier map[string]kept

type kept struct {
	path   []string
	object *ast.Term
	times  int
}

func (e earlier) note(path []string, replaced *ast.Term) {
	if replaced == nil {
		return
	}
	key := strings.Join(path, "\x00")
	times := max(2, e[key].times+1)
	version := len(path) - 3
	aside := slices.Clone(path)
	aside[version] = fmt.Sprintf("%s (%d)", path[version], times)
	e[key] = kept{times: times}
	e[strings.Join(aside, "\x00")] = kept{path: aside, object: replaced}
}

// added is the tree with them, or as it is where there are none.
func (e earlier) added(root *node, latest *ast.Term) *ast.Term {
	if len(e) == 0 {
		return latest
	}
	tree := editOf(root)
	for _, one := range e {
		if one.object != nil {
			tree.put(one.path, one.object, 0)
		}
	}
	return tree.root.value()
}

func (inv *Inventory) write(ctx context.Context, tree *ast.Term) error {
	return storage.Txn(ctx, inv.Store, storage.WriteParams, func(txn storage.Transaction) error {
		return inv.Store.Write(ctx, txn, storage.AddOp, storage.Path{"inventory"}, tree.Value)
	})
}

// remember keeps a Namespace object.
func (inv *Inventory) remember(resource *ast.Term) error {
	if !isNamespace(terms.Text(resource, "apiVersion"), terms.Text(resource, "kind")) {
		return nil
	}
	ns, err := namespaceOf(resource)
	if err != nil {
		return err
	}
	inv.namespaces[ns.object.Name] = ns
	return nil
}

func namespaceOf(t *ast.Term) (*namespace, error) {
	raw, err := terms.JSON(t)
	if err != nil {
		return nil, err
	}
	out := &namespace{resource: t, object: &corev1.Namespace{}}
	if err := json.Unmarshal(raw, out.object); err != nil {
		return nil, fmt.Errorf("namespace `%s`: %w", terms.Text(t, "metadata", "name"), err)
	}
	object, err := util.NamespaceToMap(out.object)
	if err != nil {
		return nil, err
	}
	value, err := ast.InterfaceToValue(object)
	if err != nil {
		return nil, err
	}
	out.term = ast.NewTerm(value)
	return out, nil
}
