package locate

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
)

// told is where the derivations of an entry say that it stands, as far as they can tell: what the bodies below them said
// is not known, so the field that they name must be better than any that such a body could name.
func (q *Query) told(entry *ast.Term) (path []any, ok bool) {
	defer func() {
		if recover() != nil { // a bug of ours, and the evaluation is asked instead
			path, ok = nil, false
		}
	}()
	if q.Plans == nil || q.Copy == nil || len(q.Derived) == 0 || entry == nil {
		return nil, false
	}
	s := q.Copy.places()
	if !s.whole {
		return nil, false
	}
	for i := range q.Derived {
		d := &q.Derived[i]
		if d.Element != entry && !d.Element.Equal(entry) {
			continue
		}
		found, sure := q.read(s, d)
		if !sure || ok && !samePath(found, path) {
			return nil, false
		}
		path, ok = found, true
	}
	return path, ok
}

func (q *Query) read(s *spots, d *compiled.Derivation) ([]any, bool) {
	r := q.recipe(d.Rule)
	if r == nil {
		return nil, false
	}
	a := &account{spots: s, recipe: r, derivation: d, roots: q.Roots}
	var c candidate
	for i := range r.exprs {
		if r.exprs[i].role == ignored {
			continue
		}
		found := a.own(i)
		a.inner(i, found)
		found.pos = r.exprs[i].pos
		c = best(c, found)
	}
	for _, b := range a.bounds {
		if !c.beats(b) {
			return nil, false
		}
	}
	if c.class == nothing {
		return nil, true
	}
	return c.at.path(), true
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
	roots      []ast.Ref
	bounds     []ceiling
}

func (a *account) unknown(most class, pos int) {
	a.bounds = append(a.bounds, ceiling{class: most, pos: pos})
}

// own is the best of what an expression itself reads.
func (a *account) own(i int) candidate {
	e := &a.exprs[i]
	var c candidate
	for k := range e.reads {
		p, sure := a.place(&e.reads[k])
		switch {
		case !sure && a.taken(i, &e.reads[k]):
			a.unknown(generator, e.pos)
		case !sure:
			a.unknown(e.most(), e.pos)
		case p.at != nil:
			c = best(c, candidate{place: p, class: min(classify(p), e.limit(p))})
		}
	}
	return c
}

// taken says whether an operand is the element of a set that a variable is given: it exists, so it is no more than looked at.
func (a *account) taken(i int, r *read) bool {
	e := &a.exprs[i]
	ref, isRef := r.term.Value.(ast.Ref)
	return isRef && e.walks && e.alias && len(e.calls) == 1 && len(ref) == e.calls[0].prefix+1 && ref[0].Equal(ast.DefaultRootDocument)
}

// most is the highest class that anything that the expression reads can have.
func (e *expr) most() class {
	switch {
	case e.role == unused && !e.walks && !e.alias:
		return message
	case e.role == unused, e.exempts:
		return generator
	}
	return decisive
}

// inner bounds what the bodies below an expression can have said.
func (a *account) inner(i int, own candidate) {
	e := &a.exprs[i]
	if a.closed[i] {
		a.unknown(e.innerLimit(), e.pos)
	}
	for k, known := range a.callees[i] {
		switch {
		case known.function && known.pure && a.scalars(e.calls[k].args) && own.plain(): // it reads nothing but what is read here
		case (known.names.as == always || known.names.as == sometimes && !e.negated) && a.name(i, k): // and its bound is known
		case known.walkers:
			a.unknown(min(general, e.innerLimit()), e.pos)
		default:
			a.unknown(e.innerLimit(), e.pos)
		}
	}
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
func (a *account) place(r *read) (place, bool) {
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
	if value != nil && composite(value) {
		n, sure := a.find(value)
		if n != nil && sure {
			return place{at: n}, true
		}
		if n == nil && a.alike[looksOf(value)] > 0 {
			return place{}, false // an evaluation takes it for what it is equal to
		}
	}
	if a.constant[v] {
		return place{}, true
	}
	if other := a.aliases[v]; other != nil {
		return a.term(other)
	}
	if before := a.keys[v]; before != nil {
		if value == nil {
			return place{}, true // a wildcard: what the reference leads to says as much
		}
		p, sure := a.reference(before)
		if !sure || p.at == nil || p.missing > 0 {
			return place{}, sure
		}
		if _, isObject := p.at.term.Value.(ast.Object); !isObject {
			return place{}, true // an index
		}
		return p.at.along([]*ast.Term{value}), true
	}
	if value == nil {
		return place{}, false
	}
	if i, isComputed := a.computed[v]; isComputed && a.made(i) {
		_, sure := a.find(value)
		return place{}, sure
	}
	return place{}, false
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
		for _, root := range a.roots {
			if ref.HasPrefix(root) {
				return a.below(a.root, ref[len(root):])
			}
		}
		holds := func(root ast.Ref) bool { return root.HasPrefix(ref) } // what is read of it may be of the resource
		return place{}, len(ref) > 1 && ast.IsScalar(ref[1].Value) && !slices.ContainsFunc(a.roots, holds)
	case ref[0].Equal(ast.DefaultRootDocument):
		return a.document(ref)
	}
	v, isVar := ref[0].Value.(ast.Var)
	if !isVar {
		return place{}, false
	}
	value := a.derivation.Value(v)
	p, sure := a.variable(v)
	if !sure || value == nil {
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
		a.unknown(min(generator, e.innerLimit()), e.pos)
	default:
		a.bounds = append(a.bounds, ceiling{min(classify(p), e.innerLimit()), e.pos, p.at})
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
	return at.along(plugged), true
}
