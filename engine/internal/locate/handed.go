package locate

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// handed follows what expressions, and the functions that they call, read of a variable.
type handed struct {
	compiler *ast.Compiler
	paths    []ast.Ref
}

// maxHands bounds how many functions hand a value on, and maxReads how much of it is told apart.
const (
	maxHands = 8
	maxReads = 16
)

// readsOf are the keys that lead to what is read of a variable, each from the value that it stands for; no keys are all of
// it. Keys are constants, or variables of the caller.
func readsOf(compiler *ast.Compiler, x any, v ast.Var) []ast.Ref {
	h := &handed{compiler: compiler}
	h.follow(x, v, nil, nil, 0) // the variables of the expression are the caller's
	if len(h.paths) > maxReads {
		return []ast.Ref{{}}
	}
	return h.paths
}

// argument are the keys of what functions read of an argument.
func argument(compiler *ast.Compiler, rules []*ast.Rule, at int) []ast.Ref {
	h := &handed{compiler: compiler}
	h.hand(rules, at, nil, nil, 0)
	return h.paths
}

func (h *handed) read(before ast.Ref, steps ast.Ref, given map[ast.Var]*ast.Term) {
	path := slices.Clone(before)
	for _, step := range steps {
		if v, isVar := step.Value.(ast.Var); isVar && given != nil {
			if step = given[v]; step == nil {
				break
			}
		}
		if !ast.IsScalar(step.Value) {
			if _, isVar := step.Value.(ast.Var); !isVar {
				break
			}
		}
		path = append(path, step)
	}
	if !slices.ContainsFunc(h.paths, func(known ast.Ref) bool { return slices.EqualFunc(known, path, (*ast.Term).Equal) }) {
		h.paths = append(h.paths, path)
	}
}

// follow reads an expression or a rule. What is read of the variable is read below some keys already; `given` are the terms
// that the caller has for other variables.
func (h *handed) follow(x any, v ast.Var, below ast.Ref, given map[ast.Var]*ast.Term, depth int) {
	times, told := 0, 0
	visitVars(x, func(other ast.Var) {
		if other == v {
			times++
		}
	})
	ast.WalkRefs(x, func(ref ast.Ref) bool {
		if len(ref) > 1 && ref[0].Value.Compare(v) == 0 {
			h.read(below, ref[1:], given)
			told++
		}
		return false
	})
	ast.WalkExprs(x, func(e *ast.Expr) bool {
		for at, operand := range operandsOf(e) {
			if name, isVar := operand.Value.(ast.Var); isVar && name == v && h.call(e, at, below, given, depth) {
				told++
			}
		}
		return false
	})
	if rule, isRule := x.(*ast.Rule); isRule {
		for _, arg := range rule.Head.Args {
			if arg.Value.Compare(v) == 0 {
				told++
			}
		}
	}
	if told < times {
		h.read(below, nil, nil)
	}
}

func operandsOf(e *ast.Expr) []*ast.Term {
	if !e.IsCall() {
		return nil
	}
	return e.Operands()
}

// call follows an operand; false where it may be read as a whole.
func (h *handed) call(e *ast.Expr, at int, below ast.Ref, given map[ast.Var]*ast.Term, depth int) bool {
	operands := e.Operands()
	if e.Operator().String() == ast.ObjectGet.Name {
		if at != 0 || len(operands) < 2 || !ast.IsScalar(operands[1].Value) {
			return false
		}
		h.read(below, ast.Ref{operands[1]}, given)
		return true
	}
	if !e.Operator().HasPrefix(ast.DefaultRootRef) || depth == maxHands {
		return false
	}
	rules := h.compiler.GetRulesExact(e.Operator())
	if len(rules) == 0 || at >= len(rules[0].Head.Args) {
		return false
	}
	terms := make([]*ast.Term, len(operands))
	for i, operand := range operands {
		terms[i] = operand
		if v, isVar := operand.Value.(ast.Var); isVar && depth > 0 {
			terms[i] = given[v]
		}
	}
	h.hand(rules, at, below, terms, depth+1)
	return true
}

// hand follows what functions read of what they are given.
func (h *handed) hand(rules []*ast.Rule, at int, below ast.Ref, terms []*ast.Term, depth int) {
	for rule := range chains(rules) {
		v, isVar := rule.Head.Args[at].Value.(ast.Var)
		if !isVar {
			h.read(below, nil, nil)
			continue
		}
		given := map[ast.Var]*ast.Term{}
		for i, arg := range rule.Head.Args {
			if name, isVar := arg.Value.(ast.Var); isVar && i < len(terms) {
				given[name] = terms[i]
			}
		}
		alone := *rule
		alone.Else = nil
		h.follow(&alone, v, below, given, depth)
	}
}
