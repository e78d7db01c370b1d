package builtins

import (
	"context"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Asked notes whether evaluations have asked what is outside: the clock, chance, hosts. One that has not would come to the
// same again. Its zero value is ready.
type Asked struct{ yes atomic.Bool }

// Yes says whether one has.
func (a *Asked) Yes() bool { return a != nil && a.yes.Load() }

// Within is the context of evaluations that are noted; of none where a is nil.
func (a *Asked) Within(ctx context.Context) context.Context {
	if a == nil {
		return ctx
	}
	return context.WithValue(ctx, askedKey{}, a)
}

type askedKey struct{}

// noted notes calls of what OPA marks as answering differently each time. What is kept between evaluations never holds such
// an answer, so each evaluation that depends on one calls it.
func noted(builtin *ast.Builtin, f topdown.BuiltinFunc) topdown.BuiltinFunc {
	if !builtin.Nondeterministic {
		return f
	}
	return func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		if b.Context != nil {
			if a, watched := b.Context.Value(askedKey{}).(*Asked); watched {
				a.yes.Store(true)
			}
		}
		return f(b, args, iter)
	}
}
