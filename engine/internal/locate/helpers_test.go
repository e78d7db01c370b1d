package locate

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"sigs.k8s.io/yaml"
)

func init() { stumbled = func(bug any) { panic(bug) } }

// rules is a policy under test: Rego modules and the set to look at.
type rules struct {
	compiler *ast.Compiler
	ref      ast.Ref
}

// compile takes modules of either version. The first rule named violation, deny or warn of the first module is watched.
func compile(t testing.TB, modules ...string) rules {
	t.Helper()
	parsed := map[string]*ast.Module{}
	for i, text := range modules {
		parsed[fmt.Sprintf("m%d.rego", i)] = parse(t, text)
	}
	compiler := ast.NewCompiler()
	compiler.Compile(parsed)
	if compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	main := parsed["m0.rego"]
	for _, rule := range main.Rules {
		switch name := rule.Head.Ref()[0].Value.String(); name {
		case "violation", "deny", "warn":
			return rules{compiler, main.Package.Path.Append(ast.StringTerm(name))}
		}
	}
	t.Fatal("no rule to watch")
	return rules{}
}

func parse(t testing.TB, text string) *ast.Module {
	t.Helper()
	module, err := ast.ParseModuleWithOpts("m.rego", text, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err == nil {
		return module
	}
	options := ast.ParserOptions{RegoVersion: ast.RegoV0, AllFutureKeywords: true}
	module, v0 := ast.ParseModuleWithOpts("m.rego", text, options)
	if v0 != nil {
		t.Fatal(err, v0)
	}
	return module
}

// query puts the resource where policies look for it.
func (r rules) query(t testing.TB, manifest, parameters string) Query {
	t.Helper()
	resource, params := term(t, manifest), term(t, parameters)
	pair := func(key string, value *ast.Term) [2]*ast.Term { return ast.Item(ast.StringTerm(key), value) }
	input := ast.ObjectTerm(pair("resource", resource), pair("parameters", params),
		pair("review", ast.ObjectTerm(pair("object", resource), pair("operation", ast.StringTerm("CREATE")))))
	return Query{
		Compiler: r.compiler, Rule: r.ref, Input: input, Resource: resource,
		Roots: []ast.Ref{ast.MustParseRef("input.resource"), ast.MustParseRef("input.review.object")},
	}
}

func term(t testing.TB, text string) *ast.Term {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	converted, err := ast.InterfaceToValue(value)
	if err != nil {
		t.Fatal(err)
	}
	return ast.NewTerm(converted)
}

// entries is what the policy finds.
func entries(t testing.TB, q Query) []*ast.Term {
	t.Helper()
	body := ast.NewBody(ast.Equality.Expr(ast.VarTerm("x"), ast.NewTerm(q.Rule)))
	store := inmem.New()
	query := topdown.NewQuery(body).WithCompiler(q.Compiler).WithInput(q.Input).WithStore(store).
		WithTransaction(storage.NewTransactionOrDie(context.Background(), store))
	if q.Prepare != nil {
		query = q.Prepare(query)
	}
	result, err := query.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var found []*ast.Term
	add := func(e *ast.Term) { found = append(found, e) }
	for _, row := range result {
		switch v := row["x"].Value.(type) {
		case ast.Set:
			v.Foreach(add)
		case *ast.Array:
			v.Foreach(add)
		}
	}
	return found
}

// text is the message of an entry.
func text(entry *ast.Term) string {
	if object, ok := entry.Value.(ast.Object); ok {
		for _, key := range []string{"msg", "message"} {
			if v := object.Get(ast.StringTerm(key)); v != nil {
				return strings.Trim(v.String(), `"`)
			}
		}
	}
	return strings.Trim(entry.String(), `"`)
}

func pointer(path []any) string {
	var b strings.Builder
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for _, key := range path {
		fmt.Fprintf(&b, "/%s", escape.Replace(fmt.Sprint(key)))
	}
	return b.String()
}

// located maps each message to the path found for it.
func located(t testing.TB, q Query) map[string]string {
	t.Helper()
	found := entries(t, q)
	agree(t, q)
	paths, err := Paths(context.Background(), q, found)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, entry := range found {
		out[text(entry)] = pointer(paths[i])
	}
	return out
}
