package locate

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/virtual"
)

// recipe is how the field to blame is read from a derivation of a rule of the watched set.
type recipe struct {
	plan
	number    uint64 // of its own
	body      ast.Body
	variables map[ast.Var]*variable
	closed    []bool     // expressions with bodies of their own
	callees   [][]callee // by expression, in the order of its calls
	names     []named    // what the rules that it refers to name

	sights []sight       // by expression
	vain   atomic.Uint32 // how often one after the other nothing was remembered of its expressions
}

// variable is what is known of one before an evaluation.
type variable struct {
	alias    *ast.Term // the reference or other variable that it names
	before   ast.Ref   // of what a reference enumerates, the reference before it
	constant bool      // it stands for a constant
	definer  int       // the expression that gives it its value
	computed int       // the call that gives it its value
}

// of is what is known of a variable, which is noted where nothing is yet.
func (r *recipe) of(v ast.Var) *variable {
	known := r.variables[v]
	if known == nil {
		known = &variable{definer: none, computed: none}
		r.variables[v] = known
	}
	return known
}

// none is no expression.
const none = -1

// nothingKnown is a variable of which nothing is.
var nothingKnown = variable{definer: none, computed: none}

// known is what is known of a variable.
func (r *recipe) known(v ast.Var) *variable {
	if known := r.variables[v]; known != nil {
		return known
	}
	return &nothingKnown
}

// Where so many questions were in vain, one of so many is asked: a rule may look something up by the name of a container.
const (
	manyInVain = 64
	oneOf      = 16
)

// promising says whether to ask what expressions said before.
func (r *recipe) promising() bool {
	vain := r.vain.Load()
	if vain < manyInVain {
		return true
	}
	return r.vain.Add(1)%oneOf == 0
}

// named is a part of the resource, by the reference that stands for it.
type named struct{ ref, of ast.Ref }

// callee is what is known of the rules behind a call.
type callee struct {
	function bool
	names    renaming    // whether they only give a part of the resource a name
	pure     bool        // they see their arguments and the parameters alone
	walkers  bool        // they go over collections, once each, and test nothing
	looked   bool        // they make a set, and the call is for one object of it
	reads    [][]ast.Ref // by argument, the keys of what they read of it
}

var recipes atomic.Uint64

// recipe is that of a rule; nil where nothing can be read. A rule belongs to one set alone, so it is a target or is not.
func (q *Query) recipe(rule *ast.Rule, target bool) *recipe {
	if known, ok := q.Plans.recipes.Load(rule); ok {
		return known.(*recipe)
	}
	r := newRecipe(q, rule, target)
	q.Plans.recipes.Store(rule, r)
	return r
}

func newRecipe(q *Query, rule *ast.Rule, target bool) *recipe {
	if !isSet(rule) || rule.Else != nil {
		return nil
	}
	r := &recipe{
		number: recipes.Add(1),
		plan:   analyse(q.Compiler, rule.Body, sinks(rule, target, nil), func(*ast.Term) bool { return false }), body: rule.Body,
		variables: map[ast.Var]*variable{},
	}
	seen := map[ast.Var]bool{}
	for i, e := range rule.Body {
		if len(e.With) > 0 {
			return nil
		}
		r.note(i, e, seen)
		visitVars(e, func(v ast.Var) { seen[v] = true })
		closed := false
		ast.WalkClosures(e, func(any) bool { closed = true; return true })
		r.closed = append(r.closed, closed)
		var callees []callee
		for k := range r.exprs[i].calls {
			c := &r.exprs[i].calls[k]
			callees = append(callees, q.calleeOf(c))
			if names := callees[k].names; names.as == always && names.of != nil {
				r.names = append(r.names, named{c.ref[:c.prefix], names.of})
			}
		}
		r.callees = append(r.callees, callees)
		r.sights = append(r.sights, r.sight(q, i))
	}
	for i := range r.exprs {
		for k := range r.exprs[i].reads {
			of := &r.exprs[i].reads[k]
			of.nowhere = of.key == nil && (r.holder(q, of.term) != nil || q.all(of.term))
		}
	}
	return r
}

// sight is what an expression can read.
type sight struct {
	variables []ast.Var
	reads     map[ast.Var][]ast.Ref // the keys below what variables stand for
	input     []inputRead           // the keys below the input
	known     bool
}

// inputRead is a part of the input. Where the read is shallow, no more of it counts than whether it is there, and what a
// scalar is; where there are beginnings, no members of an object but those whose keys begin so.
type inputRead struct {
	keys       ast.Ref
	shallow    bool
	beginnings []string
}

// of is what counts of a value, which may be missing.
func (r *inputRead) of(value *ast.Term) *ast.Term {
	switch {
	case value == nil, r.shallow && !composite(value):
		return value
	case r.shallow:
		return ast.InternedEmptyObject
	}
	object, isObject := value.Value.(ast.Object)
	if r.beginnings == nil || !isObject {
		return value
	}
	var counts [][2]*ast.Term
	object.Foreach(func(key, value *ast.Term) {
		name, _ := key.Value.(ast.String)
		if slices.ContainsFunc(r.beginnings, func(text string) bool { return strings.HasPrefix(string(name), text) }) {
			counts = append(counts, [2]*ast.Term{key, value})
		}
	})
	if counts == nil {
		return ast.InternedEmptyObject
	}
	return ast.ObjectTerm(counts...)
}

func (r *recipe) sight(q *Query, i int) sight {
	s := sight{reads: map[ast.Var][]ast.Ref{}}
	holders := q.holders(r.body[i])
	visitVars(r.body[i], func(v ast.Var) {
		if slices.Contains(s.variables, v) || ast.RootDocumentNames.Contains(ast.NewTerm(v)) {
			return
		}
		s.variables = append(s.variables, v)
		reads := readsOf(q.Compiler, r.body[i], v)
		of, givenHere := holders[v]
		if !givenHere {
			of = r.holder(q, ast.NewTerm(v))
		}
		if of == nil {
			s.reads[v] = reads
			return
		}
		for _, path := range reads {
			if !givenHere || len(path) > 0 { // no keys are those of the expression that gives it its value
				s.input = append(s.input, inputRead{keys: of[1:].Concat(path[:constants(path)])})
			}
		}
	})
	given := len(holders)
	ast.WalkRefs(r.body[i], func(ref ast.Ref) bool {
		if !ref[0].Equal(ast.InputRootDocument) {
			return false
		}
		if q.holder(ast.NewTerm(ref)) != nil && given > 0 {
			given--
			return false
		}
		s.input = append(s.input, inputRead{keys: ref[1 : 1+constants(ref[1:])]})
		return false
	})
	var rules []*ast.Rule
	for k := range r.exprs[i].calls {
		rules = append(rules, r.exprs[i].calls[k].rules...)
	}
	read, known := virtual.ReadsOf(q.Compiler, rules)
	s.known = known
	for _, one := range read {
		if len(one.Path) > 0 && one.Path[0] == "parameters" {
			continue // they are asked for as a whole
		}
		ref := make(ast.Ref, len(one.Path))
		for k, key := range one.Path {
			ref[k] = ast.StringTerm(key)
		}
		s.input = append(s.input, inputRead{ref, one.Shallow, one.Keys})
	}
	return s
}

// holders are the variables that an expression, or one within it, lets stand for something of the input that the resource is
// only a part of.
func (q *Query) holders(e *ast.Expr) map[ast.Var]ast.Ref {
	found := map[ast.Var]ast.Ref{}
	ast.WalkExprs(e, func(e *ast.Expr) bool {
		for at, operand := range operandsOf(e) {
			v, isVar := operand.Value.(ast.Var)
			if !isVar || !e.IsEquality() || e.Negated {
				continue
			}
			if of := q.holder(e.Operand(1 - at)); of != nil {
				found[v] = of
			}
		}
		return false
	})
	return found
}

// constants is how many keys are known before an evaluation.
func constants(keys ast.Ref) int {
	n := slices.IndexFunc(keys, func(key *ast.Term) bool { return !ast.IsScalar(key.Value) })
	if n < 0 {
		return len(keys)
	}
	return n
}

// note learns what the variables that an expression binds stand for.
func (r *recipe) note(i int, e *ast.Expr, seen map[ast.Var]bool) {
	x := &r.exprs[i]
	for _, v := range x.outputs {
		r.of(v).definer = i
	}
	for k := range x.reads {
		ref, ok := x.reads[k].term.Value.(ast.Ref)
		if !ok {
			continue
		}
		for at := 1; at < len(ref); at++ {
			if v, ok := ref[at].Value.(ast.Var); ok && !seen[v] && r.known(v).before == nil {
				r.of(v).before, r.of(v).definer = ref[:at], i
			}
		}
	}
	terms, _ := e.Terms.([]*ast.Term)
	if x.alias && len(x.outputs) == 1 && len(terms) == 3 {
		other := terms[2]
		if v, ok := other.Value.(ast.Var); ok && v == x.outputs[0] {
			other = terms[1]
		}
		r.of(x.outputs[0]).alias = other
		return
	}
	if e.IsEquality() {
		for _, v := range x.outputs {
			r.of(v).constant = terms[1].IsGround() && !isName(terms[1]) || terms[2].IsGround() && !isName(terms[2])
		}
		return
	}
	for _, v := range x.outputs {
		r.of(v).computed = i
	}
}

func (q *Query) calleeOf(c *call) callee {
	known := callee{function: len(c.args) > 0, names: q.renaming(c.rules, 0), pure: true, walkers: len(c.args) == 0, looked: c.looksUp()}
	seen := map[*ast.Rule]bool{}
	for rule := range chains(c.rules) {
		virtual.Follow(q.Compiler, rule, seen)
	}
	for rule := range seen {
		known.pure = known.pure && !virtual.MentionsOthers(rule, ast.InputRootDocument, "parameters")
		for ; rule != nil; rule = rule.Else {
			known.walkers = known.walkers && walker(rule)
		}
	}
	for i := range c.args[:min(len(c.args), len(c.rules[0].Head.Args))] {
		known.reads = append(known.reads, argument(q.Compiler, c.rules, i))
	}
	return known
}

// Watch makes evaluations tell how the elements of a set came about, and those of the sets that they were looked up in.
func Watch(runner *compiled.Runner, compiler *ast.Compiler, set ast.Ref) {
	runner.Watch(set)
	for _, other := range looked(compiler, set) {
		runner.Watch(other)
	}
}

// looked are the sets in which the rules of a set, or of one that is among them, look an object up: what a
// finding is about is what made the object.
func looked(compiler *ast.Compiler, set ast.Ref) (sets []ast.Ref) {
	for from := []ast.Ref{set}; len(from) > 0; from = from[1:] {
		for _, rule := range compiler.GetRulesExact(from[0]) {
			for _, e := range analyse(compiler, rule.Body, nil, func(*ast.Term) bool { return false }).exprs {
				for i := range e.calls {
					c := &e.calls[i]
					of := c.ref[:c.prefix]
					if !c.looksUp() || of.Equal(set) || slices.ContainsFunc(sets, func(known ast.Ref) bool { return known.Equal(of) }) {
						continue
					}
					sets, from = append(sets, of), append(from, of)
				}
			}
		}
	}
	return sets
}

// looksUp says whether a call asks for an object of a set: that is more than to go over all of them.
func (c *call) looksUp() bool {
	if len(c.ref) != c.prefix+1 || len(c.args) > 0 {
		return false
	}
	object, isObject := c.ref[c.prefix].Value.(ast.Object)
	return isObject && object.Len() > 1 && !slices.ContainsFunc(c.rules, func(r *ast.Rule) bool { return !isSet(r) || r.Else != nil })
}

// walker says whether a rule can have no test of an element: it goes over one collection at most, takes its elements as they
// are, as `all[c] { c := input.x.y[_] }` does, and calls nothing that could look into them. An object may take a part of
// an element for its key.
func walker(rule *ast.Rule) bool {
	if len(rule.Head.Args) > 0 {
		return false
	}
	open := 0
	for _, e := range rule.Body {
		closed := len(e.With) > 0
		ast.WalkClosures(e, func(any) bool { closed = true; return true })
		if closed {
			return false
		}
		if keyed(rule, e) {
			continue
		}
		ast.WalkRefs(e, func(ref ast.Ref) bool {
			for i, key := range ref[1:] {
				switch key.Value.(type) {
				case ast.String:
				case ast.Var:
					if open++; i < len(ref)-2 || !takes(rule, e) {
						open++
					}
				default:
					open = 2
				}
			}
			return false
		})
	}
	return open < 2
}

// takes says whether an expression gives what a rule collects its value, and no other looks at it.
func takes(rule *ast.Rule, e *ast.Expr) bool {
	if !e.IsEquality() || e.Negated || kindOf(rule) != many {
		return false
	}
	element := rule.Head.Key
	if !isSet(rule) {
		element = rule.Head.Value
	}
	if element == nil {
		return false
	}
	v, isVar := element.Value.(ast.Var)
	terms, _ := e.Terms.([]*ast.Term)
	if !isVar || !terms[1].Equal(element) && !terms[2].Equal(element) {
		return false
	}
	times := 0
	for _, other := range rule.Body {
		if !keyed(rule, other) {
			visitVars(other, func(other ast.Var) {
				if other == v {
					times++
				}
			})
		}
	}
	return times == 1
}

// keyed says whether an expression gives the key of an object a part of the value.
func keyed(rule *ast.Rule, e *ast.Expr) bool {
	if isSet(rule) || rule.Head.Key == nil || rule.Head.Value == nil || !e.IsEquality() || e.Negated {
		return false
	}
	terms, _ := e.Terms.([]*ast.Term)
	ref, isRef := terms[2].Value.(ast.Ref)
	return isRef && terms[1].Equal(rule.Head.Key) && ref[0].Equal(rule.Head.Value) && len(ref) == len(ref.ConstantPrefix())
}
