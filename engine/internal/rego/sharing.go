package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Policies are asked one by one about a resource, with inputs that differ in `parameters` alone. What
// a rule says that can't see the parameters is therefore the same for all of them: the first policy
// that needs the containers of a Pod finds them, and the others look them up.

// paths is a tree of rule paths; a leaf says whether its rules are the same for every policy.
type paths struct {
	children map[string]*paths
	leaf     bool
	same     bool
}

// samePaths finds the rules of a compiler that do not depend on the parameters.
func samePaths(compiler *ast.Compiler) *paths {
	root := &paths{}
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			root.add(rule.Ref().GroundPrefix(), !dependsOnParameters(compiler, rule))
		}
	}
	return root
}

func dependsOnParameters(compiler *ast.Compiler, rule *ast.Rule) bool {
	seen := map[*ast.Rule]bool{}
	follow(compiler, rule, seen)
	for each := range seen {
		if mentions(each, ast.InputRootDocument, "parameters") {
			return true
		}
	}
	return false
}

func (p *paths) add(ref ast.Ref, same bool) {
	node := p
	for _, term := range ref[1:] {
		key, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		if node.children == nil {
			node.children = map[string]*paths{}
		}
		next := node.children[string(key)]
		if next == nil {
			next = &paths{}
			node.children[string(key)] = next
		}
		node = next
	}
	node.same = same && (node.same || !node.leaf)
	node.leaf = true
}

// holds says whether what a reference stands for is the same for every policy.
func (p *paths) holds(ref ast.Ref) bool {
	node := p
	for _, term := range ref[1:] {
		if node.leaf {
			break
		}
		key, ok := term.Value.(ast.String)
		if !ok {
			return false
		}
		if node = node.children[string(key)]; node == nil {
			return false
		}
	}
	return node.leaf && node.same && len(node.children) == 0
}

// sharing is a cache of one evaluation that keeps what is the same for every policy in a cache of the
// resource. Below `with` nothing is the same.
type sharing struct {
	topdown.VirtualCache
	shared topdown.VirtualCache
	same   *paths
	depth  int
}

func (c *sharing) Push() {
	c.depth++
	c.VirtualCache.Push()
}

func (c *sharing) Pop() {
	c.depth--
	c.VirtualCache.Pop()
}

func (c *sharing) Get(ref ast.Ref) (*ast.Term, bool) { return c.cache(ref).Get(ref) }

func (c *sharing) Put(ref ast.Ref, value *ast.Term) { c.cache(ref).Put(ref, value) }

func (c *sharing) cache(ref ast.Ref) topdown.VirtualCache {
	if c.depth == 0 && c.same.holds(ref) {
		return c.shared
	}
	return c.VirtualCache
}
