package admission

import (
	"context"
	"encoding/json"
	"fmt"
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
	object *corev1.Namespace
	term   *ast.Term
}

// NewInventory arranges resources as Gatekeeper's `data.inventory`: by scope, namespace, apiVersion,
// kind and name; of two with the same name the later wins. Namespaces are remembered for selectors.
func NewInventory(ctx context.Context, resources []*ast.Term) (*Inventory, error) {
	return newInventory(ctx, resources, true)
}

// NewNamespaces is an inventory without `data.inventory`, for sets that do not read it.
func NewNamespaces(ctx context.Context, resources []*ast.Term) (*Inventory, error) {
	return newInventory(ctx, resources, false)
}

func newInventory(ctx context.Context, resources []*ast.Term, referential bool) (*Inventory, error) {
	inv := &Inventory{namespaces: map[string]*namespace{}}
	tree, before := branch{}, earlier{}
	for _, resource := range resources {
		if err := inv.remember(resource); err != nil {
			return nil, err
		}
		if !referential {
			continue
		}
		if path, ok := inventoryPath(resource); ok {
			before.note(path, tree.put(path, resource))
		}
	}
	inv.Store = inmem.NewWithOpts(inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	latest := tree.term()
	inv.whole = before.added(tree, latest)
	inv.Stored = ast.NewObject(ast.Item(ast.StringTerm("inventory"), latest))
	if err := inv.write(ctx, latest); err != nil {
		return nil, err
	}
	txn, err := inv.Store.NewTransaction(ctx)
	inv.Txn = txn
	return inv, err
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
func (e earlier) added(tree branch, latest *ast.Term) *ast.Term {
	if len(e) == 0 {
		return latest
	}
	for _, one := range e {
		if one.object != nil {
			tree.put(one.path, one.object)
		}
	}
	return tree.term()
}

func (inv *Inventory) write(ctx context.Context, tree *ast.Term) error {
	return storage.Txn(ctx, inv.Store, storage.WriteParams, func(txn storage.Transaction) error {
		return inv.Store.Write(ctx, txn, storage.AddOp, storage.Path{"inventory"}, tree.Value)
	})
}

func inventoryPath(resource *ast.Term) ([]string, bool) {
	apiVersion, kind := terms.Text(resource, "apiVersion"), terms.Text(resource, "kind")
	if apiVersion == "" || kind == "" {
		return nil, false
	}
	name, ns := terms.Text(resource, "metadata", "name"), terms.Text(resource, "metadata", "namespace")
	if ns == "" {
		return []string{"cluster", apiVersion, kind, name}, true
	}
	return []string{"namespace", ns, apiVersion, kind, name}, true
}

// branch is a nested object under construction: its members are branches or terms.
type branch map[string]any

// put sets a leaf and returns the one that it replaces.
func (b branch) put(path []string, leaf *ast.Term) *ast.Term {
	for _, key := range path[:len(path)-1] {
		next, ok := b[key].(branch)
		if !ok {
			next = branch{}
			b[key] = next
		}
		b = next
	}
	last := path[len(path)-1]
	replaced, _ := b[last].(*ast.Term)
	b[last] = leaf
	return replaced
}

func (b branch) term() *ast.Term {
	items := make([][2]*ast.Term, 0, len(b))
	for key, member := range b {
		leaf, ok := member.(*ast.Term)
		if !ok {
			leaf = member.(branch).term()
		}
		items = append(items, ast.Item(ast.StringTerm(key), leaf))
	}
	return ast.ObjectTerm(items...)
}

// remember keeps a Namespace object.
func (inv *Inventory) remember(resource *ast.Term) error {
	if terms.Text(resource, "apiVersion") != "v1" || terms.Text(resource, "kind") != "Namespace" {
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
	out := &namespace{object: &corev1.Namespace{}}
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
