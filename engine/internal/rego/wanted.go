package rego

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	within "attest.continuu.ms/engine/internal/member"
	"attest.continuu.ms/engine/internal/model"
)

// Wanted is the part of `data.inventory` that policies look at: all of it, or the resources of some
// kinds. A policy says which in its METADATA (`custom.inventory: [PodDisruptionBudget]`), so that a
// run need not hold every resource in memory for the sake of a few.
type Wanted struct {
	All   bool
	Kinds map[string]Fields
}

// Any says whether a policy looks at the inventory at all.
func (w Wanted) Any() bool { return w.All || len(w.Kinds) > 0 }

// Names are those of the kinds, where not all are wanted.
func (w Wanted) Names() []string { return slices.Sorted(maps.Keys(w.Kinds)) }

// And is what two look at, both of which stay as they are.
func (w Wanted) And(other Wanted) Wanted {
	return Wanted{All: w.All || other.All, Kinds: merged(w.Kinds, other.Kinds)}
}

// Of is what is held of a resource; nil for nothing.
func (w Wanted) Of(resource model.Resource, object *ast.Term) *ast.Term {
	fields, wanted := w.Kinds[resource.Kind]
	switch {
	case w.All:
		return object
	case !wanted:
		return nil
	}
	return fields.of(object)
}

// Fields are those of an object that policies look at, each with those below it; nil means all. They lead through lists.
type Fields map[string]Fields

// naming is of any object that is looked up: where it stands in the inventory.
var naming = Fields{"apiVersion": nil, "kind": nil, "metadata": {"name": nil, "namespace": nil}}

// merged are the fields of both, which stay as they are: what one looks at as a whole is held as a whole.
func merged(one, other map[string]Fields) map[string]Fields {
	out := make(map[string]Fields, len(one)+len(other))
	maps.Copy(out, one)
	for key, below := range other {
		before, known := out[key]
		switch {
		case known && (before == nil || below == nil):
			below = nil
		case known:
			below = merged(before, below)
		}
		out[key] = below
	}
	return out
}

// declaredKinds reads `custom.inventory` of METADATA: a list of kinds, or of kinds with the fields that the policy looks at
// (`Deployment: [spec.template.metadata.labels]`). What is wrong with it is said in words; "" where nothing is.
func declaredKinds(stated any) (kinds map[string]Fields, wrong string) {
	entries, isList := stated.([]any)
	if !isList && stated != nil {
		return nil, "it must be a list of kinds"
	}
	for _, entry := range entries {
		switch entry := entry.(type) {
		case string:
			kinds = merged(kinds, map[string]Fields{entry: nil})
		case map[string]any:
			for kind, paths := range entry {
				fields, isPaths := fieldsAt(paths)
				if !isPaths {
					return nil, fmt.Sprintf("`%s` must have a list of fields, such as `[metadata.labels]`", kind)
				}
				kinds = merged(kinds, map[string]Fields{kind: fields})
			}
		default:
			return nil, fmt.Sprintf("`%v` is neither a kind nor a kind with its fields", entry)
		}
	}
	return kinds, ""
}

// fieldsAt reads paths (`spec.template.metadata.labels`); false where they are none.
func fieldsAt(stated any) (Fields, bool) {
	paths, isList := stated.([]any)
	fields := naming
	for _, path := range paths {
		text, isText := path.(string)
		if !isText || text == "" {
			return nil, false
		}
		steps := strings.Split(text, ".")
		var below Fields
		for i := len(steps) - 1; i >= 0; i-- {
			below = Fields{steps[i]: below}
		}
		fields = merged(fields, below)
	}
	return fields, isList
}

// of is the part of a value that the fields lead to. It shares nothing with the value, whose texts may be parts of a whole
// file. A field that leads through what is neither object nor list ends there, with what stands there.
func (f Fields) of(value *ast.Term) *ast.Term {
	if f == nil {
		return within.Own(value)
	}
	switch v := value.Value.(type) {
	case ast.Object:
		part := ast.NewObject()
		v.Foreach(func(key, held *ast.Term) {
			name, _ := key.Value.(ast.String)
			if below, wanted := f[string(name)]; wanted {
				part.Insert(within.Own(key), below.of(held))
			}
		})
		return ast.NewTerm(part)
	case *ast.Array:
		elements := make([]*ast.Term, v.Len())
		for i := range elements {
			elements[i] = f.of(v.Elem(i))
		}
		return ast.ArrayTerm(elements...)
	}
	return within.Own(value)
}
