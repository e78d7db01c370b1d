package rego

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// members are the fields that the input of a form has, or may have.
var members = map[Form][]string{
	ResourceForm:  {"resource", "operation", "review", "namespace", "user", "schema_errors", "parameters"},
	AdmissionForm: {"apiVersion", "kind", "request"},
}

// foreign are fields of other forms that no resource has. Nothing else can be told of an input that is the resource
// itself: `parameters`, say, is a field of a StorageClass.
var foreign = []string{"resource", "operation", "review", "namespace", "user", "schema_errors", "request"}

// has says whether the input of a form may have a field.
func (f Form) has(field string) bool {
	if f == ConftestForm {
		return !slices.Contains(foreign, field)
	}
	return slices.Contains(members[f], field)
}

// instead is what to do about a field that the input of a form lacks.
func (f Form) instead(field string) string {
	switch {
	case slices.Contains(members[ResourceForm], field): // and the form is another
		return fmt.Sprintf("the form of the input is `%s`: read `%s`, or leave `--input-form` out", f, rootsOf[f][0])
	case field == "request":
		return "read `input.review`, or judge by `--input-form admission` with policies that are written for OPA's admission control"
	case f == AdmissionForm:
		return fmt.Sprintf("read `input.request.object.%s`, or judge by `--input-form conftest`", field)
	}
	return fmt.Sprintf("read `input.resource.%s`, or judge by `--input-form conftest` with policies that are written for conftest", field)
}

// missingFields warns of what policies read of their input and can't find there: once for each file and field. Only
// rules that a policy of the project reaches are looked at, those of libraries among them; tests are not.
func (s *Set) missingFields(parsed []member, form Form) []model.Problem {
	if form == "" {
		return nil
	}
	places := s.reachedByOwn(parsed)
	if len(places) == 0 {
		return nil
	}
	var problems []model.Problem
	for _, m := range parsed {
		if m.Module.Shipped || m.Module.Library && form == ResourceForm || strings.HasSuffix(m.File, "_test.rego") {
			continue
		}
		look := &fieldReader{form: form, member: m, told: map[string]bool{}}
		look.module(m.Parsed.Module, func(rule *ast.Rule) bool { return places[rule.Location.String()] })
		problems = append(problems, look.problems...)
	}
	return problems
}

// reachedByOwn are the places of the rules that policies depend on which don't ship. The compiler makes others of the
// rules, at the same places.
func (s *Set) reachedByOwn(parsed []member) map[string]bool {
	places := map[string]bool{}
	for _, group := range packages(parsed) {
		if group[0].Module.Shipped {
			continue
		}
		for rule := range s.reached(group) {
			places[rule.Location.String()] = true
		}
	}
	return places
}

// fieldReader looks for fields of the input in a module as it was written.
type fieldReader struct {
	form     Form
	member   member
	names    map[ast.Var]bool // which stand for the input as a whole
	told     map[string]bool
	problems []model.Problem
}

func (r *fieldReader) module(module *ast.Module, reached func(*ast.Rule) bool) {
	own := map[ast.Var]bool{ast.InputRootDocument.Value.(ast.Var): true}
	for _, imported := range module.Imports {
		if isInput(imported.Path, own) {
			own[imported.Name()] = true
		}
	}
	for _, rule := range module.Rules { // `document := input`
		if value := rule.Head.Value; len(rule.Head.Args) == 0 && value != nil && isInput(value, own) {
			own[rule.Head.Name] = true
		}
	}
	r.names = own
	any := false
	for _, rule := range module.Rules {
		if reached(rule) && !strings.HasPrefix(string(rule.Head.Name), "test_") {
			r.rule(rule, own)
			any = true
		}
	}
	if any {
		r.names = own
		for _, imported := range module.Imports {
			r.term(imported.Path)
		}
	}
	slices.SortStableFunc(r.problems, func(a, b model.Problem) int { return (a.Line-b.Line)*10000 + a.Column - b.Column })
}

// rule reads a rule, in which variables may stand for the input: `doc := input`.
func (r *fieldReader) rule(rule *ast.Rule, own map[ast.Var]bool) {
	r.names = map[ast.Var]bool{}
	for name := range own {
		r.names[name] = true
	}
	ast.WalkExprs(rule, func(expr *ast.Expr) bool {
		if (expr.IsAssignment() || expr.IsEquality()) && len(expr.With) == 0 && isInput(expr.Operand(1), own) {
			if name, isVar := expr.Operand(0).Value.(ast.Var); isVar {
				r.names[name] = true
			}
		}
		return false
	})
	ast.NewGenericVisitor(r.visit).Walk(rule)
}

// visit is true where nothing below is to be looked at: an expression with another input.
func (r *fieldReader) visit(x any) bool {
	switch x := x.(type) {
	case *ast.Expr:
		if slices.ContainsFunc(x.With, func(with *ast.With) bool { return r.isOfInput(with.Target) }) {
			return true
		}
		if terms, isCall := x.Terms.([]*ast.Term); isCall {
			r.call(terms)
		}
	case *ast.Term:
		r.term(x)
	}
	return false
}

// term looks at `input.kind` and `object.get(input, "kind", …)`.
func (r *fieldReader) term(term *ast.Term) {
	switch value := term.Value.(type) {
	case ast.Call:
		r.call(value)
	case ast.Ref:
		if len(value) > 1 && r.isOfInput(term) {
			r.field(value[1], term.Location)
		}
	}
}

func (r *fieldReader) call(terms []*ast.Term) {
	if len(terms) < 3 || terms[0].String() != ast.ObjectGet.Name || !isInput(terms[1], r.names) {
		return
	}
	key := terms[2]
	if path, isArray := key.Value.(*ast.Array); isArray && path.Len() > 0 {
		key = path.Elem(0)
	}
	r.field(key, terms[1].Location)
}

func (r *fieldReader) field(key *ast.Term, at *ast.Location) {
	name, isText := key.Value.(ast.String)
	if !isText || r.form.has(string(name)) || r.told[string(name)] {
		return
	}
	r.told[string(name)] = true
	problem := r.member.Source.problem(&ast.Error{
		Code: "input_field", Location: at,
		Message: fmt.Sprintf("`input.%s` is never there: the input has no such field", model.Short(string(name))),
	})
	problem.Severity, problem.Hint = model.Warning, r.form.instead(string(name))
	if r.member.Module.Library {
		problem.Hint = fmt.Sprintf("the library is no help to policies whose input has the form `%s`: leave it, or `--input-form`, out", r.form)
	}
	r.problems = append(r.problems, problem)
}

// isOfInput says whether a term is the input, or lies in it.
func (r *fieldReader) isOfInput(term *ast.Term) bool {
	ref, isRef := term.Value.(ast.Ref)
	return isRef && isInput(ref[0], r.names)
}

// isInput says whether a term is the input as a whole, by one of its names.
func isInput(term *ast.Term, names map[ast.Var]bool) bool {
	if ref, isRef := term.Value.(ast.Ref); isRef && len(ref) == 1 {
		term = ref[0]
	}
	name, isVar := term.Value.(ast.Var)
	return isVar && names[name]
}
