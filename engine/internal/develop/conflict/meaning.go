package conflict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// meaning is what a rule asks for, but for what is only said in the message: its conditions, and the rules of its own
// package that these use, in words that are the same for whatever asks for the same: variables and rules of the package
// are numbered, and conditions sorted. Empty where that can't be told.
func (u *unit) meaning() string {
	if u.means == nil {
		text := u.spellOut()
		u.means = &text
	}
	return *u.means
}

func (u *unit) spellOut() string {
	s := &speller{own: u.subject.Package, compiler: u.subject.Set.Compiler}
	texts := []string{s.body(u.conditions())}
	for i := 0; i < len(s.names); i++ { // what is found on the way is spelled out, too
		texts = append(texts, s.rules(s.names[i]))
	}
	if s.lost {
		return ""
	}
	return strings.Join(texts, "\n")
}

// speller numbers the rules of a package in the order in which they are met.
type speller struct {
	own      ast.Ref
	compiler *ast.Compiler
	names    []ast.Ref
	lost     bool // whether something can't be told by its rules, such as the package as a whole
}

// rules is what all rules of a name say, in whatever order they stand.
func (s *speller) rules(name ast.Ref) string {
	var texts []string
	rules := s.compiler.GetRules(name)
	s.lost = s.lost || len(rules) == 0 // it stands in a document, which may be another one for the other rule
	for _, rule := range rules {
		texts = append(texts, s.rule(rule))
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}

func (s *speller) rule(rule *ast.Rule) string {
	copied := rule.Copy()
	for at := copied; at != nil; at = at.Else {
		at.Head.Name, at.Head.Reference[0] = "own", ast.VarTerm("own")
		at.Body = s.sorted(at.Body)
	}
	text, _ := numbered(s.named(copied))
	return text
}

func (s *speller) body(exprs []*ast.Expr) string {
	copied := make([]*ast.Expr, len(exprs))
	for i, expr := range exprs {
		copied[i] = expr.Copy()
	}
	text, _ := numbered(s.named(s.sorted(copied)))
	return text
}

// sorted are conditions in an order that does not depend on the names in them: all of them must hold, in any order.
func (s *speller) sorted(body []*ast.Expr) ast.Body {
	type keyed struct {
		key  string
		expr *ast.Expr
	}
	all := make([]keyed, len(body))
	for i, expr := range body {
		all[i] = keyed{s.anonymous(expr), expr}
	}
	slices.SortStableFunc(all, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	out := ast.NewBody()
	for _, one := range all {
		out.Append(one.expr)
	}
	return out
}

// anonymous is a condition without the names of its variables and of rules of the package.
func (s *speller) anonymous(expr *ast.Expr) string {
	said := s.renamed(expr.Copy(), func(ast.Ref) string { return "own" })
	builtins := operators(said)
	out, err := ast.TransformVars(said, func(v ast.Var) (ast.Value, error) {
		if v.Equal(ast.InputRootDocument.Value) || v.Equal(ast.DefaultRootDocument.Value) || builtins[v] {
			return v, nil
		}
		return ast.Var("v"), nil
	})
	if err != nil {
		return expr.String()
	}
	return fmt.Sprint(out)
}

// named gives the rules of the package their numbers.
func (s *speller) named(of any) any {
	return s.renamed(of, func(name ast.Ref) string {
		at := slices.IndexFunc(s.names, func(other ast.Ref) bool { return other.Equal(name) })
		if at < 0 {
			at, s.names = len(s.names), append(s.names, name)
		}
		return fmt.Sprintf("own%d", at)
	})
}

// renamed gives the rules of the package other names.
func (s *speller) renamed(of any, rename func(name ast.Ref) string) any {
	out, err := ast.TransformRefs(of, func(ref ast.Ref) (ast.Value, error) {
		if !ref.HasPrefix(s.own) {
			s.lost = s.lost || s.own.HasPrefix(ref) && ref[0].Equal(ast.DefaultRootDocument)
			return ref, nil
		}
		size := len(s.own) + 1
		if len(ref) < size || !ref[size-1].IsGround() {
			s.lost = true
			return ref, nil
		}
		name := append(ast.Ref{ast.DefaultRootDocument}, ast.StringTerm(rename(ref[:size])))
		return append(name, ref[size:]...), nil
	})
	if err != nil {
		s.lost = true
		return of
	}
	return out
}
