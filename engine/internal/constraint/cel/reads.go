package cel

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	celtypes "github.com/google/cel-go/common/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"k8s.io/apiserver/pkg/admission/plugin/cel"

	"attest.continuu.ms/engine/internal/constraint/recall"
	"attest.continuu.ms/engine/internal/virtual"
)

// What a template says of a resource is remembered by what its expressions can read of the request (docs/adr/0069-what-is-said-again.md).
// Expressions are taken as they are written: whatever is not known to be a part of the object that is named, a variable of a macro, or a
// constant, and the template is asked each time.

// operation is the one thing that a request has beside its object which is followed.
const operation = "operation"

// constants are the names in expressions that stand for types and libraries.
var constants = []string{
	"bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint",
	"cidr", "format", "ip", "optional", "quantity", "semver", "sets",
}

// oneVariable and twoVariables are macros, by how many names among their arguments they bind in those that follow;
// quantifiers bind all but the last.
var (
	oneVariable  = []string{operators.Filter, operators.Map, "optFlatMap", "optMap"}
	twoVariables = []string{"transformList", "transformMap", "transformMapEntry"}
	quantifiers  = []string{operators.All, operators.Exists, operators.ExistsOne, "existsOne"}
)

// reader finds what the expressions of a template read.
type reader struct {
	trees   trees // of variables
	seen    map[string]bool
	reads   []virtual.Read
	unknown bool
}

// readsOf are the parts of a request's object, and its operation, that a template's expressions read, messages included. Known is
// false where that can't be told, or is too much to be told apart.
func readsOf(variables trees, expressions []func() *tree) (reads []virtual.Read, known bool) {
	r := &reader{trees: variables, seen: map[string]bool{}}
	for _, parse := range expressions {
		r.all(parse())
	}
	reads = virtual.Least(r.reads)
	return reads, !r.unknown && len(reads) <= recall.MostParts
}

func (r *reader) all(t *tree) {
	if t == nil {
		r.unknown = true
		return
	}
	r.walk(t.ast.Expr(), nil)
}

// walk notes what an expression reads; bound are the variables of the macros around it.
func (r *reader) walk(e ast.Expr, bound []string) {
	if found, named := chainOf(e, bound); named {
		r.read(found.path, false)
		for _, key := range found.keys {
			r.walk(key, bound)
		}
		return
	}
	switch e.Kind() {
	case ast.LiteralKind:
	case ast.IdentKind:
		name := e.AsIdent()
		r.unknown = r.unknown || !slices.Contains(bound, name) && !slices.Contains(constants, name)
	case ast.SelectKind:
		if of(e, cel.VariableVarName, bound) {
			r.variable(e.AsSelect().FieldName())
			return
		}
		r.walk(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		r.call(e, bound)
	case ast.ListKind:
		for _, each := range e.AsList().Elements() {
			r.walk(each, bound)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.walk(entry.AsMapEntry().Key(), bound)
			r.walk(entry.AsMapEntry().Value(), bound)
		}
	default:
		r.unknown = true
	}
}

func (r *reader) call(e ast.Expr, bound []string) {
	c := e.AsCall()
	arguments := c.Args()
	if !c.IsMemberFunction() {
		if c.FunctionName() == operators.Has && len(arguments) == 1 {
			if found, named := chainOf(arguments[0], bound); named && len(found.keys) == 0 {
				r.read(found.path, true)
				return
			}
		}
	} else {
		r.walk(c.Target(), bound)
		names, named := boundBy(c)
		if !named {
			r.unknown = true
			return
		}
		bound, arguments = slices.Concat(bound, names), arguments[len(names):]
	}
	for _, each := range arguments {
		r.walk(each, bound)
	}
}

// boundBy are the names that a macro binds, none for anything else; named is false where something stands in the place of one.
func boundBy(c ast.CallExpr) (names []string, named bool) {
	if !c.IsMemberFunction() {
		return nil, true
	}
	for _, argument := range c.Args()[:max(0, min(bindings(c), len(c.Args())-1))] {
		if argument.Kind() != ast.IdentKind {
			return nil, false
		}
		names = append(names, argument.AsIdent())
	}
	return names, true
}

// bindings is how many of its arguments are names that a macro binds; 0 for a function.
func bindings(c ast.CallExpr) int {
	switch name := c.FunctionName(); {
	case slices.Contains(oneVariable, name):
		return 1
	case slices.Contains(twoVariables, name):
		return 2
	case slices.Contains(quantifiers, name):
		return len(c.Args()) - 1
	}
	return 0
}

// chain is the way from the object to a part of it, as far as it names its keys, with those that are computed.
type chain struct {
	path []string
	keys []ast.Expr
}

// chainOf an expression; named is false where it leads from something else.
func chainOf(e ast.Expr, bound []string) (found chain, named bool) {
	if under := root(e, bound); under != "" {
		return chain{path: []string{under}}, true
	}
	var container, key ast.Expr
	name, isText := celtypes.String(""), true
	switch e.Kind() {
	case ast.SelectKind:
		container, name = e.AsSelect().Operand(), celtypes.String(e.AsSelect().FieldName())
	case ast.CallKind:
		c := e.AsCall()
		if !slices.Contains(lookups, c.FunctionName()) || len(c.Args()) != 2 {
			return chain{}, false
		}
		container, key = c.Args()[0], c.Args()[1]
		name, isText = text(key)
	default:
		return chain{}, false
	}
	found, named = chainOf(container, bound)
	switch {
	case !named:
	case !isText:
		found.keys = append(found.keys, key)
	case len(found.keys) == 0: // what follows a key that is computed is within what is read
		found.path = append(found.path, string(name))
	}
	return found, named
}

var lookups = []string{operators.Index, operators.OptIndex, operators.OptSelect}

func text(e ast.Expr) (text celtypes.String, isText bool) {
	if e.Kind() == ast.LiteralKind {
		text, isText = e.AsLiteral().(celtypes.String)
	}
	return text, isText
}

// root is the key of a request under which an expression stands: `object`, the variable that is the same, the operation, and what
// belongs to the constraint; "" for anything else.
func root(e ast.Expr, bound []string) string {
	if e.Kind() == ast.IdentKind {
		if name := e.AsIdent(); (name == cel.ObjectVarName || name == cel.ParamsVarName) && !slices.Contains(bound, name) {
			return name
		}
		return ""
	}
	if e.Kind() != ast.SelectKind {
		return ""
	}
	field := e.AsSelect().FieldName()
	switch {
	case of(e, cel.VariableVarName, bound) && field == schema.ObjectName:
		return cel.ObjectVarName
	case of(e, cel.RequestVarName, bound) && field == operation:
		return operation
	}
	return ""
}

// of says whether a selection is one of what a name stands for.
func of(selection ast.Expr, name string, bound []string) bool {
	operand := selection.AsSelect().Operand()
	return operand.Kind() == ast.IdentKind && operand.AsIdent() == name && !slices.Contains(bound, name)
}

// variable reads what a variable's expression does.
func (r *reader) variable(name string) {
	if !r.seen[name] {
		r.seen[name] = true
		r.all(r.trees.of(name))
	}
}

// read notes a part. The whole object is another each time.
func (r *reader) read(path []string, shallow bool) {
	switch {
	case path[0] == cel.ParamsVarName:
	case len(path) == 1 && path[0] == cel.ObjectVarName && !shallow, len(path) > recall.Deepest:
		r.unknown = true
	default:
		r.reads = append(r.reads, virtual.Read{Path: path, Shallow: shallow})
	}
}
