package locate

import (
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/member"
)

// stumbled hears of bugs in this package that cost time, and no finding; tests listen.
var stumbled = func(any) {}

// told is what the derivations of an entry say of where it stands. What the bodies below them said is not known: either the
// field that they name is better than any that such a body could name, or the expression is evaluated again that led to it.
type told []*account

func (q *Query) told(entry *ast.Term) (all told) {
	defer func() {
		if bug := recover(); bug != nil {
			stumbled(bug)
			all = nil
		}
	}()
	if q.Plans == nil || q.Copy == nil || len(q.Derived) == 0 || entry == nil || !q.Copy.places().whole {
		return nil
	}
	q.Copy.notes.forget()
	targets := q.Plans.aimed(q).targets
	for i := range q.Derived {
		if d := &q.Derived[i]; targets[d.Rule] && (d.Element == entry || d.Element.Equal(entry)) {
			all = append(all, q.account(d, true))
		}
	}
	return all
}

// path is where all of them say that it stands; with again, expressions may be evaluated again.
func (all told) path(ctx context.Context, again bool) (path []any, ok bool) {
	defer func() {
		if bug := recover(); bug != nil { // of ours, and the evaluation is asked instead
			stumbled(bug)
			path, ok = nil, false
		}
	}()
	c, sure := all.best(ctx, again)
	return c.path(), sure
}

// best is the candidate that all of them name.
func (all told) best(ctx context.Context, again bool) (c candidate, sure bool) {
	for i, a := range all {
		found, sure := a.decide(ctx, again)
		if !sure || i > 0 && !samePath(found.path(), c.path()) {
			return candidate{}, false
		}
		if i == 0 {
			c = found
		}
	}
	return c, len(all) > 0
}

// aimed are plans that know which rules make the entries.
func (p *Plans) aimed(q *Query) *Plans {
	p.aim.Do(func() {
		p.targets = map[*ast.Rule]bool{}
		for rule := range chains(q.Compiler.GetRulesExact(q.Rule)) {
			p.targets[rule] = true
			p.atOnce = p.atOnce || !isSet(rule)
		}
	})
	return p
}

func (c candidate) path() []any {
	if c.class == nothing {
		return nil
	}
	return c.at.path()
}

// account weighs a derivation: of a rule that is watched, a target, or of a set that a target looks something up in.
func (q *Query) account(d *compiled.Derivation, target bool) *account {
	a := &account{recipe: q.recipe(d.Rule, target), derivation: d, query: q, collects: !target, spots: q.Copy.places()}
	if a.recipe == nil || !target && !a.tests {
		a.recipe = nil
		return a
	}
	a.found, a.bounds = q.Copy.notes.take(len(a.exprs))
	for i := range a.exprs {
		if a.exprs[i].role != ignored {
			a.settle(i, a.own(i))
			a.inner(i)
		}
	}
	return a
}

// notes are memory for what accounts note of their expressions. Those of one entry are not needed for the next.
type notes struct {
	found  []candidate
	bounds [][]ceiling
}

// take is room for so many expressions, of which nothing is known.
func (n *notes) take(count int) ([]candidate, [][]ceiling) {
	from, to := len(n.found), len(n.found)+count
	if to > cap(n.found) {
		from, to = 0, count // those that have the other memory keep it
		n.found, n.bounds = make([]candidate, 2*max(count, cap(n.found))), make([][]ceiling, 2*max(count, cap(n.found)))
	}
	n.found, n.bounds = n.found[:to], n.bounds[:to]
	found, bounds := n.found[from:to:to], n.bounds[from:to:to]
	clear(found)
	for i := range bounds {
		bounds[i] = bounds[i][:0]
	}
	return found, bounds
}

func (n *notes) forget() { n.found, n.bounds = n.found[:0], n.bounds[:0] }

// decide is the best candidate of a body that has come true, with the variables that it had.
func (a *account) decide(ctx context.Context, again bool) (c candidate, sure bool) {
	if a.recipe == nil {
		return candidate{}, false
	}
	for {
		c := a.best()
		next := a.unsettled(c)
		if len(next) == 0 {
			return c, true
		}
		if a.lookedUp(next[0]) && a.lookUp(ctx, next[0], again) {
			continue
		}
		if !again || !a.replay(ctx, next) {
			return candidate{}, false
		}
	}
}

// settle notes the best that is known of an expression.
func (a *account) settle(i int, c candidate) {
	c.pos = a.exprs[i].pos
	a.found[i] = c
}

func (a *account) best() (c candidate) {
	for _, found := range a.found {
		c = best(c, found)
	}
	return c
}

// unsettled are the expressions that could say more than a candidate, and the most: the latest of them, since later
// conditions decide.
func (a *account) unsettled(c candidate) (at []int) {
	var most ceiling
	for i, bounds := range a.bounds {
		for _, b := range bounds {
			if c.beats(b) || b.class < most.class || b.class == most.class && b.pos < most.pos {
				continue
			}
			if b.class > most.class || b.pos > most.pos {
				at, most = nil, b
			}
			if len(at) == 0 || at[len(at)-1] != i {
				at = append(at, i)
			}
		}
	}
	return at
}

// ceiling is the best that something unknown could be, and where it is, if that is known.
type ceiling struct {
	class class
	pos   int
	at    *node
}

func (c candidate) beats(b ceiling) bool {
	if b.at != nil && c.class != nothing && samePath(c.at.path(), b.at.path()) {
		return true
	}
	if c.class != b.class {
		return c.class > b.class
	}
	return b.class == nothing || c.at.indices > 0 && c.pos > b.pos
}

// account reads a derivation.
type account struct {
	*spots
	*recipe
	derivation *compiled.Derivation
	query      *Query
	collects   bool // the rule makes a set that another rule looks into
	found      []candidate
	bounds     [][]ceiling  // by expression
	elements   map[int]told // by expression, what is told of the element that it looks up
}

func (a *account) unknown(i int, most class) {
	a.bounds[i] = append(a.bounds[i], ceiling{class: most, pos: a.exprs[i].pos})
}

// own is the best of what an expression itself reads.
func (a *account) own(i int) candidate {
	e := &a.exprs[i]
	var c candidate
	for k := range e.reads {
		p, sure := a.place(e, &e.reads[k])
		switch {
		case !sure:
			a.unknown(i, e.most(&e.reads[k]))
		case p.at != nil:
			c = best(c, candidate{place: p, class: min(classify(p), e.limit(p))})
		}
	}
	return c
}

// lookedUp says whether an expression is there for an object of a set that tells how it came about.
func (a *account) lookedUp(i int) bool {
	e := &a.exprs[i]
	return !e.negated && len(e.calls) == 1 && len(e.reads) == 1 && a.callees[i][0].looked
}

// most is the highest class that an operand can have where it is not known. What a true expression goes over exists, so it
// is no more than looked at.
func (e *expr) most(r *read) class {
	switch {
	case e.role == unused && !e.walks && !e.alias:
		return message
	case e.role == unused, e.exempts, e.walks && r.key == nil:
		return generator
	}
	return decisive
}

// inner bounds what the bodies below an expression can have said.
func (a *account) inner(i int) {
	e := &a.exprs[i]
	if a.closed[i] {
		a.unknown(i, e.innerLimit())
	}
	for k, known := range a.callees[i] {
		switch {
		case known.function && known.pure && a.scalars(e.calls[k].args) && a.found[i].plain(): // it reads nothing but what is read here
		case known.pure && a.apart(known, e.calls[k].args): // it reads nothing of the resource
		case (known.names.as == always || known.names.as == sometimes && !e.negated) && a.name(i, k): // and its bound is known
		case known.walkers:
			a.unknown(i, min(general, e.innerLimit()))
		default:
			a.unknown(i, e.innerLimit())
		}
	}
}

// lookUp settles what the derivations of the object said that an expression looks up in a set. An object that a rule made
// of a place is a name of that place, too.
func (a *account) lookUp(ctx context.Context, i int, again bool) bool {
	e := &a.exprs[i]
	c, sure := a.element(i).best(ctx, again)
	if !sure || c.class == nothing {
		return false
	}
	named := candidate{}
	if c.class >= generator {
		p := place{at: c.at, named: true}
		named = candidate{place: p, class: min(classify(p), e.limit(p))}
	}
	c.pos = 0
	a.settle(i, best(named, c.capped(e.innerLimit())))
	a.bounds[i] = a.bounds[i][:0]
	return true
}

// element is what is told of the object that an expression looks up.
func (a *account) element(i int) told {
	if all, known := a.elements[i]; known {
		return all
	}
	c := &a.exprs[i].calls[0]
	var all told
	if element, known := a.whole(c.ref[c.prefix]); known && a.alike[looksOf(element)] == 0 {
		for k := range a.query.Derived {
			if d := &a.query.Derived[k]; slices.Contains(c.rules, d.Rule) && d.Element.Equal(element) {
				all = append(all, a.query.account(d, false))
			}
		}
	}
	if a.elements == nil {
		a.elements = map[int]told{}
	}
	a.elements[i] = all
	return all
}

// whole is an object with the values of its variables.
func (a *account) whole(t *ast.Term) (*ast.Term, bool) {
	object, isObject := t.Value.(ast.Object)
	if !isObject {
		return a.plug(t)
	}
	if object.IsGround() {
		return t, true
	}
	known, items := true, make([][2]*ast.Term, 0, object.Len())
	object.Foreach(func(key, value *ast.Term) {
		value, sure := a.whole(value)
		known = known && sure && key.IsGround()
		items = append(items, [2]*ast.Term{key, value})
	})
	if !known {
		return nil, false
	}
	return ast.ObjectTerm(items...), true
}

// plain says whether a test of the place below could not be taken for more than one of the place itself.
func (c candidate) plain() bool {
	return c.at == nil || c.class == generator || c.class == classify(place{at: c.at, missing: 1})
}

// scalars says whether arguments have no parts that a function could read in the resource.
func (a *account) scalars(args []*ast.Term) bool {
	return !slices.ContainsFunc(args, func(t *ast.Term) bool {
		v, isVar := t.Value.(ast.Var)
		if !isVar {
			return !t.IsGround()
		}
		value := a.derivation.Value(v)
		if value == nil || ast.IsScalar(value.Value) {
			return false // where there is none, it is a result that nobody asks for
		}
		p, sure := a.variable(v)
		return !sure || p.at != nil
	})
}

// place is where an operand leads; nothing where it is no part of the resource.
func (a *account) place(e *expr, r *read) (place, bool) {
	if ref, isRef := r.term.Value.(ast.Ref); isRef && r.open > 0 && a.collects && e.walks {
		return a.reference(ref[:r.open])
	}
	if r.nowhere {
		return place{}, true // what is read of it may be of the resource, it is not
	}
	if r.key == nil {
		return a.term(r.term)
	}
	key, sure := a.plug(r.key)
	if !sure {
		return place{}, false
	}
	return a.further(r.term, keys(key))
}

func (a *account) term(t *ast.Term) (place, bool) {
	switch v := t.Value.(type) {
	case ast.Var:
		return a.variable(v)
	case ast.Ref:
		return a.reference(v)
	}
	return place{}, true
}

// further is a place below that of a term.
func (a *account) further(t *ast.Term, steps ast.Ref) (place, bool) {
	p, sure := a.term(t)
	if !sure || p.at == nil || p.missing > 0 {
		return place{}, sure && p.missing == 0
	}
	return a.below(p.at, steps)
}

// plug is the value of a key.
func (a *account) plug(t *ast.Term) (*ast.Term, bool) {
	if v, isVar := t.Value.(ast.Var); isVar {
		t = a.derivation.Value(v)
		return t, t != nil
	}
	return t, t.IsGround()
}

func (a *account) variable(v ast.Var) (place, bool) {
	value := a.derivation.Value(v)
	if isSetOf(value) {
		return place{}, true
	}
	if value != nil && composite(value) {
		n, sure := a.find(value)
		if n != nil && sure {
			return place{at: n}, true
		}
		if n == nil && a.alike[looksOf(value)] > 0 {
			return place{}, false // an evaluation takes it for what it is equal to
		}
	}
	known := a.known(v)
	if known.constant {
		return place{}, true
	}
	if known.alias != nil {
		return a.term(known.alias)
	}
	if before := known.before; before != nil {
		if value == nil {
			return place{}, true // a wildcard: what the reference leads to says as much
		}
		if of, isVar := before[0].Value.(ast.Var); isVar && a.gathers(of) {
			return place{}, false
		}
		p, sure := a.reference(before)
		if !sure || p.at == nil || p.missing > 0 {
			return place{}, sure
		}
		if _, isObject := p.at.term.Value.(ast.Object); !isObject {
			return place{}, true // an index
		}
		return a.along(p.at, []*ast.Term{value}), true
	}
	if value == nil {
		return place{}, false
	}
	if known.computed != none && a.made(known.computed) {
		_, sure := a.find(value)
		return place{}, sure
	}
	return place{}, false
}

// holder is the reference behind a term, or behind the one that it is a name of, where it holds the resource.
func (r *recipe) holder(q *Query, t *ast.Term) ast.Ref {
	if v, isVar := t.Value.(ast.Var); isVar {
		if other := r.known(v).alias; other != nil {
			t = other
		}
	}
	return q.holder(t)
}

// holder is the reference that a term is, where it is to something of the input that the resource is only a part of.
func (q *Query) holder(t *ast.Term) ast.Ref {
	ref, isRef := t.Value.(ast.Ref)
	if isRef && len(ref) > 1 && ref.IsGround() && ref[0].Equal(ast.InputRootDocument) && slices.ContainsFunc(q.Roots, leadsBelow(ref)) {
		return ref
	}
	return nil
}

// leadsBelow tells which references lead below another.
func leadsBelow(ref ast.Ref) func(ast.Ref) bool {
	return func(other ast.Ref) bool { return len(other) > len(ref) && other.HasPrefix(ref) }
}

// apart says whether a function with these arguments, or a rule without, reads nothing of the resource.
func (a *account) apart(known callee, args []*ast.Term) bool {
	if a.parametersAlike() {
		return false // an evaluation takes a parameter for what it is equal to
	}
	for i, arg := range args[:min(len(args), len(known.reads))] {
		if a.nowhere(arg) {
			continue
		}
		of := a.holder(a.query, arg)
		if of == nil {
			return false
		}
		for _, steps := range known.reads[i] {
			if a.touches(of.Concat(steps)) {
				return false
			}
		}
	}
	return true
}

// touches says whether a reference leads to the resource, into it, or to what holds it.
func (a *account) touches(ref ast.Ref) bool {
	return slices.ContainsFunc(a.query.Roots, func(root ast.Ref) bool { return root.HasPrefix(ref) || ref.HasPrefix(root) })
}

// nowhere says whether an argument is a scalar that is no part of the resource.
func (a *account) nowhere(arg *ast.Term) bool {
	return ast.IsScalar(arg.Value) || a.scalars([]*ast.Term{arg})
}

// parametersAlike says whether an object of the parameters is equal to one of the resource.
func (a *account) parametersAlike() bool {
	q := a.query
	if q.parametersAlike == nil {
		found := false
		if parameters := member.At(q.Input, ast.InternedTerm("parameters")); parameters != nil {
			ast.WalkTerms(parameters, func(t *ast.Term) bool {
				if object, isObject := t.Value.(ast.Object); isObject && object.Len() > 1 {
					found = found || a.alike[looksOf(t)] > 0
				}
				return found
			})
		}
		q.parametersAlike = &found
	}
	return *q.parametersAlike
}

func isSetOf(value *ast.Term) bool {
	if value == nil {
		return false
	}
	_, isSet := value.Value.(ast.Set)
	return isSet
}

// gathers says whether a variable stands for a set whose elements may be parts of the resource.
func (a *account) gathers(v ast.Var) bool {
	known := a.known(v)
	if !isSetOf(a.derivation.Value(v)) || known.constant {
		return false
	}
	i := known.definer
	ofParameters := i != none && len(a.callees[i]) == 1 && a.query.all(known.alias) && a.callees[i][0].pure && !a.parametersAlike()
	return !ofParameters
}

// made says whether the result of a call is no part of the resource that its arguments are not.
func (a *account) made(i int) bool {
	terms, _ := a.body[i].Terms.([]*ast.Term)
	if n := len(terms); n > 0 { // the last is the result itself
		terms = terms[:n-1]
	}
	if len(terms) == 0 || a.exprs[i].exempts || a.closed[i] || slices.ContainsFunc(a.callees[i], func(c callee) bool { return !c.pure }) {
		return false
	}
	if slices.ContainsFunc(terms[1:], func(t *ast.Term) bool { _, isRef := t.Value.(ast.Ref); return isRef }) {
		return false
	}
	return a.scalars(terms[1:]) || a.body[i].Operator().String() == ast.Sprintf.Name || a.body[i].Operator().String() == ast.Count.Name
}

func (a *account) reference(ref ast.Ref) (place, bool) {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		for _, root := range a.query.Roots {
			if ref.HasPrefix(root) {
				return a.below(a.root, ref[len(root):])
			}
		}
		holds := func(root ast.Ref) bool { return root.HasPrefix(ref) } // what is read of it may be of the resource
		return place{}, len(ref) > 1 && ast.IsScalar(ref[1].Value) && !slices.ContainsFunc(a.query.Roots, holds)
	case ref[0].Equal(ast.DefaultRootDocument):
		return a.document(ref)
	}
	v, isVar := ref[0].Value.(ast.Var)
	if !isVar {
		return place{}, false
	}
	value := a.derivation.Value(v)
	p, sure := a.variable(v)
	if !sure || value == nil || len(ref) > 1 && a.gathers(v) {
		return place{}, false
	}
	if p.at == nil {
		return place{}, true
	}
	return a.below(p.at, ref[1:])
}

// document is the place below what rules came to: a part of the resource, recognised as itself.
func (a *account) document(ref ast.Ref) (place, bool) {
	value, rest := a.derivation.Document(ref)
	if value == nil {
		return place{}, false
	}
	if !composite(value) {
		return a.namedScalar(ref)
	}
	n, sure := a.find(value)
	if n == nil || !sure {
		return place{}, false
	}
	return a.below(n, rest)
}

// all says whether a term stands for all elements of sets, which have no place together.
func (q *Query) all(t *ast.Term) bool {
	if t == nil {
		return false
	}
	ref, isRef := t.Value.(ast.Ref)
	if !isRef || !ref[0].Equal(ast.DefaultRootDocument) {
		return false
	}
	rules := q.Compiler.GetRulesExact(ref)
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(r *ast.Rule) bool { return kindOf(r) != many })
}

// namedScalar is the place of a scalar that has a name of its own.
func (a *account) namedScalar(ref ast.Ref) (place, bool) {
	for _, n := range a.names {
		if n.ref.Equal(ref) {
			p, sure := a.below(a.root, n.of)
			return p, sure && p.missing == 0
		}
	}
	return place{}, false
}

// name bounds what rules say that give a part of the resource a name: that it was looked at. Of a scalar they say what the
// scalar is, which is known.
func (a *account) name(i, k int) bool {
	e := &a.exprs[i]
	p, sure := a.document(e.calls[k].ref[:e.calls[k].prefix])
	switch {
	case !sure || p.at == nil:
		return false
	case composite(p.at.term):
		a.unknown(i, min(generator, e.innerLimit()))
	default:
		a.bounds[i] = append(a.bounds[i], ceiling{min(classify(p), e.innerLimit()), e.pos, p.at})
	}
	return true
}

func (a *account) below(at *node, steps ast.Ref) (place, bool) {
	plugged := make([]*ast.Term, len(steps))
	for i, step := range steps {
		var sure bool
		if plugged[i], sure = a.plug(step); !sure {
			return place{}, false
		}
	}
	return a.along(at, plugged), true
}
