// Package member looks into values of Rego.
package member

import "github.com/open-policy-agent/opa/v1/ast"

// At is what a value has at a key, as a reference has it; nil where it has nothing. The element of a set is the key.
func At(of, key *ast.Term) *ast.Term {
	switch of := of.Value.(type) {
	case ast.Object:
		return of.Get(key)
	case *ast.Array:
		return of.Get(key)
	case ast.Set:
		if of.Contains(key) {
			return key
		}
	}
	return nil
}

// Key is an element of a path, a string or int, as a term.
func Key(element any) *ast.Term {
	if i, ok := element.(int); ok {
		return ast.InternedTerm(i)
	}
	name, _ := element.(string)
	return ast.InternedTerm(name)
}
