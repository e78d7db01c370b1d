package cel

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/parser"
	"k8s.io/apiserver/pkg/cel/environment"
)

// tree is an expression as it is written, its macros being calls, with programs of those of its parts that were asked for.
type tree struct {
	ast      *ast.AST
	programs sync.Map // by part: func() cel.Program, nil where the part has none
}

// asWritten parses without macros, which would hide what stands where.
var asWritten = sync.OnceValues(func() (*parser.Parser, error) { return parser.NewParser(parser.EnableOptionalSyntax(true)) })

// partsEnv is the environment for parts of expressions. They are not checked, since variables of macros have no declared type.
var partsEnv = sync.OnceValues(func() (*cel.Env, error) {
	return environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Env(environment.StoredExpressions)
})

// newTree is nil where the expression is not as expected: then no field is found.
func newTree(expression string) *tree {
	p, err := asWritten()
	if err != nil {
		return nil
	}
	parsed, errs := p.Parse(common.NewTextSource(expression))
	if len(errs.GetErrors()) > 0 {
		return nil
	}
	return &tree{ast: parsed}
}

// program evaluates a part of the expression, nil where that can't be.
func (t *tree) program(part ast.Expr) cel.Program {
	made, _ := t.programs.LoadOrStore(part, sync.OnceValue(func() cel.Program { return compilePart(part, t.ast.SourceInfo()) }))
	return made.(func() cel.Program)()
}

func compilePart(part ast.Expr, info *ast.SourceInfo) cel.Program {
	text, err := parser.Unparse(part, info)
	if err != nil {
		return nil
	}
	env, err := partsEnv()
	if err != nil {
		return nil
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil
	}
	program, err := env.Program(parsed)
	if err != nil {
		return nil
	}
	return program
}
