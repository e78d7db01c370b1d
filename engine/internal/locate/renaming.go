package locate

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// renaming is how rules give a part of the resource a name, as `spec := input.resource.spec` does.
type renaming struct {
	as manner
	of ast.Ref // what is named, below the resource, where there is one place alone
}

type manner int

const (
	notRenamed manner = iota
	sometimes         // for some kinds of resources: `pod := spec if kind == "Pod"`
	always
)

// maxNames bounds how many names may stand for one another.
const maxNames = 8

// renaming says whether rules do no more than to name a part of the resource.
func (q *Query) renaming(rules []*ast.Rule, depth int) renaming {
	if depth == maxNames {
		return renaming{}
	}
	found := renaming{as: always}
	for _, rule := range rules {
		if len(rule.Head.Args) > 0 || rule.Head.Key != nil || rule.Else != nil || rule.Default || isSet(rule) {
			return renaming{}
		}
		one := q.named(rule, depth)
		switch {
		case one.as == notRenamed:
			return renaming{}
		case one.of == nil && one.as == always: // of another form of input, it reads nothing of the resource
		case found.of != nil || one.as == sometimes:
			found.as = sometimes
		default:
			found.of = one.of
		}
	}
	return found
}

// named reads one rule: it must be the name of something, under conditions on the kind of the resource at most.
func (q *Query) named(rule *ast.Rule, depth int) renaming {
	found := renaming{}
	selecting := map[ast.Var]bool{}
	head := rule.Head.Value
	if ref, ok := head.Value.(ast.Ref); ok {
		found = q.partOf(ref, depth)
	}
	conditions := false
	for _, e := range rule.Body {
		of, isAlias := aliasOf(e, head)
		switch {
		case isAlias && found.as == notRenamed:
			found = q.partOf(of, depth)
		case q.selects(e, selecting, depth):
			conditions = conditions || !e.IsGround()
		default:
			return renaming{}
		}
	}
	if conditions && found.as == always {
		found.as = sometimes
	}
	return found
}

// aliasOf is the reference that an expression gives a variable.
func aliasOf(e *ast.Expr, variable *ast.Term) (ast.Ref, bool) {
	if !e.IsEquality() || e.Negated || len(e.With) > 0 {
		return nil, false
	}
	if _, isVar := variable.Value.(ast.Var); !isVar {
		return nil, false
	}
	left, right := e.Operand(0), e.Operand(1)
	if right.Equal(variable) {
		left, right = right, left
	}
	ref, isRef := right.Value.(ast.Ref)
	return ref, isRef && left.Equal(variable)
}

// partOf is what a reference with keys that are known names.
func (q *Query) partOf(ref ast.Ref, depth int) renaming {
	for _, key := range ref[1:] {
		if _, isText := key.Value.(ast.String); !isText {
			return renaming{}
		}
	}
	if ref[0].Equal(ast.DefaultRootDocument) {
		return q.partOfNamed(ref, depth)
	}
	if !ref[0].Equal(ast.InputRootDocument) {
		return renaming{}
	}
	for _, root := range q.Roots {
		switch {
		case ref.HasPrefix(root):
			return renaming{as: always, of: append(ast.Ref{}, ref[len(root):]...)}
		case root.HasPrefix(ref):
			return renaming{}
		}
	}
	return renaming{as: always}
}

func (q *Query) partOfNamed(ref ast.Ref, depth int) renaming {
	rules := q.Compiler.GetRulesForVirtualDocument(ref)
	if len(rules) == 0 {
		return renaming{}
	}
	found := q.renaming(rules, depth+1)
	if found.of != nil {
		found.of = append(slices.Clone(found.of), ref[len(rules[0].Ref()):]...)
	}
	return found
}

// selects says whether an expression asks for the kind of the resource and nothing else of it; known are variables that
// stand for the kind.
func (q *Query) selects(e *ast.Expr, known map[ast.Var]bool, depth int) bool {
	if e.Negated || len(e.With) > 0 {
		return false
	}
	if terms, ok := e.Terms.([]*ast.Term); ok && e.IsEquality() {
		for i := range 2 {
			v, isVar := terms[1+i].Value.(ast.Var)
			ref, isRef := terms[2-i].Value.(ast.Ref)
			if isVar && isRef && q.isKind(ref, depth) {
				known[v] = true
				return true
			}
		}
	}
	switch terms := e.Terms.(type) {
	case *ast.Term:
		return terms.IsGround() && !isName(terms)
	case []*ast.Term:
		return !terms[0].Value.(ast.Ref)[0].Equal(ast.DefaultRootDocument) && !slices.ContainsFunc(terms[1:], func(t *ast.Term) bool {
			switch v := t.Value.(type) {
			case ast.Var:
				return !known[v]
			case ast.Ref:
				return !q.isKind(v, depth)
			}
			return !t.IsGround() || holdsName(t)
		})
	}
	return false
}

// holdsName says whether a term mentions something whose value depends on the evaluation.
func holdsName(t *ast.Term) bool {
	found := false
	ast.WalkRefs(t, func(ast.Ref) bool { found = true; return true })
	ast.WalkClosures(t, func(any) bool { found = true; return true })
	return found
}

// isKind says whether a reference leads to what tells the kind of a resource.
func (q *Query) isKind(ref ast.Ref, depth int) bool {
	part := q.partOf(ref, depth)
	return part.as == always && len(part.of) == 1 && slices.ContainsFunc([]string{"kind", "apiVersion"}, func(key string) bool {
		return part.of[0].Equal(ast.StringTerm(key))
	})
}
