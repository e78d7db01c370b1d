package trace

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// operators are the comparisons, as they are written in the source.
var operators = map[string]string{
	"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "==", "equal": "==", "neq": "!=",
}

// reason says why a part of an expression failed.
func (s scope) reason(part *ast.Expr) string {
	if negates(part) {
		return "what must not hold does"
	}
	if _, isEvery := part.Terms.(*ast.Every); isEvery {
		return "not every element passes"
	}
	operands := operandsOf(part)
	for _, operand := range operands {
		if why := s.undefined(operand); why != "" {
			return why
		}
	}
	if part.IsCall() {
		return s.comparison(part, operands)
	}
	if len(operands) == 1 {
		return s.single(operands[0])
	}
	return ""
}

// undefined says that a reference leads nowhere, and where it ends.
func (s scope) undefined(term *ast.Term) string {
	ref, isRef := term.Value.(ast.Ref)
	if !isRef || len(ref) < 2 {
		return ""
	}
	if value, known := s.resolve(ref); !known || value != nil {
		return ""
	}
	text := "`" + s.written(term) + "` is undefined"
	there, key := s.missing(ref)
	if there == nil || key == nil {
		return text
	}
	return fmt.Sprintf("%s: `%s` has no %s", text, s.refText(there), write(key.Value, s.limit))
}

func (s scope) comparison(part *ast.Expr, operands []*ast.Term) string {
	operator := operators[part.Operator().String()]
	if operator == "" || len(operands) < 2 {
		return ""
	}
	left, right := s.lookAny(operands[0]), s.lookAny(operands[1])
	if left == nil || right == nil {
		return ""
	}
	if operator == "==" {
		return fmt.Sprintf("%s is not %s", write(left, s.limit), write(right, s.limit))
	}
	return fmt.Sprintf("%s %s %s is false", write(left, s.limit), operator, write(right, s.limit))
}

func (s scope) single(term *ast.Term) string {
	if value := s.lookAny(term); value != nil && value.Compare(ast.Boolean(false)) == 0 {
		return "it is false"
	}
	return ""
}

func (s scope) lookAny(term *ast.Term) ast.Value {
	if ref, isRef := term.Value.(ast.Ref); isRef {
		value, _ := s.resolve(ref)
		return value
	}
	return s.look(term)
}

// written is a term as the source has it.
func (s scope) written(term *ast.Term) string {
	if text := source(term.Location); text != "" {
		return text
	}
	if ref, isRef := term.Value.(ast.Ref); isRef {
		return s.refText(ref)
	}
	return term.String()
}

// refText is a reference with the source's names of its variables.
func (s scope) refText(ref ast.Ref) string {
	named := ref.Copy()
	for i, part := range named {
		name, isVar := part.Value.(ast.Var)
		if !isVar {
			continue
		}
		if shown := s.name(name); shown != "" {
			named[i] = ast.VarTerm(shown)
		} else if value := s.look(part); i > 0 && value != nil {
			named[i] = ast.NewTerm(value)
		}
	}
	return strings.TrimPrefix(named.String(), "data.")
}
