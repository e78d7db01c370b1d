package play

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/rego"
)

// evaluate is the value of a reference, nil where it is undefined. watch may change the query.
func evaluate(
	ctx context.Context, set *rego.Set, ref ast.Ref, input *ast.Term, watch func(*topdown.Query) *topdown.Query,
) (ast.Value, error) {
	txn, err := set.Store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer set.Store.Abort(ctx, txn)
	out := ast.Var("result")
	compiler := set.Compiler.QueryCompiler()
	body, err := compiler.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(out), ast.NewTerm(ref))))
	if err != nil {
		return nil, err
	}
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	query := set.NewQuery(body, txn).WithQueryCompiler(compiler).WithInput(input).WithCancel(cancel)
	if watch != nil {
		query = watch(query)
	}
	var value ast.Value
	err = query.Iter(ctx, func(r topdown.QueryResult) error {
		value = r[out].Value
		return nil
	})
	return value, err
}

// shown is a value as JSON; sets are arrays.
func shown(value ast.Value) (json.RawMessage, error) {
	plain, err := ast.JSON(value)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(plain)
	if err == nil && len(text) > maxOutputBytes {
		return nil, fmt.Errorf("the value is %d bytes long: too long to be shown", len(text))
	}
	return text, err
}
