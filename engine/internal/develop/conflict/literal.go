package conflict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// conjunction is one alternative of what a rule asks of the input: all of its literals must hold.
type conjunction []literal

// literal is a condition on one place of the input. What can't be read so has its text alone.
type literal struct {
	text     string    // with variables numbered as they come, and the resource at `input.resource`
	vars     []ast.Var // of text
	ref      string    // of the input, with `[_]` for open indexes; "" where there is none
	indexes  []ast.Var // of ref
	about    string    // the one reference to the input in what can't be read; else ref
	operator string    // "", not, eq, neq, lt, lte, gt, gte, in, notin
	value    *ast.Term
	negated  bool
	says     ast.Var // what it only gives a value to, for a message; "" for what asks for something
}

// conjunctions reads residual bodies of a policy that looks for the resource at `root` of the input.
func conjunctions(bodies []ast.Body, root string) []conjunction {
	out := make([]conjunction, 0, len(bodies))
	for _, body := range bodies {
		c := conjunction{}
		for _, expr := range body {
			c = append(c, read(settle(expr.Copy(), root)))
		}
		out = append(out, c.asking())
	}
	return out
}

// asking leaves out what is there for a message alone.
func (c conjunction) asking() conjunction {
	return slices.DeleteFunc(slices.Clone(c), func(l literal) bool {
		return l.says != "" && !slices.ContainsFunc(c, func(other literal) bool { return other.says == "" && slices.Contains(other.vars, l.says) })
	})
}

// settle writes every reference to the resource, and to what is known beside it, as plain policies do,
// so that those of constraints and of conftest's policies can be compared with them.
func settle(expr *ast.Expr, root string) *ast.Expr {
	settled, err := ast.TransformRefs(expr, func(ref ast.Ref) (ast.Value, error) {
		if !ref[0].Equal(ast.InputRootDocument) {
			return ref, nil
		}
		return move(ref, root), nil
	})
	if out, ok := settled.(*ast.Expr); ok && err == nil {
		return out
	}
	return expr
}

var moves = []struct{ root, from, to string }{
	{"review", "review.object", "resource"},
	{"review", "review.kind.kind", "resource.kind"},
	{"review", "review.operation", "operation"},
	{"request", "request.object", "resource"},
	{"request", "request.kind.kind", "resource.kind"},
	{"request", "request.operation", "operation"},
}

func move(ref ast.Ref, root string) ast.Ref {
	for _, m := range moves {
		if from := inputAt(m.from); m.root == root && ref.HasPrefix(from) {
			return append(inputAt(m.to), ref[len(from):]...)
		}
	}
	if key, ok := second(ref); ok && root == "" && key != "parameters" {
		return append(inputAt("resource"), ref[1:]...)
	}
	return ref
}

func second(ref ast.Ref) (string, bool) {
	if len(ref) < 2 {
		return "", false
	}
	key, ok := ref[1].Value.(ast.String)
	return string(key), ok
}

func inputAt(path string) ast.Ref {
	out := ast.InputRootRef.Copy()
	for _, key := range strings.Split(path, ".") {
		out = append(out, ast.StringTerm(key))
	}
	return out
}

var mirrored = map[string]string{"lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte", "eq": "eq", "neq": "neq", "equal": "eq"}

func read(expr *ast.Expr) literal {
	l := literal{negated: expr.Negated}
	l.text, l.vars = numbered(expr.Copy())
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		l.place(terms)
		if expr.Negated && l.ref != "" {
			l.operator = "not"
		}
	case []*ast.Term:
		if !expr.Negated {
			l.says = says(terms)
		}
		if len(terms) == 3 {
			l.compare(terms[0].Value.String(), terms[1], terms[2])
		}
	}
	if l.about = l.ref; l.about == "" {
		l.about = onlyRef(expr)
	}
	return l
}

// onlyRef is the reference to the input in an expression; "" where there are none or several.
func onlyRef(expr *ast.Expr) string {
	only, count := "", 0
	ast.WalkRefs(expr, func(ref ast.Ref) bool {
		if text, _ := inputRef(ast.NewTerm(ref)); text != "" && text != only {
			only, count = text, count+1
		}
		return false
	})
	if count == 1 {
		return only
	}
	return ""
}

func (l *literal) place(t *ast.Term) bool {
	ref, indexes := inputRef(t)
	if ref != "" {
		l.ref, l.indexes = ref, indexes
	}
	return ref != ""
}

func (l *literal) compare(operator string, a, b *ast.Term) {
	if operator == "internal.member_2" && b.IsGround() && l.place(a) {
		l.value, l.operator = b, "in"
		if l.negated {
			l.operator = "notin"
		}
		return
	}
	if _, known := mirrored[operator]; !known || l.negated {
		return
	}
	if operator == "equal" {
		operator = "eq"
	}
	if ref, _ := inputRef(a); ref == "" {
		a, b, operator = b, a, mirrored[operator]
	}
	if _, isRef := b.Value.(ast.Ref); !isRef && b.IsGround() && l.place(a) {
		l.operator, l.value = operator, b
	}
}

// alwaysThere are fields that a message may name without asking for them.
var alwaysThere = []string{
	"input.resource.kind", "input.resource.apiVersion", "input.resource.metadata.name", "input.resource.metadata.namespace",
}

// says recognises the making of a message from what every resource has, and answers with the variable
// that gets it; "" for anything else.
func says(terms []*ast.Term) ast.Var {
	target, made := terms[len(terms)-1], terms[:len(terms)-1]
	if len(terms) == 3 && terms[0].Value.String() == "eq" {
		target, made = terms[1], assigned(terms[2])
	}
	if name, ok := target.Value.(ast.Var); ok && len(made) > 1 && makes(made[0]) && !asks(ast.NewTerm(ast.NewArray(made...))) {
		return name
	}
	return ""
}

// assigned is the call of what makes messages that a variable is set to, or the field; nil for others.
func assigned(t *ast.Term) []*ast.Term {
	switch value := t.Value.(type) {
	case ast.Call:
		return value
	case ast.Ref:
		return []*ast.Term{ast.StringTerm("sprintf"), t}
	}
	return nil
}

func makes(operator *ast.Term) bool {
	name := strings.Trim(operator.Value.String(), `"`)
	return name == "sprintf" || name == "concat"
}

// asks says that a term needs a field which a resource may lack.
func asks(t *ast.Term) bool {
	found := false
	ast.WalkRefs(t, func(ref ast.Ref) bool {
		text, _ := inputRef(ast.NewTerm(ref))
		named := strings.HasSuffix(text, ".name") && strings.Contains(text, "ontainers[")
		found = found || text != "" && !named && !slices.Contains(alwaysThere, text) || ref[0].Equal(ast.DefaultRootDocument)
		return found
	})
	return found
}

// inputRef is a reference to the input as a path; "" for anything else.
func inputRef(t *ast.Term) (path string, indexes []ast.Var) {
	ref, ok := t.Value.(ast.Ref)
	if !ok || !ref[0].Equal(ast.InputRootDocument) {
		return "", nil
	}
	var out strings.Builder
	out.WriteString("input")
	for _, key := range ref[1:] {
		switch key := key.Value.(type) {
		case ast.String:
			out.WriteString("." + string(key))
		case ast.Var:
			out.WriteString("[_]")
			indexes = append(indexes, key)
		default:
			out.WriteString("[" + key.String() + "]")
		}
	}
	return out.String(), indexes
}

// numbered is the text of an expression or a body with its variables numbered in the order in which they come.
func numbered(of any) (text string, vars []ast.Var) {
	builtins := operators(of)
	renamed, err := ast.TransformVars(of, func(v ast.Var) (ast.Value, error) {
		if v.Equal(ast.InputRootDocument.Value) || v.Equal(ast.DefaultRootDocument.Value) || builtins[v] {
			return v, nil
		}
		at := slices.Index(vars, v)
		if at < 0 {
			at, vars = len(vars), append(vars, v)
		}
		return ast.Var(fmt.Sprintf("v%d", at)), nil
	})
	if err != nil {
		return fmt.Sprint(of), nil
	}
	return fmt.Sprint(renamed), vars
}

// operators are the names of builtins that are called: they look like variables.
func operators(in any) map[ast.Var]bool {
	out := map[ast.Var]bool{}
	add := func(ref ast.Ref) {
		if v, ok := ref[0].Value.(ast.Var); ok {
			out[v] = true
		}
	}
	ast.WalkExprs(in, func(expr *ast.Expr) bool {
		if expr.IsCall() {
			add(expr.Operator())
		}
		return false
	})
	ast.WalkTerms(in, func(t *ast.Term) bool {
		if call, ok := t.Value.(ast.Call); ok {
			add(call[0].Value.(ast.Ref))
		}
		return false
	})
	return out
}

// opposite says whether one literal is the other one negated.
func (l literal) opposite(other literal) bool {
	return l.negated != other.negated && strings.TrimPrefix(l.text, "not ") == strings.TrimPrefix(other.text, "not ")
}

// scope are the fields that say which resource it is, not what is wrong with it.
var scope = []string{
	"input.resource.kind", "input.resource.apiVersion", "input.resource.metadata.namespace", "input.resource.metadata.name",
	"input.resource.metadata.labels", "input.resource.metadata.annotations", "input.resource.metadata.generateName",
	"input.operation", "input.namespace", "input.user", "input.review", "input.request",
}

// isIdentity says that a literal is about what a resource is: no policy asks for a change of that.
func (l literal) isIdentity() bool {
	return l.isScope() && !strings.Contains(l.ref, ".labels") && !strings.Contains(l.ref, ".annotations")
}

func (l literal) isScope() bool {
	return slices.ContainsFunc(scope, func(part string) bool {
		rest, found := strings.CutPrefix(l.ref, part)
		return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// kinds are the kinds that a conjunction is about; nil for any.
func (c conjunction) kinds() []string {
	for _, l := range c {
		if l.ref != "input.resource.kind" {
			continue
		}
		var out []string
		add := func(t *ast.Term) {
			if kind, ok := t.Value.(ast.String); ok {
				out = append(out, string(kind))
			}
		}
		switch l.operator {
		case "eq":
			add(l.value)
		case "in":
			elements(l.value, add)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

var signs = map[string]string{"eq": "==", "neq": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "in": "in", "notin": "not in"}

// String is a literal as its author would write it.
func (l literal) String() string {
	switch {
	case l.ref == "":
		return l.text
	case l.operator == "not":
		return "not " + shortRef(l.ref)
	case l.operator == "notin":
		return fmt.Sprintf("not %s in %s", shortRef(l.ref), l.value)
	case l.operator == "":
		return shortRef(l.ref)
	}
	return fmt.Sprintf("%s %s %s", shortRef(l.ref), signs[l.operator], l.value)
}

func shortRef(ref string) string {
	for _, prefix := range []string{"input.resource.", "input."} {
		if rest, found := strings.CutPrefix(ref, prefix); found {
			return rest
		}
	}
	return ref
}
