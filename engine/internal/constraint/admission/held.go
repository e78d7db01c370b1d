package admission

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/terms"
)

// Held is an inventory that outlives a request: objects of a cluster, say, as a watch tells of them. What is judged goes by
// one Snapshot of it, whatever is applied meanwhile.
type Held struct {
	limit int64 // of the bytes of all texts

	mu  sync.Mutex
	now *Snapshot
}

// NewHeld is an inventory without objects, whose texts may come to a number of bytes.
func NewHeld(limit int64) *Held { return &Held{limit: limit, now: &Snapshot{}} }

// Snapshot is a state of a held inventory. It never changes and may be shared by goroutines.
type Snapshot struct {
	Objects int
	Bytes   int64 // of the texts of the objects

	root       *node
	namespaces map[string]*namespace
	made       sync.Once
	inventory  *Inventory
	failed     error
}

// Object is a resource that a held inventory is told of, with the size of its text.
type Object struct {
	Term  *ast.Term
	Bytes int64
}

// Named is what Kubernetes tells objects of a version apart by.
type Named struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// Now is the newest state.
func (h *Held) Now() *Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Apply makes the next state: without what is gone, then with these objects, in place of those of their names. Where one
// can't be held, or all would be too large, nothing changes.
func (h *Held) Apply(objects []Object, gone []Named) (*Snapshot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change := &change{edit: editOf(h.now.root), next: &Snapshot{Objects: h.now.Objects, Bytes: h.now.Bytes}}
	change.next.namespaces = maps.Clone(h.now.namespaces)
	for _, name := range gone {
		change.forget(name)
	}
	for _, object := range objects {
		if err := change.learn(object); err != nil {
			return nil, err
		}
	}
	if change.next.Bytes > h.limit {
		return nil, fmt.Errorf("the inventory would hold %d bytes, and may hold %d", change.next.Bytes, h.limit)
	}
	change.next.root, h.now = change.edit.root, change.next
	return h.now, nil
}

// change is a state under construction.
type change struct {
	edit *edit
	next *Snapshot
}

func (c *change) forget(name Named) {
	if isNamespace(name.APIVersion, name.Kind) {
		delete(c.next.namespaces, name.Name)
	}
	c.leaves(c.edit.remove(name.path()))
}

func (c *change) learn(object Object) error {
	name := named(object.Term)
	if name.APIVersion == "" || name.Kind == "" || name.Name == "" {
		return fmt.Errorf("an object without apiVersion, kind or metadata.name can't be looked up")
	}
	if isNamespace(name.APIVersion, name.Kind) {
		ns, err := namespaceOf(object.Term)
		if err != nil {
			return err
		}
		if c.next.namespaces == nil {
			c.next.namespaces = map[string]*namespace{}
		}
		c.next.namespaces[name.Name] = ns
	}
	replaced, _ := c.edit.put(name.path(), object.Term, object.Bytes)
	c.leaves(replaced)
	c.next.Objects, c.next.Bytes = c.next.Objects+1, c.next.Bytes+object.Bytes
	return nil
}

func (c *change) leaves(object *node) {
	if object != nil {
		c.next.Objects, c.next.Bytes = c.next.Objects-1, c.next.Bytes-object.bytes
	}
}

// Namespace is a Namespace object as it was told; nil where there is none.
func (s *Snapshot) Namespace(name string) *ast.Term {
	if known := s.namespaces[name]; known != nil {
		return known.resource
	}
	return nil
}

// Inventory is the state as policies see it, made once.
func (s *Snapshot) Inventory(ctx context.Context) (*Inventory, error) {
	s.made.Do(func() {
		s.inventory = &Inventory{namespaces: s.namespaces, whole: s.root.value()}
		s.failed = s.inventory.store(context.WithoutCancel(ctx), s.root.value())
	})
	return s.inventory, s.failed
}

// With is the state with more resources, which take the place of those of their names.
func (s *Snapshot) With(ctx context.Context, resources []*ast.Term) (*Inventory, error) {
	if len(resources) == 0 {
		return s.Inventory(ctx)
	}
	return inventoryOn(ctx, s, resources, true)
}

func named(resource *ast.Term) Named {
	return Named{
		terms.Text(resource, "apiVersion"), terms.Text(resource, "kind"),
		terms.Text(resource, "metadata", "namespace"), terms.Text(resource, "metadata", "name"),
	}
}

// path is where Gatekeeper's `data.inventory` has the object.
func (n Named) path() []string {
	if n.Namespace == "" {
		return []string{"cluster", n.APIVersion, n.Kind, n.Name}
	}
	return []string{"namespace", n.Namespace, n.APIVersion, n.Kind, n.Name}
}

func isNamespace(apiVersion, kind string) bool { return apiVersion == "v1" && kind == "Namespace" }
