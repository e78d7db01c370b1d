package compiled

import "github.com/open-policy-agent/opa/v1/ast"

// document is all rules of one name: a value, a set, an object or a function.
type document struct {
	id      int
	ref     ast.Ref
	node    *ast.TreeNode
	kind    kind
	arity   int
	slots   int
	exit    bool // the first rule that holds decides, see exits.go
	choices []choice
	def     *clause
	uses    []*document
	refused *Refusal
	sight   sight
	looked  bool // sight is final
	watched bool // evaluations tell how its elements came about
}

type kind int

const (
	complete kind = iota
	set
	object
	function
)

// choice is a rule with its else branches: the first that holds counts.
type choice []clause

type clause struct{ run op }

func (p *Program) compileDocument(d *document) {
	if d.node.Index == nil {
		return
	}
	rules, err := d.node.Index.AllRules(nil)
	if err != nil || d.node.External != nil {
		refuse("rules from outside")
	}
	d.describe(rules)
	for _, rule := range rules.Rules {
		alternatives := choice{p.clause(d, rule)}
		for _, branch := range rules.Else[rule] {
			alternatives = append(alternatives, p.clause(d, branch))
		}
		d.choices = append(d.choices, alternatives)
	}
	if rules.Default != nil {
		def := p.clause(d, rules.Default)
		d.def = &def
	}
}

func (d *document) describe(rules *ast.IndexResult) {
	first := rules.Default
	if len(rules.Rules) > 0 {
		first = rules.Rules[0]
	}
	d.arity = len(first.Head.Args)
	switch {
	case d.arity > 0:
		d.kind = function
	case rules.Kind == ast.SingleValue && rules.OnlyGroundRefs:
		d.kind = complete
	case rules.OnlyGroundRefs:
		d.kind = set
	default:
		d.kind = object
	}
	if d.kind == set || d.kind == object {
		if len(rules.Else) > 0 || rules.Default != nil {
			refuse("a partial rule with else or default")
		}
	}
	d.exit = agree(rules)
}

// clause compiles one rule of a document.
func (p *Program) clause(d *document, rule *ast.Rule) clause {
	u := p.newUnit(p.compiler.ComprehensionIndex)
	s := newScope()
	u.slots += d.arity
	run := u.arguments(rule, s, func() op {
		return u.body(rule.Body, s, func() op { return u.yield(d, rule, s) })
	})
	d.slots = max(d.slots, u.slots)
	d.uses = append(d.uses, u.uses...)
	d.sight = max(d.sight, u.sight)
	return clause{run}
}

// arguments matches what stands in the first slots against the arguments of a function's head.
func (u *unit) arguments(rule *ast.Rule, s *scope, k func() op) op {
	var rest func(i int) op
	rest = func(i int) op {
		if i == len(rule.Head.Args) {
			return k()
		}
		next := func() op { return rest(i + 1) }
		if v, isVar := rule.Head.Args[i].Value.(ast.Var); isVar && s.unbound(rule.Head.Args[i]) {
			s.bind(v, 1+i)
			return next()
		}
		return u.match(rule.Head.Args[i], slotGetter(1+i), s, next)
	}
	return rest(0)
}

// yield is what happens when the body of a rule holds.
func (u *unit) yield(d *document, rule *ast.Rule, s *scope) op {
	switch d.kind {
	case set:
		return u.element(d, rule, s)
	case object:
		return u.insert(d, rule, s)
	}
	head := u.value(rule.Head.Value, s)
	exit := d.exit
	return func(m *Machine, f frame) bool {
		v := head(m, f)
		if v == nil || f[0] != nil && !Alike(f[0], v) {
			m.fail("conflicting values")
			return true
		}
		f[0] = v
		return exit
	}
}

// collect adds to the collection under construction.
func collect(g getter) op {
	return func(m *Machine, f frame) bool {
		v := g(m, f)
		if v == nil {
			m.fail("an element without a value")
			return true
		}
		m.items = append(m.items, v)
		return false
	}
}

// insert adds to the object in slot 0, at the path that the rule's head names below the document.
func (u *unit) insert(d *document, rule *ast.Rule, s *scope) op {
	path := rule.Ref()[len(d.ref):]
	for _, other := range d.node.Values {
		if len(other.Ref()) != len(rule.Ref()) {
			refuse("rules of one name at paths of different length")
		}
	}
	steps := u.values(path, s)
	multi := rule.Head.RuleKind() == ast.MultiValue
	leaf := rule.Head.Value
	if multi {
		leaf = rule.Head.Key
	}
	value := u.value(leaf, s)
	return func(m *Machine, f frame) bool {
		keys := all(m, f, steps)
		v := value(m, f)
		if len(keys) != len(steps) || v == nil || !place(f[0].Value.(ast.Object), keys, v, multi) {
			m.fail("conflicting values")
			return true
		}
		return false
	}
}

// place puts a value at a path of an object, or adds it to the set there. It says no where another one stands.
func place(object ast.Object, keys []*ast.Term, v *ast.Term, multi bool) bool {
	last := len(keys) - 1
	for _, key := range keys[:last] {
		next := object.Get(key)
		if next == nil {
			next = ast.ObjectTerm()
			object.Insert(key, next)
		}
		inner, ok := next.Value.(ast.Object)
		if !ok {
			return false
		}
		object = inner
	}
	there := object.Get(keys[last])
	switch {
	case there == nil && !multi:
		object.Insert(keys[last], v)
		return true
	case !multi:
		return same(there, v)
	case there == nil:
		there = ast.SetTerm() // empty at first, as OPA's: what an object holds when it goes in is what it is found by
		object.Insert(keys[last], there)
	}
	members, ok := there.Value.(ast.Set)
	if ok {
		members.Add(v)
	}
	return ok
}
