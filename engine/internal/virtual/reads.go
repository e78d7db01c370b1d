package virtual

import (
	"cmp"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Read is a part of `input` that rules look at.
type Read struct {
	// Path leads to it from `input`.
	Path []string
	// Shallow is true where no more is asked than whether it is there, and what a scalar is.
	Shallow bool
	// Keys are how the keys of an object begin whose members count; nil where all of it does.
	Keys []string
}

// ReadsOf are the parts of `input` that rules and all that these depend on look at: two inputs that agree in these parts,
// each where it is and each where it is not, are one for the rules. Known is false where that can't be told.
func ReadsOf(compiler *ast.Compiler, rules []*ast.Rule) (reads []Read, known bool) {
	all := map[*ast.Rule]bool{}
	for _, rule := range rules {
		Follow(compiler, rule, all)
	}
	r := &readers{
		compiler: compiler, parts: map[*ast.Rule]map[ast.Var]paths{}, tests: map[*ast.Rule]map[ast.Var]int{},
		beginnings: sync.OnceValue(func() *beginnings { return newBeginnings(compiler, all, rules) }),
	}
	for rule := range all {
		if replaces(rule) {
			return nil, false
		}
		r.parts[rule], r.tests[rule] = map[ast.Var]paths{}, equalities(rule)
	}
	for r.changed = true; r.changed; {
		r.changed = false
		for rule := range all {
			r.walk(rule, func(Read) {})
		}
	}
	for rule := range all {
		r.walk(rule, func(read Read) { reads = append(reads, read) })
	}
	return Least(reads), true
}

// replaces says whether a rule has a `with`: below it, `input` and functions are others.
func replaces(rule *ast.Rule) bool {
	found := false
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		found = found || len(expr.With) > 0
		return found
	})
	return found
}

// equalities counts in how many a variable is one side: one of them gives it a value, any other compares. An argument
// has one already.
func equalities(rule *ast.Rule) map[ast.Var]int {
	counts := map[ast.Var]int{}
	for other := rule; other != nil; other = other.Else {
		for _, arg := range other.Head.Args {
			ast.WalkVars(arg, func(name ast.Var) bool {
				counts[name]++
				return false
			})
		}
	}
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		if expr.IsEquality() {
			for _, operand := range expr.Operands() {
				if name, isVar := operand.Value.(ast.Var); isVar {
					counts[name]++
				}
			}
		}
		return false
	})
	return counts
}

// readers follow the parts of `input` through variables and the parameters of functions.
type readers struct {
	compiler *ast.Compiler
	parts    map[*ast.Rule]map[ast.Var]paths // what variables of a rule stand for
	tests    map[*ast.Rule]map[ast.Var]int   // in how many equalities they are a side
	changed  bool

	beginnings func() *beginnings // few rules make keys
	expr       *ast.Expr          // that is looked at
}

// paths are those from `input` that a variable may stand for.
type paths [][]string

func (r *readers) learn(rule *ast.Rule, v ast.Var, path []string) {
	known, followed := r.parts[rule]
	if !followed { // an `else`, whose rule is walked as a whole
		known = map[ast.Var]paths{}
		r.parts[rule] = known
	}
	if !slices.ContainsFunc(known[v], func(one []string) bool { return slices.Equal(one, path) }) {
		known[v] = append(known[v], path)
		r.changed = true
	}
}

// walk tells each read of a rule, and learns what variables stand for on the way.
func (r *readers) walk(rule *ast.Rule, tell func(Read)) {
	var look *ast.GenericVisitor
	whole := func(found paths) {
		for _, path := range found {
			tell(Read{Path: path})
		}
	}
	look = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Rule:
			r.expr = nil
			r.parameters(rule, x)
		case *ast.Head: // its arguments are given what they stand for
			for _, term := range append(x.Reference[1:len(x.Reference):len(x.Reference)], x.Key, x.Value) {
				if term != nil {
					look.Walk(term)
				}
			}
			return true
		case *ast.Expr:
			r.expr = x
			return r.expression(rule, x, look, tell)
		case ast.Var:
			whole(r.standsFor(rule, ast.NewTerm(x)))
			return true
		case ast.Ref:
			keys := r.keys(x)
			for _, path := range r.standsFor(rule, ast.NewTerm(x)) {
				tell(Read{Path: path, Keys: keys})
			}
			for _, key := range x[1:] {
				look.Walk(key)
			}
			return true
		}
		return false
	})
	look.Walk(rule)
}

// keys are how the first key of a reference begins that it does not name, where that is known.
func (r *readers) keys(ref ast.Ref) []string {
	named := 1 + len(keysOf(ref))
	if named >= len(ref) {
		return nil
	}
	b := r.beginnings()
	here, isOfBody := b.at[r.expr]
	if !isOfBody {
		return nil
	}
	b.steps = 0
	texts, known := b.of(ref[named], here)
	if !known {
		return nil
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// parameters learns what the parameters of an `else` stand for: the same as those of the function's first rule.
func (r *readers) parameters(rule, other *ast.Rule) {
	for i, arg := range other.Head.Args {
		own, isVar := arg.Value.(ast.Var)
		if first, same := rule.Head.Args[i].Value.(ast.Var); isVar && same && rule != other {
			for _, path := range r.parts[rule][first] {
				r.learn(rule, own, path)
			}
		}
	}
}

// expression reads one that gives a part another name, or hands it to a function; false for any other.
func (r *readers) expression(rule *ast.Rule, expr *ast.Expr, look *ast.GenericVisitor, tell func(Read)) bool {
	if expr.IsEquality() {
		for i := range 2 {
			name, isVar := expr.Operand(i).Value.(ast.Var)
			other := expr.Operand(1 - i)
			if found := r.standsFor(rule, other); isVar && r.tests[rule][name] == 1 && name.IsGenerated() && len(found) > 0 && exact(other) {
				r.rename(rule, name, found, tell)
				return true
			}
		}
		return false
	}
	if !expr.IsCall() {
		return false
	}
	if r.gets(rule, expr, tell) {
		for _, operand := range expr.Operands()[2:] {
			look.Walk(operand)
		}
		return true
	}
	if !expr.Operator().HasPrefix(ast.DefaultRootRef) {
		return false
	}
	functions := r.compiler.GetRulesExact(expr.Operator())
	for i, operand := range expr.Operands() {
		found := r.standsFor(rule, operand)
		if len(found) == 0 || !exact(operand) || !r.give(functions, i, found, tell) {
			look.Walk(operand)
		}
	}
	return true
}

// gets tells what an `object.get` of a part reads, where it names the key; false for any other call.
func (r *readers) gets(rule *ast.Rule, expr *ast.Expr, tell func(Read)) bool {
	if expr.Operator().String() != ast.ObjectGet.Name || len(expr.Operands()) < 3 {
		return false
	}
	found := r.standsFor(rule, expr.Operand(0))
	key, isText := expr.Operand(1).Value.(ast.String)
	if !isText || len(found) == 0 || !exact(expr.Operand(0)) {
		return false
	}
	for _, path := range found {
		tell(Read{Path: path, Shallow: true})
		tell(Read{Path: append(path[:len(path):len(path)], string(key))})
	}
	return true
}

func (r *readers) rename(rule *ast.Rule, name ast.Var, found paths, tell func(Read)) {
	for _, path := range found {
		r.learn(rule, name, path)
		tell(Read{Path: path, Shallow: true})
	}
}

// give makes the parameter of functions stand for what they are given; false where they take it apart.
func (r *readers) give(functions []*ast.Rule, at int, found paths, tell func(Read)) bool {
	for _, function := range functions {
		if at >= len(function.Head.Args) {
			return false // it is the result
		}
		if _, isVar := function.Head.Args[at].Value.(ast.Var); !isVar || r.parts[function] == nil {
			return false
		}
	}
	for _, function := range functions {
		r.rename(function, function.Head.Args[at].Value.(ast.Var), found, tell)
	}
	return len(functions) > 0
}

// standsFor are the paths of the parts of `input` that a term leads to, as far as it names their keys.
func (r *readers) standsFor(rule *ast.Rule, term *ast.Term) paths {
	ref, isRef := term.Value.(ast.Ref)
	if !isRef {
		ref = ast.Ref{term}
	}
	head, isVar := ref[0].Value.(ast.Var)
	if !isVar {
		return nil
	}
	roots := r.parts[rule][head]
	if head.Equal(ast.InputRootDocument.Value) {
		roots = paths{{}}
	}
	keys := keysOf(ref)
	out := make(paths, len(roots))
	for i, root := range roots {
		out[i] = slices.Concat(root, keys)
	}
	return out
}

// exact says whether a term names all keys of what it leads to.
func exact(term *ast.Term) bool {
	ref, isRef := term.Value.(ast.Ref)
	return !isRef || len(keysOf(ref)) == len(ref)-1
}

// keysOf are the texts with which the keys of a reference begin.
func keysOf(ref ast.Ref) (keys []string) {
	for _, key := range ref[1:] {
		text, isText := key.Value.(ast.String)
		if !isText {
			break
		}
		keys = append(keys, string(text))
	}
	return keys
}

// extent is less where more is read.
func (r Read) extent() int {
	switch {
	case r.Shallow:
		return 2
	case r.Keys != nil:
		return 1
	}
	return 0
}

// Least leaves out what others say as well, in an order that is always the same.
func Least(reads []Read) []Read {
	slices.SortFunc(reads, func(a, b Read) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.extent(), b.extent()), slices.Compare(a.Keys, b.Keys))
	})
	var out []Read
	for _, read := range reads { // what is above comes before
		said := slices.ContainsFunc(out, func(one Read) bool {
			return one.extent() == 0 && len(one.Path) <= len(read.Path) && slices.Equal(one.Path, read.Path[:len(one.Path)]) ||
				one.extent() == read.extent() && slices.Equal(one.Path, read.Path) && slices.Equal(one.Keys, read.Keys)
		})
		if !said {
			out = append(out, read)
		}
	}
	return out
}
