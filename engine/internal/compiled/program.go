package compiled

import (
	"fmt"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Program is the compiled form of the rules of one ast.Compiler. Rules are compiled when a query first reaches
// them. It may be shared by goroutines; what runs it is a Machine, which may not.
type Program struct {
	compiler *ast.Compiler
	builtins map[string]*topdown.Builtin

	mu        sync.Mutex
	documents map[*ast.TreeNode]*document
	pending   []*document
	paths     pathTable
	// How many places of each kind a machine needs.
	docs, indices int
	dated         bool // some rule asks for the time
}

// New is a program for what a compiler holds; builtins are those of the caller, beside OPA's.
func New(compiler *ast.Compiler, builtins map[string]*topdown.Builtin) *Program {
	return &Program{compiler: compiler, builtins: builtins, documents: map[*ast.TreeNode]*document{}, paths: newPathTable()}
}

// Refusal says why a query is left to OPA.
type Refusal struct{ reason string }

func (r *Refusal) Error() string { return r.reason }

// refuse ends the compilation of the rule at hand.
func refuse(format string, args ...any) {
	panic(&Refusal{fmt.Sprintf(format, args...)})
}

// refusal runs a step of compilation and returns why it was refused, or nil.
func refusal(step func()) (refused *Refusal) {
	defer func() {
		if r := recover(); r != nil {
			why, ours := r.(*Refusal)
			if !ours {
				panic(r)
			}
			refused = why
		}
	}()
	step()
	return nil
}

// compilePending compiles the documents that were referred to and are not compiled yet.
func (p *Program) compilePending() {
	for len(p.pending) > 0 {
		d := p.pending[len(p.pending)-1]
		p.pending = p.pending[:len(p.pending)-1]
		d.refused = refusal(func() { p.compileDocument(d) })
	}
}

// refusedBelow finds a refusal among documents and all that they use. A circle is one: OPA's compiler has seen that
// there is none, but it follows references with variables more closely than is done here.
func refusedBelow(uses []*document, seen map[*document]bool) *Refusal {
	for _, d := range uses {
		done, begun := seen[d]
		switch {
		case done:
			continue
		case begun:
			return &Refusal{fmt.Sprintf("%v may depend on itself", d.ref)}
		case d.refused != nil:
			return &Refusal{fmt.Sprintf("%v: %s", d.ref, d.refused.reason)}
		}
		seen[d] = false
		if r := refusedBelow(d.uses, seen); r != nil {
			return r
		}
		seen[d] = true
	}
	return nil
}
