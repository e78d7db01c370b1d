package locate

import (
	"regexp"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// role says what an expression does in its body.
type role int

const (
	ignored    role = iota
	condition       // it can fail the body, and that is its purpose
	definition      // it gives a variable its value, and conditions depend on it
	unused          // it gives a variable its value, and only the text depends on it
)

// expr is what is known of an expression of a compiled body before it is evaluated.
type expr struct {
	role    role
	negated bool
	alias   bool  // variable = reference: it names a value, it does not compute one
	named   bool  // the variable has a name in the source; the compiler made up the others
	walks   bool  // it goes over the elements of a collection and tests none
	exempts bool  // it calls a helper that makes exceptions, by its name
	text    bool  // it puts words together
	hands   bool  // it hands its operands to a function, which tells what it reads of them
	texted  bool  // what it defines becomes part of a text
	pos     int   // the index of the last condition that it serves
	deps    []int // the definitions that it depends on
	outputs []ast.Var
	reads   []read
	calls   []call
}

// plan is what is known of a body.
type plan struct {
	exprs []expr
	tests bool // some expression can fail for a reason other than that a collection is empty
}

// read is an operand: a variable, or a reference with its operands.
type read struct {
	term *ast.Term
	open int       // the first key of the reference that the evaluation enumerates; 0 when there is none
	key  *ast.Term // of object.get: a key or list of keys below term
	// nowhere says that it is no part of the resource, though some may be read of it; known to recipes alone.
	nowhere bool
}

// call is a use of other rules.
type call struct {
	rules  []*ast.Rule
	ref    ast.Ref // its first prefix elements name the rules
	prefix int
	args   []*ast.Term
}

var exemption = regexp.MustCompile(`(?i)exempt|exclu|ignor|skip|waive|exception`)

// analysis reads one body.
type analysis struct {
	compiler *ast.Compiler
	bound    func(*ast.Term) bool // has a value before the body starts
	seen     map[ast.Var]bool
}

// analyse tells the roles of the expressions of a body. What the sinks depend on matters like a condition.
func analyse(compiler *ast.Compiler, body ast.Body, sinks []*ast.Term, bound func(*ast.Term) bool) plan {
	a := analysis{compiler: compiler, bound: bound, seen: map[ast.Var]bool{}}
	exprs := make([]expr, len(body))
	for i, e := range body {
		exprs[i] = a.expr(e)
		exprs[i].deps = a.dependencies(e, exprs[:i])
		visitVars(e, func(v ast.Var) { a.seen[v] = true })
	}
	serve(body, exprs, sinks)
	p := plan{exprs: exprs}
	for i := range exprs {
		p.tests = p.tests || exprs[i].role == condition && !exprs[i].walks
	}
	return p
}

func visitVars(x any, do func(ast.Var)) {
	ast.WalkVars(x, func(v ast.Var) bool {
		do(v)
		return false
	})
}

// dependencies are the definitions before e that give it, or each other, their variables.
func (a *analysis) dependencies(e *ast.Expr, before []expr) []int {
	needed := map[ast.Var]bool{}
	visitVars(e, func(v ast.Var) { needed[v] = a.seen[v] })
	var deps []int
	for i := range before {
		for _, v := range before[i].outputs {
			if needed[v] {
				deps = append(append(deps, before[i].deps...), i)
				break
			}
		}
	}
	slices.Sort(deps)
	return slices.Compact(deps)
}

func (a *analysis) fresh(t *ast.Term) bool {
	v, ok := t.Value.(ast.Var)
	return ok && !a.seen[v] && !ast.RootDocumentNames.Contains(t) && !a.bound(t)
}

func (a *analysis) expr(e *ast.Expr) expr {
	out := expr{role: condition, negated: e.Negated}
	switch terms := e.Terms.(type) {
	case *ast.Term:
		a.operand(&out, terms)
		out.walks = !e.Negated && slices.ContainsFunc(out.reads, endsOpen)
	case []*ast.Term:
		a.operation(&out, e, terms)
	case *ast.Every:
		a.operand(&out, terms.Domain)
	case *ast.Not:
		out.negated = true
	case *ast.SomeDecl:
		out.role = ignored
	}
	return out
}

// endsOpen: the last key of the reference is enumerated, so the reference asks only that there be an element.
func endsOpen(r read) bool {
	ref, ok := r.term.Value.(ast.Ref)
	return ok && r.open > 0 && r.open == len(ref)-1
}

func (a *analysis) operation(out *expr, e *ast.Expr, terms []*ast.Term) {
	if e.IsEquality() && len(terms) == 3 {
		a.equality(out, e.Negated, terms[1], terms[2])
		return
	}
	name := e.Operator().String()
	if name == ast.Print.Name || name == ast.InternalPrint.Name || name == ast.Trace.Name {
		out.role = ignored
		return
	}
	operands := terms[1:]
	if n := len(operands); n > 0 && !e.Negated && a.define(out, operands[n-1]) {
		out.role = definition
	}
	out.text = name == ast.Sprintf.Name || name == ast.Concat.Name
	if name == ast.ObjectGet.Name && len(operands) >= 3 {
		out.reads = append(out.reads, read{term: operands[0], key: operands[1]})
	}
	a.calls(out, e.Operator(), operands)
	out.hands = len(out.calls) > 0
	for _, operand := range operands {
		a.operand(out, operand)
	}
}

func (a *analysis) equality(out *expr, negated bool, left, right *ast.Term) {
	if !negated {
		switch {
		case a.define(out, left):
			out.role, out.alias = definition, isName(right)
		case a.define(out, right):
			out.role, out.alias = definition, isName(left)
		}
	}
	a.operand(out, left)
	a.operand(out, right)
	for _, r := range out.reads {
		out.walks = out.walks || out.alias && r.open > 0
	}
}

func isName(t *ast.Term) bool {
	switch t.Value.(type) {
	case ast.Var, ast.Ref:
		return true
	}
	return false
}

// define notes the variables that get their value from the pattern. A reference is no pattern.
func (a *analysis) define(out *expr, pattern *ast.Term) bool {
	switch v := pattern.Value.(type) {
	case ast.Var:
		if a.fresh(pattern) {
			out.outputs = append(out.outputs, v)
			_, generated := a.compiler.RewrittenVars[v]
			out.named = out.named || generated || !v.IsGenerated()
		}
	case *ast.Array:
		v.Foreach(func(t *ast.Term) { a.define(out, t) })
	case ast.Object:
		v.Foreach(func(_, t *ast.Term) { a.define(out, t) })
	}
	return len(out.outputs) > 0
}

// operand notes what a term reads. Comprehensions are bodies of their own.
func (a *analysis) operand(out *expr, t *ast.Term) {
	if t.IsGround() {
		if ref, ok := t.Value.(ast.Ref); ok {
			a.reference(out, t, ref)
		}
		return
	}
	switch v := t.Value.(type) {
	case ast.Var:
		out.reads = append(out.reads, read{term: t})
	case ast.Ref:
		a.reference(out, t, v)
	case *ast.Array:
		v.Foreach(func(t *ast.Term) { a.operand(out, t) })
	case ast.Object:
		v.Foreach(func(k, t *ast.Term) { a.operand(out, k); a.operand(out, t) })
	case ast.Set:
		v.Foreach(func(t *ast.Term) { a.operand(out, t) })
	}
}

func (a *analysis) reference(out *expr, t *ast.Term, ref ast.Ref) {
	r := read{term: t}
	for i := 1; i < len(ref); i++ {
		if _, ok := ref[i].Value.(ast.Var); !ok {
			continue
		}
		if a.fresh(ref[i]) && r.open == 0 {
			r.open = i
		}
		out.reads = append(out.reads, read{term: ref[i]})
	}
	out.reads = append(out.reads, r)
	a.calls(out, ref, nil)
}

// calls notes the rules behind a reference or an operator.
func (a *analysis) calls(out *expr, ref ast.Ref, args []*ast.Term) {
	if len(ref) < 2 || !ref[0].Equal(ast.DefaultRootDocument) {
		return
	}
	rules := a.compiler.GetRulesForVirtualDocument(ref)
	if len(rules) == 0 {
		return
	}
	out.exempts = out.exempts || exemption.MatchString(string(rules[0].Head.Name))
	prefix := len(rules[0].Ref().GroundPrefix())
	out.calls = append(out.calls, call{rules: rules, ref: ref, prefix: prefix, args: args})
}

// serve finds, from the last expression to the first, which condition each definition is for.
func serve(body ast.Body, exprs []expr, sinks []*ast.Term) {
	needed := map[ast.Var]int{}
	need := func(x any, pos int) {
		visitVars(x, func(v ast.Var) {
			if at, ok := needed[v]; !ok || at < pos {
				needed[v] = pos
			}
		})
	}
	for _, sink := range sinks {
		need(sink, len(body))
	}
	texted := map[ast.Var]int{}
	for i := len(body) - 1; i >= 0; i-- {
		e := &exprs[i]
		switch e.role {
		case condition:
			e.pos = i
			need(body[i], i)
		case definition:
			if pos, ok := latest(e.outputs, needed); ok && (pos < len(body) || !e.text) {
				e.pos = pos
				need(body[i], pos)
			} else {
				e.role = unused
				if e.walks {
					e.pos = i // there being an element is a condition too
				}
				_, e.texted = latest(e.outputs, texted)
				if e.texted || e.text {
					visitVars(body[i], func(v ast.Var) { texted[v] = i })
				}
			}
		}
	}
}

func latest(outputs []ast.Var, needed map[ast.Var]int) (int, bool) {
	pos, found := 0, false
	for _, v := range outputs {
		if at, ok := needed[v]; ok {
			pos, found = max(pos, at), true
		}
	}
	return pos, found
}
