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
		return found.from, found.known
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
	if variable := f.variable(p); variable != nil {
		return f.blame(at{tree: variable, expr: variable.ast.Expr()})
	}
	found, ok := f.origin(p.part(selection.Operand()))
	return found.step(celtypes.String(selection.FieldName())), ok
}

// variable is the expression of `variables.name`, nil for anything else.
func (f *finder) variable(p at) *tree {
	selection := p.expr.AsSelect()
	operand := selection.Operand()
	if operand.Kind() != ast.IdentKind || operand.AsIdent() != cel.VariableVarName || p.vars.find(cel.VariableVarName) != nil {
		return nil
	}
	return f.template.trees.of(selection.FieldName())
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
	from  origin // where it stands
	why   origin // the field by which it is in the list
	known bool   // it stands in the object at all
}

// elements of the value of a part, each found when it is asked for: mostly the first is all that is wanted.
func (f *finder) elements(p at) iter.Seq[element] {
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
		return f.elements(f.chosen(p, operands))
	case name == operators.Filter && p.macro(operands) != "":
		return f.kept(p, operands)
	case name == operators.Map && p.macro(operands) != "":
		return f.mapped(p, operands)
	case p.expr.Kind() == ast.SelectKind:
		if variable := f.variable(p); variable != nil {
			return f.elements(at{tree: variable, expr: variable.ast.Expr()})
		}
	}
	return f.members(p)
}

func (f *finder) kept(p at, operands []ast.Expr) iter.Seq[element] {
	return func(yield func(element) bool) {
		for one := range f.elements(p.part(operands[0])) {
			within := p.with(operands[2], p.macro(operands), one)
			if f.value(within) != celtypes.True {
				continue
			}
			if found, ok := f.blame(within); ok {
				one.why, one.known = found, true
			}
			if !yield(one) {
				return
			}
		}
	}
}

func (f *finder) mapped(p at, operands []ast.Expr) iter.Seq[element] {
	all := f.elements(p.part(operands[0]))
	if len(operands) == 4 { // map(variable, condition, result)
		all = f.kept(p, operands[:3])
	}
	return func(yield func(element) bool) {
		for one := range all {
			within := p.with(operands[len(operands)-1], p.macro(operands), one)
			from, ok := f.origin(within)
			made := element{value: sync.OnceValue(func() ref.Val { return f.value(within) }), from: from, why: one.why, known: ok || one.known}
			if !ok {
				made.from = one.from
				made.from.whole = false
			}
			if !yield(made) {
				return
			}
		}
	}
}

// members of a list or map as it stands in the object, or anywhere else.
func (f *finder) members(p at) iter.Seq[element] {
	return func(yield func(element) bool) {
		container := f.value(p)
		from, known := f.origin(p)
		switch list := container.(type) {
		case traits.Lister:
			size, _ := list.Size().(celtypes.Int)
			for i := range size {
				place := from.step(i)
				if !yield(element{func() ref.Val { return list.Get(i) }, place, place, known}) {
					return
				}
			}
		case traits.Mapper:
			for each := list.Iterator(); each.HasNext() == celtypes.True; {
				key := each.Next()
				place := from.step(key)
				if !yield(element{func() ref.Val { return key }, origin{place.path, nil, false}, place, known}) {
					return
				}
			}
		}
	}
}
