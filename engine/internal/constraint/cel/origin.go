package cel

import (
	"iter"
	"sync"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
)

// origin is where a value stands in the object that is judged, or how far the way to it leads.
type origin struct {
	path  []any // names, and indexes as int
	value any   // what stands there
	whole bool  // it is the value, not an ancestor of what is missing
}

// step goes to a field or an element.
func (o origin) step(key ref.Val) origin {
	if !o.whole {
		return o
	}
	next, there, name := o.value, false, any(nil)
	switch container := o.value.(type) {
	case map[string]any:
		if text, ok := key.(celtypes.String); ok {
			name = string(text)
			next, there = container[string(text)]
		}
	case []any:
		if i, ok := key.(celtypes.Int); ok && i >= 0 && int(i) < len(container) {
			name, next, there = int(i), container[i], true
		}
	}
	if !there {
		return origin{o.path, o.value, false}
	}
	return origin{append(o.path[:len(o.path):len(o.path)], name), next, true}
}

// origin of the value of a part.
func (f *finder) origin(p at) (origin, bool) {
	switch p.expr.Kind() {
	case ast.IdentKind:
		return f.named(p.vars, p.expr.AsIdent())
	case ast.SelectKind:
		return f.field(p)
	case ast.CallKind:
		return f.result(p)
	case ast.ListKind:
		return f.deepest(p, p.expr.AsList().Elements())
	}
	return origin{}, false
}

// named is what a variable of a macro stands for, or the object.
func (f *finder) named(vars *local, name string) (origin, bool) {
	if found := vars.find(name); found != nil {
		return found.from(), found.known
	}
	judged := f.input.object
	if judged == nil {
		judged = f.input.oldObject
	}
	value, _ := f.input.ResolveName(name)
	return origin{value: judged, whole: true}, value != nil && (name == cel.ObjectVarName || name == cel.OldObjectVarName && f.input.object == nil)
}

func (f *finder) field(p at) (origin, bool) {
	selection := p.expr.AsSelect()
	if expression, found := f.variable(p); expression.tree != nil {
		of := found.noted()
		if !of.blamed.known {
			of.blamed.origin, of.blamed.told = f.blame(expression)
			of.blamed.known = f.parts >= 0
		}
		return of.blamed.origin, of.blamed.told
	}
	found, ok := f.origin(p.part(selection.Operand()))
	return found.step(celtypes.String(selection.FieldName())), ok
}

// variable is the expression of `variables.name`, and the variable where it was evaluated; no expression for anything else.
func (f *finder) variable(p at) (expression at, found *variable) {
	if p.expr.Kind() != ast.SelectKind {
		return at{}, nil
	}
	selection := p.expr.AsSelect()
	operand, name := selection.Operand(), selection.FieldName()
	if operand.Kind() != ast.IdentKind || operand.AsIdent() != cel.VariableVarName || p.vars.find(cel.VariableVarName) != nil {
		return at{}, nil
	}
	tree := f.template.trees.of(name)
	if tree == nil {
		return at{}, nil
	}
	expression = at{tree: tree, expr: tree.ast.Expr()}
	if found = f.input.evaluated(name); found != nil && !celtypes.IsUnknownOrError(found.value) {
		expression.value = found.value
	}
	return expression, found
}

// sources are what was found out about where the value of a variable comes from.
type sources struct {
	blamed struct {
		origin
		told, known bool
	}
	holder *holder
}

// noted is what was found out about a variable. Of what lasts for other requests, or was not evaluated, nothing is kept.
func (v *variable) noted() *sources {
	if v == nil || v.lasts {
		return &sources{}
	}
	if v.sources == nil {
		v.sources = &sources{}
	}
	return v.sources
}

// holder is a list or map as it stands in the object or anywhere else.
type holder struct {
	value ref.Val // nil where there is none, but one that is made of others
	from  origin
	known bool // it stands in the object
}

// result of a call stands where what it was made of does.
func (f *finder) result(p at) (origin, bool) {
	name, operands := p.call()
	switch name {
	case operators.Index, operators.OptIndex, operators.OptSelect:
		found, ok := f.origin(p.part(operands[0]))
		return found.step(f.value(p.part(operands[1]))), ok
	case operators.Conditional, operators.All, operators.Exists, operators.ExistsOne, operators.LogicalAnd, operators.LogicalOr:
		return f.blame(p)
	case operators.Filter, operators.Map:
		if p.macro(operands) == "" {
			break
		}
		for first := range f.elements(p) {
			return first.why, first.known
		}
		return f.origin(p.part(operands[0]))
	}
	return f.deepest(p, operands)
}

// deepest of the places where parts stand; the first of those.
func (f *finder) deepest(p at, parts []ast.Expr) (best origin, ok bool) {
	for _, part := range parts {
		if found, told := f.blame(p.part(part)); told && (!ok || len(found.path) > len(best.path)) {
			best, ok = found, true
		}
	}
	return best, ok
}

// element of a list, or key of a map.
type element struct {
	value func() ref.Val
	from  func() origin // where it stands
	why   origin        // the field by which it is in the list
	known bool          // it stands in the object at all
}

// elements of the value of a part, each found when it is asked for: mostly the first is all that is wanted.
func (f *finder) elements(p at) iter.Seq[element] { return f.elementsOf(p, f.count(p)) }

// elementsOf are so many elements, -1 where that is not known.
func (f *finder) elementsOf(p at, many int) iter.Seq[element] {
	name, operands := p.call()
	switch {
	case name == operators.Add:
		return func(yield func(element) bool) {
			for _, list := range operands {
				for one := range f.elements(p.part(list)) {
					if !yield(one) {
						return
					}
				}
			}
		}
	case name == operators.Conditional:
		return f.elementsOf(f.chosen(p, operands), many)
	case name == operators.Filter && p.macro(operands) != "":
		return f.kept(p, operands, many)
	case name == operators.Map && p.macro(operands) != "":
		return f.mapped(p, operands, many)
	}
	if expression, found := f.variable(p); expression.tree != nil {
		held := f.heldBy(expression, found)
		if held.value == nil {
			return f.elementsOf(expression, many)
		}
		return held.members()
	}
	return f.holds(p).members()
}

// count is how many elements the value of a part has, -1 where finding that out would take an evaluation for this alone.
func (f *finder) count(p at) int {
	if p.vars == nil && p.expr.Kind() == ast.SelectKind {
		p.value = f.value(p) // which is asked for again
	}
	if list, ok := p.value.(traits.Sizer); ok {
		if size, ok := list.Size().(celtypes.Int); ok {
			return int(size)
		}
	}
	name, operands := p.call()
	if name == operators.Map && len(operands) == 3 && p.macro(operands) != "" {
		return f.count(p.part(operands[0]))
	}
	return -1
}

// holds is the list or map that a part comes to.
func (f *finder) holds(p at) holder {
	name, operands := p.call()
	switch {
	case name == operators.Add, (name == operators.Filter || name == operators.Map) && p.macro(operands) != "":
		return holder{}
	case name == operators.Conditional:
		return f.holds(f.chosen(p, operands))
	}
	if expression, found := f.variable(p); expression.tree != nil {
		return f.heldBy(expression, found)
	}
	from, known := f.origin(p)
	return holder{f.value(p), from, known}
}

// heldBy is the list or map that the expression of a variable comes to.
func (f *finder) heldBy(expression at, found *variable) holder {
	of := found.noted()
	if of.holder != nil {
		return *of.holder
	}
	held := f.holds(expression)
	if f.parts >= 0 {
		of.holder = &held
	}
	return held
}

// kept are the elements that a condition holds for; where they are as many as there are, it is asked of none.
func (f *finder) kept(p at, operands []ast.Expr, many int) iter.Seq[element] {
	list, holds := p.part(operands[0]), ref.Val(nil)
	if many >= 0 && many == f.count(list) {
		holds = celtypes.True
	}
	return func(yield func(element) bool) {
		for one := range f.elements(list) {
			within := p.with(operands[2], p.macro(operands), one).that(holds)
			if f.value(within) != celtypes.True {
				continue
			}
			if found, ok := f.blame(within.that(celtypes.True)); ok {
				one.why, one.known = found, true
			}
			if !yield(one) {
				return
			}
		}
	}
}

func (f *finder) mapped(p at, operands []ast.Expr, many int) iter.Seq[element] {
	var all iter.Seq[element]
	if len(operands) == 4 { // map(variable, condition, result)
		all = f.kept(p, operands[:3], many)
	} else {
		all = f.elementsOf(p.part(operands[0]), many)
	}
	return func(yield func(element) bool) {
		for one := range all {
			within := p.with(operands[len(operands)-1], p.macro(operands), one)
			from := sync.OnceValue(func() origin {
				if made, ok := f.origin(within); ok {
					return made
				}
				of := one.from()
				of.whole = false
				return of
			})
			made := element{value: sync.OnceValue(func() ref.Val { return f.value(within) }), from: from, why: one.why, known: one.known}
			if !one.known {
				_, made.known = f.origin(within)
			}
			if !yield(made) {
				return
			}
		}
	}
}

// members of a list or map.
func (h holder) members() iter.Seq[element] {
	return func(yield func(element) bool) {
		switch list := h.value.(type) {
		case traits.Lister:
			size, _ := list.Size().(celtypes.Int)
			for i := range size {
				place := h.from.step(i)
				if !yield(element{func() ref.Val { return list.Get(i) }, func() origin { return place }, place, h.known}) {
					return
				}
			}
		case traits.Mapper:
			for each := list.Iterator(); each.HasNext() == celtypes.True; {
				key := each.Next()
				place := h.from.step(key)
				of := func() origin { return origin{place.path, nil, false} }
				if !yield(element{func() ref.Val { return key }, of, place, h.known}) {
					return
				}
			}
		}
	}
}
