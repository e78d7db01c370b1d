package admission

import (
	"context"
	"encoding/json"
	"fmt"

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

	tree       *ast.Term // below `inventory`
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
	tree := branch{}
	for _, resource := range resources {
		if err := inv.remember(resource); err != nil {
			return nil, err
		}
		if !referential {
			continue
		}
		if path, ok := inventoryPath(resource); ok {
			tree.put(path, resource)
		}
	}
	inv.Store = inmem.NewWithOpts(inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	inv.tree = tree.term()
	inv.Stored = ast.NewObject(ast.Item(ast.StringTerm("inventory"), inv.tree))
	if err := inv.write(ctx, inv.tree); err != nil {
		return nil, err
	}
	txn, err := inv.Store.NewTransaction(ctx)
	inv.Txn = txn
	return inv, err
}

// Tree is what policies see as `data.inventory`.
func (inv *Inventory) Tree() *ast.Term { return inv.tree }

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

func (b branch) put(path []string, leaf *ast.Term) {
	for _, key := range path[:len(path)-1] {
		next, ok := b[key].(branch)
		if !ok {
			next = branch{}
			b[key] = next
		}
		b = next
	}
	b[path[len(path)-1]] = leaf
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
