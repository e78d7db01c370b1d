package compiled

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/member"
)

// pathTable numbers the constant paths into the input that the rules of a program read, each once: where two begin
// Alike, the common part is walked once for an input.
type pathTable struct {
	byName map[string]int
	steps  []pathStep
}

// pathStep leads from one path to the next longer one.
type pathStep struct {
	parent int
	key    *ast.Term
}

// The input itself is the path without steps.
func newPathTable() pathTable {
	return pathTable{byName: map[string]int{"": 0}, steps: []pathStep{{parent: -1}}}
}

func (t *pathTable) id(path []*ast.Term) int {
	id := 0
	name := ""
	for _, key := range path {
		name += key.String() + "\x00"
		next, known := t.byName[name]
		if !known {
			next = len(t.steps)
			t.byName[name] = next
			t.steps = append(t.steps, pathStep{id, key})
		}
		id = next
	}
	return id
}

// undefined stands in caches for what was looked for and is not there.
var undefined = ast.NewTerm(ast.Null{})

func (m *Machine) path(id int) *ast.Term {
	if known := m.layer.paths[id]; known != nil {
		return defined(known)
	}
	var v *ast.Term
	if id == 0 {
		v = m.layer.input
	} else {
		step := m.program.paths.steps[id]
		if parent := m.path(step.parent); parent != nil {
			v = member.At(parent, step.key)
		}
	}
	m.layer.paths[id] = cached(v)
	return v
}

func defined(known *ast.Term) *ast.Term {
	if known == undefined {
		return nil
	}
	return known
}

func cached(v *ast.Term) *ast.Term {
	if v == nil {
		return undefined
	}
	return v
}
