package optimize

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"
)

// cheap are the builtins that cost less than a variable is worth.
var cheap = map[string]bool{
	"eq": true, "assign": true, "equal": true, "neq": true, "lt": true, "lte": true, "gt": true, "gte": true,
	"plus": true, "minus": true, "mul": true, "div": true, "rem": true, "and": true, "or": true,
	"internal.member_2": true, "internal.member_3": true, "print": true, "trace": true, "walk": true,
}

// isWork says whether a node is a call or a comprehension whose result is the same each time.
func isWork(node any) bool {
	switch node := node.(type) {
	case *ast.Term:
		switch value := node.Value.(type) {
		case ast.Call:
			return isPure(value[0])
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true
		}
	case *ast.Expr:
		if terms, ok := node.Terms.([]*ast.Term); ok && len(node.With) == 0 {
			return isPure(terms[0])
		}
	}
	return false
}

func isPure(operator *ast.Term) bool {
	name := operator.Value.String()
	builtin := ast.BuiltinMap[name]
	return !cheap[name] && (builtin == nil || !builtin.Nondeterministic)
}

// eachWork visits the pieces of work in a node, outer ones first; those in closures belong to other bodies.
func eachWork(node any, visit func(any)) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Term:
			if isWork(x) {
				visit(x)
			}
			_, call := x.Value.(ast.Call)
			return !call && isWork(x)
		case *ast.Expr:
			if isWork(x) {
				visit(x)
			}
		}
		return false
	}).Walk(node)
}

// textOf is the same for nodes that mean the same.
func textOf(node any) string {
	switch node := node.(type) {
	case *ast.Term:
		return node.String()
	case *ast.Expr:
		if terms, ok := node.Terms.([]*ast.Term); ok {
			return ast.CallTerm(terms...).String()
		}
	}
	return ""
}

// quoted shows a piece of the source on one line.
func quoted(source string) string {
	const longest = 60
	line := []rune(strings.Join(strings.Fields(source), " "))
	if len(line) > longest {
		line = append(line[:longest-1], '…')
	}
	return "`" + string(line) + "`"
}

func (o *optimizer) suggestion(kind string, rule *ast.Rule, at *ast.Location) Suggestion {
	return Suggestion{Kind: kind, Rule: ruleName(rule), File: o.params.File, Line: at.Row, Column: at.Col}
}

func ruleName(rule *ast.Rule) string {
	return fmt.Sprint(rule.Head.Ref()[0].Value)
}

// fresh is a name for the result of some work, after what it is made from and what is done with it.
func (o *optimizer) fresh(w *work) string {
	subject, verb := "", ""
	switch node := w.node.(type) {
	case *ast.Term:
		switch value := node.Value.(type) {
		case ast.Call:
			subject, verb = lastWord(value[1:]), verbOf(value[0])
		case *ast.ArrayComprehension:
			subject, verb = lastWord([]*ast.Term{value.Term}), "list"
		case *ast.SetComprehension:
			subject, verb = lastWord([]*ast.Term{value.Term}), "set"
		case *ast.ObjectComprehension:
			subject, verb = lastWord([]*ast.Term{value.Value}), "by_"+lastWord([]*ast.Term{value.Key})
		}
	case *ast.Expr:
		terms, _ := node.Terms.([]*ast.Term)
		subject, verb = lastWord(terms[1:]), verbOf(terms[0])
	}
	return o.unique(strings.Trim(subject+"_"+verb, "_"))
}

func (o *optimizer) unique(name string) string {
	wanted := name
	for i := 2; o.source.names[name] || o.taken[name] || ast.IsKeyword(name) || ast.BuiltinMap[name] != nil; i++ {
		name = fmt.Sprintf("%s_%d", wanted, i)
	}
	o.taken[name] = true
	return name
}

// verbOf is the last part of the name of a function.
func verbOf(operator *ast.Term) string {
	name := operator.Value.String()
	return word(name[strings.LastIndexByte(name, '.')+1:])
}

// lastWord is the name of the first argument that has one.
func lastWord(arguments []*ast.Term) string {
	out := ""
	for _, argument := range arguments {
		ast.WalkTerms(argument, func(t *ast.Term) bool {
			switch value := t.Value.(type) {
			case ast.Var:
				if out == "" && !value.IsWildcard() {
					out = word(string(value))
				}
			case ast.Ref:
				keys := slices.Clone(value[1:])
				slices.Reverse(keys)
				for _, key := range keys {
					if name, ok := key.Value.(ast.String); ok && out == "" {
						out = word(string(name))
					}
				}
				return out != ""
			case ast.Call:
				for _, inner := range value[1:] {
					if out == "" {
						out = lastWord([]*ast.Term{inner})
					}
				}
				return true
			}
			return false
		})
		if out != "" {
			return out
		}
	}
	return "result"
}

// word makes a name of a text, as Rego's names are written.
func word(text string) string {
	var out strings.Builder
	for i, r := range text {
		switch {
		case unicode.IsUpper(r) && r < unicode.MaxASCII:
			if i > 0 {
				out.WriteByte('_')
			}
			out.WriteRune(unicode.ToLower(r))
		case r < unicode.MaxASCII && (unicode.IsLower(r) || unicode.IsDigit(r) && i > 0):
			out.WriteRune(r)
		default:
			out.WriteByte('_')
		}
	}
	return strings.Trim(out.String(), "_")
}
