package compiled

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// dataStart finds where a reference into data begins: at a rule, in the store, or at a package that is asked for
// as a whole.
func (u *unit) dataStart(r ast.Ref) start {
	node := u.program.compiler.RuleTree.Child(ast.DefaultRootDocument.Value)
	pos := 1
	for ; pos < len(r) && node != nil && ast.IsScalar(r[pos].Value); pos++ {
		node = node.Child(r[pos].Value)
		if node != nil && len(node.Values) > 0 {
			return start{get: u.document(node, r[:pos+1]), rest: r[pos+1:]}
		}
	}
	if node != nil {
		return start{get: u.extent(node, r[:pos]), rest: r[pos:]}
	}
	n := constantSteps(r, pos)
	return start{get: u.stored(r[:n]), rest: r[n:], base: true}
}

// document is the value of the rules at a node.
func (u *unit) document(node *ast.TreeNode, r ast.Ref) getter {
	d := u.use(node, r)
	return func(m *Machine, _ frame) *ast.Term {
		if m.layer.targets != nil && m.replaces(r) {
			return m.replacement(r)
		}
		return m.document(d)
	}
}

func (u *unit) use(node *ast.TreeNode, r ast.Ref) *document {
	p := u.program
	d, known := p.documents[node]
	if !known {
		d = &document{id: p.docs, ref: r, node: node}
		p.docs++
		p.documents[node] = d
		p.pending = append(p.pending, d)
	}
	u.uses = append(u.uses, d)
	return d
}

// stored is a document of the store, which no rule has a part in.
func (u *unit) stored(r ast.Ref) getter {
	u.sees(seesMore)
	return func(m *Machine, _ frame) *ast.Term {
		if m.layer.targets == nil {
			return m.read(r)
		}
		return m.overlaid(r)
	}
}

func (m *Machine) read(r ast.Ref) *ast.Term {
	v := m.root
	for _, key := range r[1:] {
		if v == nil {
			return nil
		}
		v = m.baseChild(v, key)
	}
	return v
}

// replaces says whether `with` put something in the place of a document, or of one that it is a part of.
func (m *Machine) replaces(r ast.Ref) bool {
	for _, target := range m.layer.targets {
		if r.HasPrefix(target) {
			return true
		}
	}
	return false
}

func (m *Machine) replacement(r ast.Ref) *ast.Term {
	v := m.layer.data
	for _, key := range r[1:] {
		if v == nil {
			return nil
		}
		v = member.At(v, key)
	}
	return v
}

// overlaid is a document of the store where `with` replaces some. OPA merges what it finds in both, in a way that
// depends on how far the reference goes.
func (m *Machine) overlaid(r ast.Ref) *ast.Term {
	put := m.replacement(r)
	if m.replaces(r) {
		return put
	}
	stored := m.read(r)
	switch {
	case put == nil:
		return stored
	case stored != nil:
		m.fail("`with` changes a part of a document")
		return nil
	}
	return put
}

// extent is what a package and those below it come to, with the documents of the store in the same place.
func (u *unit) extent(node *ast.TreeNode, r ast.Ref) getter {
	u.sees(seesMore)
	virtual := u.leaves(node, r)
	return func(m *Machine, f frame) *ast.Term {
		if m.layer.targets != nil {
			if m.replaces(r) {
				return m.replacement(r)
			}
			if m.replacement(r) != nil {
				m.fail("`with` changes a part of a package")
				return nil
			}
		}
		rules, stored := virtual(m, f), m.read(r)
		if rules == nil || stored == nil {
			return rules
		}
		return m.merge(r, stored, rules)
	}
}

// leaves makes an object of all rules below a node.
func (u *unit) leaves(node *ast.TreeNode, r ast.Ref) getter {
	var keys []*ast.Term
	var parts []getter
	for _, key := range node.Sorted {
		child := node.Children[key]
		if child.Hide {
			continue
		}
		name := ast.NewTerm(key)
		keys = append(keys, name)
		if path := r.Append(name); len(child.Values) > 0 {
			parts = append(parts, u.document(child, path))
		} else {
			parts = append(parts, u.leaves(child, path))
		}
	}
	return func(m *Machine, f frame) *ast.Term {
		object := ast.NewObject()
		for i, part := range parts {
			if v := part(m, f); v != nil {
				object.Insert(keys[i], v)
			}
			if m.stopped() {
				return nil
			}
		}
		return ast.NewTerm(object)
	}
}

// merge joins documents of the store and rules. Which of them wins a conflict depends on how OPA came there.
func (m *Machine) merge(r ast.Ref, stored, rules *ast.Term) *ast.Term {
	a, isObject := stored.Value.(ast.Object)
	if !isObject || len(r) == 1 && a.Get(systemKey) != nil {
		m.fail("documents of the store and rules in one place")
		return nil
	}
	merged, _ := rules.Value.(ast.Object).MergeWith(a, func(_, _ *ast.Term) (*ast.Term, bool) {
		m.fail("documents of the store and rules in one place")
		return nil, true
	})
	if m.why != "" {
		return nil
	}
	return ast.NewTerm(merged)
}

var systemKey = ast.NewTerm(ast.SystemDocumentKey)
