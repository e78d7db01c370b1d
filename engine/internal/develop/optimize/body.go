package optimize

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// body is the conjunction of a rule, a comprehension or an `every`, as it stands in the source.
type body struct {
	rule       *ast.Rule
	statements ast.Body
	heads      []*ast.Term // evaluated after the statements
	bound      []variables // before each statement
	loops      []bool      // which statements have a result for each of several values
	around     *ast.Expr   // the loop that a closure stands in; nil without
	outer      variables   // what is bound before that loop
}

type variables map[ast.Var]bool

func (v variables) with(more variables) variables {
	out := make(variables, len(v)+len(more))
	for name := range v {
		out[name] = true
	}
	for name := range more {
		out[name] = true
	}
	return out
}

// without are those of these variables that no others by the same name stand in front of.
func (v variables) without(hidden variables) variables {
	out := v.with(nil)
	for name := range hidden {
		delete(out, name)
	}
	return out
}

// holds says whether all of some variables are among these.
func (v variables) holds(all variables) bool {
	for name := range all {
		if !v[name] {
			return false
		}
	}
	return true
}

// bodies lists a rule's bodies: its own, those of its `else` branches, and the closures in them.
func (s *source) bodies(rule *ast.Rule) []*body {
	var out []*body
	for r := rule; r != nil; r = r.Else {
		args := variables{}
		for _, arg := range r.Head.Args {
			args = args.with(s.variables(arg, true))
		}
		out = append(out, s.body(&body{rule: r, statements: r.Body, heads: headTerms(r.Head)}, args)...)
	}
	return out
}

func headTerms(head *ast.Head) []*ast.Term {
	var out []*ast.Term
	for _, term := range append(head.Ref()[1:], head.Key, head.Value) {
		if term != nil && term.Location != nil {
			out = append(out, term)
		}
	}
	return out
}

// body analyses a conjunction, and the closures in it after it.
func (s *source) body(b *body, bound variables) []*body {
	out := []*body{b}
	around, outer := b.around, b.outer
	inside := func(node any, bound variables) {
		for _, closure := range s.closures(node) {
			hidden := closure.hides()
			closure.body.rule, closure.body.around, closure.body.outer = b.rule, around, outer.without(hidden)
			out = append(out, s.body(closure.body, bound.without(hidden).with(closure.own))...)
		}
	}
	for _, statement := range b.statements {
		b.bound = append(b.bound, bound)
		b.loops = append(b.loops, s.iterates(statement, bound))
		if around == nil && s.iterates(statement, bound) {
			around, outer = statement, bound
		}
		inside(statement, bound)
		bound = bound.with(s.binds(statement))
	}
	b.bound = append(b.bound, bound)
	for _, head := range b.heads {
		inside(head, bound)
	}
	return out
}

// closure is a body inside another, with the variables that it has of its own from the start.
type closure struct {
	body *body
	own  variables
}

// hides are the names that mean other variables in a closure than around it: all through it, though a declaration
// holds from its statement on only. So nothing is known of what stands before it.
func (c closure) hides() variables {
	out := c.own.with(nil)
	for _, statement := range c.body.statements {
		out = out.with(declarations(statement))
	}
	return out
}

// closures are the bodies directly inside a statement or a term.
func (s *source) closures(node any) []closure {
	var out []closure
	add := func(statements ast.Body, own variables, heads ...*ast.Term) {
		out = append(out, closure{&body{statements: statements, heads: heads}, own})
	}
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension:
			add(x.Body, nil, x.Term)
		case *ast.SetComprehension:
			add(x.Body, nil, x.Term)
		case *ast.ObjectComprehension:
			add(x.Body, nil, x.Key, x.Value)
		case *ast.Every:
			own := s.variables(x.Value, true)
			if x.Key != nil {
				own = own.with(s.variables(x.Key, true))
			}
			add(x.Body, own)
			out = append(out, s.closures(x.Domain)...)
		default:
			return false
		}
		return true
	})
	visitor.Walk(node)
	return out
}

// variables are those in a node that are local to its rule, wildcards included.
func (s *source) variables(node any, skipClosures bool) variables {
	out := variables{}
	visitor := ast.NewVarVisitor().WithParams(ast.VarVisitorParams{SkipRefCallHead: true, SkipClosures: skipClosures})
	visitor.Walk(node)
	for name := range visitor.Vars() {
		if !s.globals[name] {
			out[name] = true
		}
	}
	return out
}

// binds are the variables that have a value after a statement.
func (s *source) binds(statement *ast.Expr) variables {
	if _, is := statement.Terms.(*ast.Every); is || statement.Negated || declares(statement) {
		return variables{}
	}
	return s.variables(statement, true)
}

// declares says that a statement is `some x`, without `in`.
func declares(statement *ast.Expr) bool {
	decl, ok := statement.Terms.(*ast.SomeDecl)
	if !ok || len(decl.Symbols) == 0 {
		return false
	}
	_, member := decl.Symbols[0].Value.(ast.Call)
	return !member
}

// declarations are the variables that a statement makes, whatever has their names before it.
func declarations(statement *ast.Expr) variables {
	out := variables{}
	look := func(node any) {
		ast.WalkVars(node, func(v ast.Var) bool {
			out[v] = true
			return false
		})
	}
	switch terms := statement.Terms.(type) {
	case *ast.SomeDecl:
		for _, symbol := range terms.Symbols {
			if call, ok := symbol.Value.(ast.Call); ok {
				for _, target := range call[1 : len(call)-1] {
					look(target)
				}
			} else {
				look(symbol)
			}
		}
	case []*ast.Term:
		if statement.IsAssignment() {
			look(terms[1])
		}
	}
	return out
}

// iterates says whether a statement may hold for several values of its variables.
func (s *source) iterates(statement *ast.Expr, bound variables) bool {
	if statement.Negated {
		return false
	}
	switch terms := statement.Terms.(type) {
	case *ast.Every:
		return false
	case *ast.SomeDecl:
		return !declares(statement)
	case []*ast.Term:
		if terms[0].Equal(ast.NewTerm(ast.WalkBuiltin.Ref())) {
			return true
		}
	}
	found := false
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true
		case ast.Call:
			found = found || x[0].Equal(ast.NewTerm(ast.WalkBuiltin.Ref()))
		case ast.Ref:
			for _, key := range x[1:] {
				if v, ok := key.Value.(ast.Var); ok && !bound[v] && !s.globals[v] {
					found = true
				}
			}
		}
		return found
	}).Walk(statement)
	return found
}

// loopBetween is the first statement with several results in [from, to), or -1.
func (b *body) loopBetween(from, to int) int {
	for i := from; i < to; i++ {
		if b.loops[i] {
			return i
		}
	}
	return -1
}

// earliest is the first statement before which all of some variables have values; -1 where that is not so
// before statement k either.
func (b *body) earliest(needed variables, k int) int {
	for i := 0; i <= k; i++ {
		if b.bound[i].holds(needed) {
			return i
		}
	}
	return -1
}

// plain says whether a statement holds or fails by itself: it is not negated, no closure and has no `with`.
func plain(statement *ast.Expr) bool {
	_, every := statement.Terms.(*ast.Every)
	return !every && !statement.Negated && len(statement.With) == 0 && !declares(statement)
}
