package explore

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Reads lists the names that a rule may look up in its input or in data, by itself or through the rules
// that it uses. Names of rules and packages, and what values are compared with, are no part of it.
func (s *Subject) Reads(number int) []string {
	if known, ok := s.reads[number]; ok {
		return known
	}
	found := map[string]bool{}
	seen := map[*ast.Rule]bool{}
	for todo := []*ast.Rule{s.Rules[number].Rule}; len(todo) > 0; todo = todo[1:] {
		if rule := todo[0]; !seen[rule] {
			seen[rule] = true
			s.readsOf(rule, found)
			for dependency := range s.Set.Compiler.Graph.Dependencies(rule) {
				if used, ok := dependency.(*ast.Rule); ok {
					todo = append(todo, used)
				}
			}
		}
	}
	s.reads[number] = slices.Sorted(maps.Keys(found))
	return s.reads[number]
}

func (s *Subject) readsOf(rule *ast.Rule, found map[string]bool) {
	refer := func(ref ast.Ref) { s.names(ref, found) }
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Expr:
			if !node.IsCall() || compares(node, refer) {
				return node.IsCall()
			}
			for _, operand := range node.Operands() { // not the operator: `object.get` reads no field `get`
				visitor.Walk(operand)
			}
			for _, with := range node.With {
				visitor.Walk(with)
			}
			return true
		case ast.Ref:
			refer(node)
			return true
		case ast.String:
			if node != "" {
				found[string(node)] = true
			}
		}
		return false
	})
	visitor.Walk(rule.Head.Args)
	visitor.Walk(rule.Body)
	if rule.Head.Key == nil && len(rule.Head.Args) > 0 && rule.Head.Value != nil {
		visitor.Walk(rule.Head.Value)
	}
}

// names adds the keys of a reference, or the document under `data` that no rule makes.
func (s *Subject) names(ref ast.Ref, found map[string]bool) {
	if ref[0].Equal(ast.DefaultRootDocument) {
		if external := s.external(ref); external != nil {
			found[external.String()] = true
		}
		return
	}
	for _, key := range ref[1:] {
		if text, ok := key.Value.(ast.String); ok {
			found[string(text)] = true
		}
	}
}

// comparing are the builtins whose constants are values, and no names of fields.
var comparing = []string{
	"sprintf", "eq", "neq", "equal", "lt", "lte", "gt", "gte", "startswith", "endswith", "contains", "regex.match", "re_match",
	"glob.match", "internal.member_2",
}

// compares says that an expression compares values; the fields that it reads are looked at by themselves.
func compares(expr *ast.Expr, visit func(ast.Ref)) bool {
	if !expr.IsCall() || !slices.Contains(comparing, expr.Operator().String()) {
		return false
	}
	for _, operand := range expr.Operands() {
		ast.WalkRefs(operand, func(ref ast.Ref) bool {
			visit(ref)
			return false
		})
	}
	return true
}
