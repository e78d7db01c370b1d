package gkgen

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/rego"
)

// world is everything under `data` that a policy can read.
type world struct {
	packages map[string][]*rego.Parsed
	names    map[string]map[string]bool // rules by package
	data     map[string]any
}

func newWorld(parsed []*rego.Parsed, data map[string]any) *world {
	w := &world{packages: map[string][]*rego.Parsed{}, names: map[string]map[string]bool{}, data: data}
	for _, p := range parsed {
		name := p.PackageName()
		w.packages[name] = append(w.packages[name], p)
		if w.names[name] == nil {
			w.names[name] = map[string]bool{}
		}
		for _, rule := range p.Module.Rules {
			w.names[name][ruleName(rule)] = true
		}
	}
	return w
}

func ruleName(rule *ast.Rule) string {
	if name, ok := rule.Head.Ref()[0].Value.(ast.Var); ok {
		return string(name)
	}
	return string(rule.Head.Name)
}

// kind tells what a reference to `data` leads to.
type kind int

const (
	toDocument  kind = iota // a data document, or nothing at all
	toPackage               // a rule, or all rules, of a package
	toInventory             // data.inventory
	toEvidence              // data.attest.evidence
	toMany                  // a place above packages
)

// target is where a reference to `data` leads: the first `taken` keys of it name the place, and `rule`
// is the rule there; "" means all of them.
type target struct {
	kind    kind
	taken   int
	pkg     string
	rule    string
	subject []string // the constant keys at the front of the reference
}

func (w *world) resolve(ref ast.Ref) target {
	keys := constant(ref[1:])
	t := target{subject: keys}
	switch {
	case len(keys) > 0 && keys[0] == "inventory":
		t.kind = toInventory
		return t
	case len(keys) > 1 && keys[0] == "attest" && keys[1] == "evidence":
		t.kind, t.taken = toEvidence, 2
		return t
	}
	for n := len(keys); n > 0; n-- {
		name := strings.Join(keys[:n], ".")
		if w.packages[name] == nil {
			continue
		}
		t.kind, t.taken, t.pkg = toPackage, n, name
		if n < len(keys) {
			t.rule = keys[n]
			if !w.names[name][t.rule] && w.holds(keys[:n+1]) {
				return target{kind: toDocument, subject: keys}
			}
		}
		return t
	}
	if w.above(keys) {
		t.kind = toMany
	}
	return t
}

// above says whether some package lies below these keys.
func (w *world) above(keys []string) bool {
	prefix := strings.Join(keys, ".") + "."
	for name := range w.packages {
		if len(keys) == 0 || strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (w *world) holds(keys []string) bool {
	_, found := w.document(keys)
	return found
}

// document is the part of the data documents at these keys.
func (w *world) document(keys []string) (any, bool) {
	var node any = w.data
	for _, key := range keys {
		object, _ := node.(map[string]any)
		var found bool
		if node, found = object[key]; !found {
			return nil, false
		}
	}
	return node, true
}

// constant are the keys of a reference up to the first that is computed.
func constant(terms []*ast.Term) []string {
	var keys []string
	for _, term := range terms {
		s, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		keys = append(keys, string(s))
	}
	return keys
}
