package cel

import (
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/parser"
	"k8s.io/apiserver/pkg/cel/environment"
)

// tree is an expression as it is written, its macros being calls, with programs of those of its parts that were asked for.
type tree struct {
	text     string
	ast      *ast.AST
	programs sync.Map // by part: func() cel.Program, nil where the part has none
	exempts  sync.Map // by part: whether it mentions exemptions
}

// asWritten parses without macros, which would hide what stands where.
var asWritten = sync.OnceValues(func() (*parser.Parser, error) { return parser.NewParser(parser.EnableOptionalSyntax(true)) })

// partsEnv is the environment for parts of expressions. They are not checked, since variables of macros have no declared type.
// It has all that Kubernetes' own has but the counting of costs, which is half of an evaluation: what is evaluated here was
// evaluated within its budget before, and maxParts bounds how often.
var partsEnv = sync.OnceValues(func() (*cel.Env, error) {
	counting, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Env(environment.StoredExpressions)
	if err != nil {
		return nil, err
	}
	functions := slices.Collect(maps.Values(counting.Functions()))
	return cel.NewCustomEnv(cel.CustomTypeAdapter(counting.CELTypeAdapter()), cel.CustomTypeProvider(counting.CELTypeProvider()),
		cel.FunctionDecls(functions...), cel.Macros(counting.Macros()...), cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true))
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
	return &tree{text: expression, ast: parsed}
}

// program evaluates a part of the expression, nil where that can't be.
func (t *tree) program(part ast.Expr) cel.Program {
	made, known := t.programs.Load(part)
	if !known {
		made, _ = t.programs.LoadOrStore(part, sync.OnceValue(func() cel.Program { return compilePart(part, t.ast.SourceInfo()) }))
	}
	return made.(func() cel.Program)()
}

var exemption = regexp.MustCompile(`(?i)exempt|exclu|ignor|skip|waive|exception`)

// exempting says whether a name in a part speaks of exemptions.
func (t *tree) exempting(part ast.Expr) bool {
	mentioned, known := t.exempts.Load(part)
	if !known {
		mentioned = mentions(part, exemption)
		t.exempts.Store(part, mentioned)
	}
	return mentioned.(bool)
}

// mentions says whether a name in the expression matches.
func mentions(e ast.Expr, name *regexp.Regexp) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			found = found || name.MatchString(e.AsIdent())
		case ast.SelectKind:
			found = found || name.MatchString(e.AsSelect().FieldName())
		}
	}))
	return found
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
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil
	}
	return program
}
