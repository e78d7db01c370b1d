// Package virtual keeps what rules and functions came to from one evaluation to the next, where it can't differ: OPA
// itself forgets everything when a query ends.
package virtual

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// Rules is a tree of rule paths; a leaf says whether all its rules are chosen.
type Rules struct {
	children map[string]*Rules
	leaf     bool
	chosen   bool
}

// Choose finds the rules of a compiler for which a property holds, and holds for every rule that they depend on. None
// is nil. The property is asked once of each rule.
func Choose(compiler *ast.Compiler, property func(*ast.Rule) bool) *Rules {
	unfit := map[*ast.Rule]bool{}
	each(compiler, func(rule *ast.Rule) {
		if !property(rule) {
			reach(compiler.Graph.Dependents, rule, unfit)
		}
	})
	root, any := &Rules{}, false
	each(compiler, func(rule *ast.Rule) {
		any = any || !unfit[rule]
		root.add(rule.Ref().GroundPrefix(), !unfit[rule])
	})
	if !any {
		return nil
	}
	return root
}

func each(compiler *ast.Compiler, do func(*ast.Rule)) {
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			do(rule)
		}
	}
}

func (r *Rules) add(ref ast.Ref, chosen bool) {
	node := r
	for _, term := range ref[1:] {
		key, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		if node.children == nil {
			node.children = map[string]*Rules{}
		}
		next := node.children[string(key)]
		if next == nil {
			next = &Rules{}
			node.children[string(key)] = next
		}
		node = next
	}
	node.chosen = chosen && (node.chosen || !node.leaf)
	node.leaf = true
}

// holds says whether what a reference stands for comes from chosen rules alone.
func (r *Rules) holds(ref ast.Ref) bool {
	node := r
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
	return node.leaf && node.chosen && len(node.children) == 0
}

// Follow adds a rule and all that it depends on to what is seen.
func Follow(compiler *ast.Compiler, rule *ast.Rule, seen map[*ast.Rule]bool) {
	reach(compiler.Graph.Dependencies, rule, seen)
}

// reach adds a rule and all that lies beyond it in one direction of the graph of rules.
func reach(next func(util.T) map[util.T]struct{}, rule *ast.Rule, seen map[*ast.Rule]bool) {
	if seen[rule] {
		return
	}
	seen[rule] = true
	for node := range next(rule) {
		if other, ok := node.(*ast.Rule); ok {
			reach(next, other, seen)
		}
	}
}

// Mentions looks for `root.field` in a rule; a use of the root as a whole counts, since it could read anything.
func Mentions(rule *ast.Rule, root *ast.Term, field string) bool {
	return reads(rule, root, func(key *ast.Term) bool {
		name, isText := key.Value.(ast.String)
		return !isText || string(name) == field
	})
}

// MentionsOthers looks for fields of root beside one, or for root as a whole. A field that `object.get` names counts as
// that field: libraries read their parameters so.
func MentionsOthers(rule *ast.Rule, root *ast.Term, field string) bool {
	return reads(rule, root, func(key *ast.Term) bool {
		name, isText := key.Value.(ast.String)
		return !isText || string(name) != field
	})
}

// reads looks for fields of root that a test accepts. A use of the root as a whole counts.
func reads(rule *ast.Rule, root *ast.Term, wanted func(key *ast.Term) bool) bool {
	found := false
	names := namesOf(rule, root)
	var look *ast.GenericVisitor
	look = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if names.given(x) {
				return true
			}
			if key := names.gotten(x); key != nil {
				found = found || wanted(key)
				for _, term := range x.Operands()[2:] {
					look.Walk(term)
				}
				for _, with := range x.With {
					look.Walk(with)
				}
				return true
			}
		case ast.Var:
			found = found || names[x]
		case ast.Ref:
			if head, isVar := x[0].Value.(ast.Var); !isVar || !names[head] {
				return found
			}
			found = found || len(x) < 2 || wanted(x[1])
			for _, operand := range x[1:] {
				look.Walk(operand)
			}
			return true
		}
		return found
	})
	look.Walk(rule)
	return found
}

// names are those that a root document has in a rule: its own, and those of variables that stand for it, since the
// compiler makes `__local__ = input; object.get(__local__, …)` of `object.get(input, …)`.
type names map[ast.Var]bool

func namesOf(rule *ast.Rule, root *ast.Term) names {
	own := root.Value.(ast.Var)
	n := names{own: true}
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		if expr.IsEquality() && len(expr.With) == 0 {
			name, isVar := expr.Operand(0).Value.(ast.Var)
			if isVar && name.IsGenerated() && n.root(expr.Operand(1)) {
				n[name] = true
			}
		}
		return false
	})
	return n
}

// given says whether an expression does no more than give the root a name.
func (n names) given(expr *ast.Expr) bool {
	if !expr.IsEquality() || len(expr.With) > 0 || expr.Negated {
		return false
	}
	name, isVar := expr.Operand(0).Value.(ast.Var)
	return isVar && n[name] && n.root(expr.Operand(1))
}

// gotten is the constant key of `object.get(root, key, …)`, or nil.
func (n names) gotten(expr *ast.Expr) *ast.Term {
	if !expr.IsCall() || expr.Operator().String() != ast.ObjectGet.Name || len(expr.Operands()) < 3 {
		return nil
	}
	if _, constant := expr.Operand(1).Value.(ast.String); !constant || !n.root(expr.Operand(0)) {
		return nil
	}
	return expr.Operand(1)
}

// root says whether a term is the root as a whole.
func (n names) root(term *ast.Term) bool {
	if ref, ok := term.Value.(ast.Ref); ok && len(ref) == 1 {
		term = ref[0]
	}
	name, isVar := term.Value.(ast.Var)
	return isVar && n[name]
}
