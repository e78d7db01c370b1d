package gkgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// rewriting is one module on its way to become a library.
type rewriting struct {
	*translation
	parsed  *rego.Parsed
	module  *ast.Module
	taken   map[ast.Var]bool   // names that the module uses
	imports map[string]added   // by the path that is imported
	done    map[*ast.Term]bool // terms that are rewritten already
}

type added struct {
	alias ast.Var
	path  ast.Ref
}

// library turns the rules of a module that are needed into a library; nil where none is.
func (t *translation) library(parsed *rego.Parsed) *ast.Module {
	module := parsed.Module.Copy()
	pkg := parsed.PackageName()
	module.Rules = slices.DeleteFunc(module.Rules, func(rule *ast.Rule) bool { return !t.kept[needed{pkg, ruleName(rule)}] })
	if len(module.Rules) == 0 {
		return nil
	}
	module.Annotations = nil
	module.Comments = commentsOf(module)
	r := &rewriting{
		translation: t, parsed: parsed, module: module, taken: names(module),
		imports: map[string]added{}, done: map[*ast.Term]bool{},
	}
	for _, rule := range module.Rules {
		r.rule(rule)
	}
	r.rewriteImports()
	module.Package.Path = inLib(module.Package.Path)
	return module
}

func (r *rewriting) rule(rule *ast.Rule) {
	ast.WalkWiths(rule, func(with *ast.With) bool {
		r.with(with)
		return false
	})
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		if r.done[term] {
			return true
		}
		switch value := term.Value.(type) {
		case ast.Var:
			if value == inputRoot || value == dataRoot {
				r.reference(term, ast.Ref{ast.NewTerm(value)})
			}
		case ast.Ref:
			if head, ok := value[0].Value.(ast.Var); ok && (head == inputRoot || head == dataRoot) {
				r.reference(term, value)
			}
			r.notice(value)
			if head := term.Value.(ast.Ref)[0]; isVar(head) { // else it holds references itself
				r.done[head] = true
			}
		}
		return false
	})
}

func isVar(term *ast.Term) bool {
	_, is := term.Value.(ast.Var)
	return is
}

// with rewrites what a `with` replaces; it must be a path, so no import can stand for it.
func (r *rewriting) with(with *ast.With) {
	r.done[with.Target] = true
	ref, ok := with.Target.Value.(ast.Ref)
	if !ok {
		ref = ast.Ref{with.Target}
	}
	switch keys := constant(ref[1:]); {
	case ref[0].Value.Compare(inputRoot) == 0 && len(keys) == 0:
		r.fail(with.Target.Location, "`with input as` replaces the whole input, which a template has in another shape",
			"replace a part of it: `with input.resource as`")
	case ref[0].Value.Compare(inputRoot) == 0:
		if to, found := map[string][]string{
			"resource": {"review", "object"}, "operation": {"review", "operation"},
			"user": {"review", "userInfo"}, "namespace": {"review", "namespaceObject"},
		}[keys[0]]; found {
			with.Target.Value = moved(ast.InputRootDocument, to, ref[2:])
		}
	case ref[0].Value.Compare(dataRoot) == 0:
		if r.world.resolve(ref).kind != toPackage {
			r.fail(with.Target.Location, "`with` replaces a data document, which a template can't", "pass the value as an argument of a function")
			return
		}
		with.Target.Value = inLib(ref)
	}
}

// notice remembers what a cluster may refuse.
func (r *rewriting) notice(ref ast.Ref) {
	if ref.String() == "http.send" {
		r.template.Network = true
	}
}

func (r *rewriting) reference(term *ast.Term, ref ast.Ref) {
	if ref[0].Value.Compare(inputRoot) == 0 {
		r.input(term, ref)
		return
	}
	found := r.world.resolve(ref)
	switch found.kind {
	case toPackage:
		term.Value = r.through(inLib(ref[:found.taken+1]), nil, ref[found.taken+1:])
	case toInventory:
		r.template.Inventory = true
	default:
		term.Value = r.document(found, ref, term.Location)
	}
}

// input rewrites a reference to the input of a plain policy to where a review has the same.
func (r *rewriting) input(term *ast.Term, ref ast.Ref) {
	keys := constant(ref[1:])
	if len(keys) == 0 {
		r.template.Namespace = true
		term.Value = r.support(inputPackage, "document", ref[1:])
		return
	}
	switch {
	case keys[0] == "resource":
		term.Value = moved(ref[0], []string{"review", "object"}, ref[2:])
	case keys[0] == "schema_errors":
		r.needless = true
	case keys[0] == "operation":
		term.Value = moved(ref[0], []string{"review", "operation"}, ref[2:])
	case keys[0] == "user":
		term.Value = r.support(inputPackage, "user", ref[2:])
	case keys[0] == "namespace":
		r.template.Namespace = true
		term.Value = r.support(inputPackage, "namespace", ref[2:])
	case len(keys) > 2 && keys[0] == "review" && keys[1] == "_unstable" && keys[2] == "namespace":
		r.template.Namespace = true
		term.Value = r.support(inputPackage, "namespace", ref[4:])
	}
}

// document rewrites a reference to a data document: to a copy in the template, or to the evidence.
func (r *rewriting) document(found target, ref ast.Ref, at *ast.Location) ast.Value {
	switch found.kind {
	case toEvidence:
		r.template.Evidence = true
		return r.support(dataPackage, "evidence", ref[3:])
	case toMany:
		r.fail(at, fmt.Sprintf("the policy reads all of `%s`, packages included, which a template can't", ref[:len(found.subject)+1]),
			"name the package whose rules you want")
		return ref
	}
	r.embed(found.subject)
	return r.support(dataPackage, "document", ref[1:])
}

// support is a reference to a rule of the libraries that the generator writes itself.
func (r *rewriting) support(pkg, rule string, rest ast.Ref) ast.Ref {
	r.supports[pkg] = true
	path := ast.Ref{ast.DefaultRootDocument, ast.StringTerm("lib"), ast.StringTerm(pkg)}
	return r.through(path, []string{rule}, rest)
}

// through is a reference through an import. Gatekeeper moves libraries to packages of its own and
// adapts imports to that, but not every reference that lies deep in a term.
func (r *rewriting) through(path ast.Ref, keys []string, rest ast.Ref) ast.Ref {
	found, known := r.imports[path.String()]
	if !known {
		found = added{r.alias(path), path}
		r.imports[path.String()] = found
	}
	return moved(ast.NewTerm(found.alias), keys, rest)
}

// alias is a name for an import that the module does not use yet.
func (r *rewriting) alias(path ast.Ref) ast.Var {
	parts := constant(path[2:])
	name := identifier(strings.Join(parts, "_"))
	for r.taken[ast.Var(name)] {
		name += "_"
	}
	r.taken[ast.Var(name)] = true
	return ast.Var(name)
}

func identifier(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, text)
}

func moved(head *ast.Term, keys []string, rest ast.Ref) ast.Ref {
	out := ast.Ref{head}
	for _, key := range keys {
		out = append(out, ast.StringTerm(key))
	}
	return append(out, rest...)
}

func inLib(path ast.Ref) ast.Ref { return moved(path[0], []string{"lib"}, path[1:]) }

func names(module *ast.Module) map[ast.Var]bool {
	out := map[ast.Var]bool{}
	for name := range aliases(module) {
		out[name] = true
	}
	for _, rule := range module.Rules {
		out[ast.Var(ruleName(rule))] = true
		ast.WalkVars(rule, func(v ast.Var) bool {
			out[v] = true
			return false
		})
	}
	return out
}
