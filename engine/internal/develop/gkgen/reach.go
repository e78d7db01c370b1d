package gkgen

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// reach marks the rules that a policy needs, from the sets that make it a policy. A name counts
// wherever it occurs, also where a local variable hides the rule: too much is harmless.
func (t *translation) reach() {
	for _, rule := range t.group.Rules {
		t.want(t.group.Package, rule)
	}
	for len(t.queue) > 0 {
		next := t.queue[0]
		t.queue = t.queue[1:]
		for _, parsed := range t.world.packages[next.pkg] {
			for _, rule := range parsed.Module.Rules {
				if ruleName(rule) == next.rule {
					t.reachFrom(parsed, rule)
				}
			}
		}
	}
}

type needed struct{ pkg, rule string }

// want marks a rule, or all rules of a package where `rule` is "".
func (t *translation) want(pkg, rule string) {
	if rule == "" {
		for name := range t.world.names[pkg] {
			t.want(pkg, name)
		}
		return
	}
	n := needed{pkg, rule}
	if !t.world.names[pkg][rule] || t.kept[n] {
		return
	}
	t.kept[n] = true
	t.queue = append(t.queue, n)
}

func (t *translation) reachFrom(parsed *rego.Parsed, rule *ast.Rule) {
	pkg, imports := parsed.PackageName(), aliases(parsed.Module)
	heads := map[*ast.Term]bool{}
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		switch value := term.Value.(type) {
		case ast.Var:
			if !heads[term] {
				t.reachName(pkg, imports, value, nil)
			}
		case ast.Ref:
			heads[value[0]] = true
			if head, ok := value[0].Value.(ast.Var); ok {
				t.reachName(pkg, imports, head, value)
			}
		}
		return false
	})
}

func (t *translation) reachName(pkg string, imports map[ast.Var]ast.Ref, name ast.Var, ref ast.Ref) {
	if name == dataRoot {
		t.reachData(ref)
		return
	}
	if path, ok := imports[name]; ok {
		if ref != nil {
			path = append(path[:len(path):len(path)], ref[1:]...)
		}
		if path[0].Value.Compare(dataRoot) == 0 {
			t.reachData(path)
		}
		return
	}
	t.want(pkg, string(name))
}

func (t *translation) reachData(ref ast.Ref) {
	if len(ref) == 0 {
		return
	}
	if found := t.world.resolve(ref); found.kind == toPackage {
		t.want(found.pkg, found.rule)
	}
}

// aliases are the names that a module's imports give to what they import.
func aliases(module *ast.Module) map[ast.Var]ast.Ref {
	out := map[ast.Var]ast.Ref{}
	for _, imported := range module.Imports {
		if path, ok := imported.Path.Value.(ast.Ref); ok && !isDirective(path) {
			out[imported.Name()] = path
		}
	}
	return out
}

// isDirective tells `import rego.v1` and `import future.keywords` from imports of values.
func isDirective(path ast.Ref) bool {
	head, _ := path[0].Value.(ast.Var)
	return head != dataRoot && head != inputRoot
}

const (
	dataRoot  = ast.Var("data")
	inputRoot = ast.Var("input")
)
