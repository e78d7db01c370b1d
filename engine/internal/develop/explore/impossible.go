package explore

import "github.com/open-policy-agent/opa/v1/ast"

// impossible says that no input satisfies a body: it asks for two values at one place, or for one above
// and below another. Only conditions on places without variables are looked at.
func impossible(body ast.Body) bool {
	ranges := map[string]*span{}
	for _, expr := range body {
		place, operator, constant := condition(expr)
		if place == "" {
			continue
		}
		if ranges[place] == nil {
			ranges[place] = &span{}
		}
		ranges[place].add(operator, constant)
		if ranges[place].empty() {
			return true
		}
	}
	return false
}

// condition is a comparison of a place with a constant, the place first; "" for anything else.
func condition(expr *ast.Expr) (place, operator string, constant ast.Value) {
	if expr.Negated || len(expr.With) > 0 || !expr.IsCall() || len(expr.Operands()) != 2 {
		return "", "", nil
	}
	left, right := expr.Operand(0).Value, expr.Operand(1).Value
	operator = expr.Operator().String()
	if _, isRef := left.(ast.Ref); !isRef {
		left, right, operator = right, left, mirrored[operator]
	}
	ref, isRef := left.(ast.Ref)
	if !isRef || !ref.IsGround() || !ast.IsConstant(right) || mirrored[operator] == "" {
		return "", "", nil
	}
	return ref.String(), operator, right
}

var mirrored = map[string]string{"eq": "eq", "equal": "equal", "lt": "gt", "gt": "lt", "lte": "gte", "gte": "lte"}

// span is what is left for a value; nil where there is no limit.
type span struct {
	low, high         ast.Value
	openLow, openHigh bool
}

func (b *span) add(operator string, v ast.Value) {
	if operator != "lt" && operator != "lte" {
		if open := operator == "gt"; b.low == nil || ast.Compare(v, b.low) > 0 || open && ast.Compare(v, b.low) == 0 {
			b.low, b.openLow = v, open
		}
	}
	if operator != "gt" && operator != "gte" {
		if open := operator == "lt"; b.high == nil || ast.Compare(v, b.high) < 0 || open && ast.Compare(v, b.high) == 0 {
			b.high, b.openHigh = v, open
		}
	}
}

func (b *span) empty() bool {
	if b.low == nil || b.high == nil {
		return false
	}
	order := ast.Compare(b.low, b.high)
	return order > 0 || order == 0 && (b.openLow || b.openHigh)
}
