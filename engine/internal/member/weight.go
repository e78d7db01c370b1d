package member

import "github.com/open-policy-agent/opa/v1/ast"

// bytesOfATerm is about what a term takes beside its text.
const bytesOfATerm = 64

// Weight is about how many bytes terms take; it stops counting once they are more than a limit. A nil term weighs
// nothing.
func Weight(limit int, terms ...*ast.Term) int {
	sum := 0
	for _, t := range terms {
		if sum += weightOf(t, limit-sum); sum > limit {
			break
		}
	}
	return sum
}

func weightOf(t *ast.Term, limit int) int {
	if t == nil {
		return 0
	}
	switch v := t.Value.(type) {
	case ast.String:
		return bytesOfATerm + len(v)
	case ast.Number:
		return bytesOfATerm + len(v)
	case *ast.Array, ast.Set, ast.Object:
		if limit > bytesOfATerm {
			return bytesOfATerm + weightWithin(v, limit-bytesOfATerm)
		}
	}
	return bytesOfATerm
}

func weightWithin(collection ast.Value, limit int) int {
	switch v := collection.(type) {
	case *ast.Array:
		sum := 0
		for i := 0; i < v.Len() && sum <= limit; i++ {
			sum += weightOf(v.Elem(i), limit-sum)
		}
		return sum
	case ast.Set:
		sum := 0
		v.Until(func(element *ast.Term) bool {
			sum += weightOf(element, limit-sum)
			return sum > limit
		})
		return sum
	case ast.Object:
		sum := 0
		v.Until(func(key, value *ast.Term) bool {
			sum += weightOf(key, limit-sum)
			sum += weightOf(value, limit-sum)
			return sum > limit
		})
		return sum
	}
	return 0
}
