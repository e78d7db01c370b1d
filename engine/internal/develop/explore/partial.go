package explore

import (
	"context"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// maxResidual is how many alternatives of a rule are looked at.
const maxResidual = 200

// Residual evaluates a rule's body as far as that goes without an input: what is left are the
// conditions on it, one body for each alternative. `complete` says that there is nothing else, so that
// no alternative means that no input satisfies the rule.
func (s *Subject) Residual(ctx context.Context, number int) (bodies []ast.Body, complete bool) {
	rule := s.Rules[number]
	if len(rule.Head.Args) > 0 || rule.Else != nil || rule.Default || !s.first(number) {
		return nil, false
	}
	txn, err := s.Set.Store.NewTransaction(ctx)
	if err != nil {
		return nil, false
	}
	defer s.Set.Store.Abort(ctx, txn)
	bodies, support, err := s.partial(ctx, txn, rule.Body)
	if err != nil || len(bodies) > maxResidual {
		return nil, false
	}
	return bodies, len(support) == 0 || len(bodies) == 0
}

// first says that a rule is no branch of an `else`: those depend on the ones before.
func (s *Subject) first(number int) bool {
	for i, rule := range s.Rules {
		if rule.Else == s.Rules[number].Rule && i != number {
			return false
		}
	}
	return true
}

func (s *Subject) partial(ctx context.Context, txn storage.Transaction, body ast.Body) ([]ast.Body, []*ast.Module, error) {
	q, stop := s.bounded(ctx, s.Set.NewQuery(body, txn).WithUnknowns(s.unknowns()).WithPartialNamespace("residual"), mostPartialSteps)
	defer stop()
	if s.Fixed != nil {
		q = q.WithInput(ast.ObjectTerm([2]*ast.Term{ast.StringTerm("parameters"), Term(s.Fixed)}))
	}
	return q.PartialRun(ctx)
}

// unknowns are what a rule may depend on. Where the parameters are settled, they are no part of it.
func (s *Subject) unknowns() []*ast.Term {
	var out []*ast.Term
	for _, mock := range s.Mocks {
		if ref := mock.Target.Value.(ast.Ref); ref[0].Equal(ast.DefaultRootDocument) {
			out = append(out, mock.Target)
		}
	}
	if s.Fixed == nil {
		return append(out, ast.NewTerm(ast.InputRootRef)) // a reference: the variable would not be recognised
	}
	for _, key := range []string{"resource", "review", "request", "namespace", "operation", "user"} {
		out = append(out, ast.NewTerm(ast.InputRootRef.Append(ast.StringTerm(key))))
	}
	return out
}

// Freely is the same subject with parameters that may be anything.
func (s *Subject) Freely() *Subject {
	free := *s
	free.Fixed = nil
	return &free
}

// Never says that no input can satisfy a rule: partial evaluation proves it.
func (s *Subject) Never(ctx context.Context, number int) bool {
	bodies, complete := s.Residual(ctx, number)
	return complete && !slices.ContainsFunc(bodies, func(body ast.Body) bool { return !impossible(body) })
}

// Settle is the same subject with parameters that every world has.
func (s *Subject) Settle(parameters map[string]any) *Subject {
	settled := *s
	settled.Fixed = parameters
	return &settled
}

// Fold is the value that a term of a module has in every world, as partial evaluation finds it; nil where it has
// none, or depends on the world.
func (s *Subject) Fold(ctx context.Context, module *ast.Module, term *ast.Term) ast.Value {
	about := ast.NewQueryContext().WithPackage(module.Package).WithImports(module.Imports)
	body, err := s.Set.Compiler.QueryCompiler().WithContext(about).Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(result), term)))
	if err != nil {
		return nil
	}
	txn, err := s.Set.Store.NewTransaction(ctx)
	if err != nil {
		return nil
	}
	defer s.Set.Store.Abort(ctx, txn)
	bodies, support, err := s.partial(ctx, txn, body)
	if err != nil || len(bodies) != 1 || len(support) > 0 || len(bodies[0]) != 1 || !bodies[0][0].IsEquality() {
		return nil
	}
	for _, side := range bodies[0][0].Operands() {
		if side.IsGround() && constant(side.Value) {
			return side.Value
		}
	}
	return nil
}

// constant says whether a value holds nothing that would have to be evaluated.
func constant(value ast.Value) bool {
	switch value.(type) {
	case ast.Ref, ast.Call, ast.Var, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return false
	}
	return true
}
