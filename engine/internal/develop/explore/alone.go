package explore

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Alone is a condition of a rule with those before it that give its variables their values, and the
// condition among the others that comes first; nil where there is no other.
func (s *Subject) Alone(number, condition int) (body ast.Body, without *ast.Expr) {
	all := s.Rules[number].Body
	safe := ast.NewVarSet(ast.DefaultRootDocument.Value.(ast.Var), ast.InputRootDocument.Value.(ast.Var))
	outputs := make([]ast.VarSet, condition)
	for i, expr := range all[:condition] {
		outputs[i] = ast.OutputVarsFromExpr(s.Set.Compiler, expr, safe)
		safe.Update(outputs[i])
	}
	needed := all[condition].Vars(ast.VarVisitorParams{})
	kept := []*ast.Expr{all[condition]}
	for i := condition - 1; i >= 0; i-- {
		if len(outputs[i].Intersect(needed)) > 0 {
			kept = append([]*ast.Expr{all[i]}, kept...)
			needed.Update(all[i].Vars(ast.VarVisitorParams{}))
		} else if !all[i].Generated {
			without = all[i]
		}
	}
	for _, expr := range kept {
		body.Append(expr.Copy())
	}
	return body, without
}

// Holds says whether conditions of a compiled rule hold in a world.
func (s *Subject) Holds(ctx context.Context, w World, body ast.Body) bool {
	s.Evals++
	txn, err := s.Set.Store.NewTransaction(ctx)
	if err != nil {
		return false
	}
	defer s.Set.Store.Abort(ctx, txn)
	q, stop := s.bounded(ctx, s.Set.NewQuery(s.mocked(body, w), txn).WithInput(s.input(w)).WithTime(farAway), mostSteps)
	defer stop()
	found := false
	_ = q.Iter(ctx, func(topdown.QueryResult) error { // what fails does not hold
		found = true
		return nil
	})
	return found
}

// mocked is a body that sees the roots of a world beside its input.
func (s *Subject) mocked(body ast.Body, w World) ast.Body {
	out := body.Copy()
	for _, expr := range out {
		for _, mock := range s.Mocks {
			if value, ok := w[mock.Name]; ok {
				expr.With = append(expr.With, &ast.With{Target: mock.Target, Value: Term(value)})
			}
		}
	}
	return out
}
