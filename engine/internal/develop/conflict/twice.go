package conflict

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/virtual"
)

// packages finds packages that two sources define. The second one is put aside: its rules are those of
// somebody else, and a check refuses both together.
func (f *finder) packages() []model.Problem {
	var problems []model.Problem
	first := map[string]rego.Module{}
	reported := map[string]bool{}
	var kept []rego.Module
	for _, m := range rego.Settled(f.sources.Modules) {
		parsed, wrong := rego.Parse(m.Source)
		problems = append(problems, wrong...)
		if parsed == nil || m.Library || !hasEntries(m) {
			kept = append(kept, m)
			continue
		}
		name := parsed.Module.Package.Path.String()
		other, taken := first[name]
		if !taken {
			first[name] = m
		}
		if !taken || other.Origin == m.Origin {
			kept = append(kept, m)
			continue
		}
		if key := name + " " + m.Origin; !reported[key] {
			reported[key] = true
			f.twice(fmt.Sprintf("the package `%s` is defined by two sources", strings.TrimPrefix(name, "data.")),
				"rename one of the packages, or leave one of the sources out: a check refuses both together",
				packageSide(other), packageSide(m))
		}
	}
	f.sources.Modules = kept
	return problems
}

func (f *finder) twice(message, hint string, sides ...Side) {
	f.add(Conflict{Kind: DefinedTwice, Certainty: Certain, Sides: sides, Message: message, Hint: hint})
}

func packageSide(m rego.Module) Side {
	parsed, _ := rego.Parse(m.Source) // it parsed a moment ago
	path := parsed.Module.Package.Path.String()
	name := strings.ReplaceAll(strings.TrimPrefix(path, "data."), ".", "-")
	return Side{Policy: name, Rule: "package", File: m.File, Line: parsed.Module.Package.Location.Row}
}

// names finds names that two policies of different packages bear.
func (f *finder) names() {
	first := map[string]*judge{}
	for _, j := range f.judges {
		other := first[j.name]
		if other == nil {
			first[j.name] = j
		} else if !other.subject.Package.Equal(j.subject.Package) && other.match == nil && j.match == nil {
			f.twice(fmt.Sprintf("two packages call their policy `%s`", j.name), "give one of them another `custom.name`",
				other.place(), j.place())
		}
	}
}

func (j *judge) place() Side {
	return Side{Policy: j.name, Rule: "package", File: j.file, Line: j.subject.Policy.Line}
}

// structure finds rules whose conditions are the same to the letter, once local names are put aside.
func (f *finder) structure() {
	for i, a := range f.units {
		for _, b := range f.units[i+1:] {
			if a.judge == b.judge && a.rule.Rule == b.rule.Rule || !a.sameConditions(b) {
				continue
			}
			f.identical(a, b)
		}
	}
}

func (f *finder) identical(a, b *unit) {
	kind, message := Duplicate, fmt.Sprintf("`%s` and `%s` have the same conditions: every violation of one is one of the other", a.name, b.name)
	hint := "keep one of the two"
	switch {
	case a.name == b.name && a.rule.Head.String() == b.rule.Head.String():
		kind, message = DefinedTwice, fmt.Sprintf("the package of `%s` has the same rule twice", a.name)
	case a.name == b.name:
		message = fmt.Sprintf("two rules of `%s` have the same conditions", a.name)
	case a.level() != b.level():
		kind = Enforcement
		message = fmt.Sprintf("`%s` (%s) and `%s` (%s) judge the same conditions", a.name, a.level(), b.name, b.level())
		hint = "enforce both alike, or keep one of the two"
	}
	f.add(Conflict{
		Kind: kind, Certainty: Certain, Message: message, Hint: hint,
		Sides: []Side{a.side(a.condition()), b.side(b.condition())}, Resource: f.violating(a, b),
	})
}

// sameConditions compares what two rules ask for, in whatever order, with the rules of their packages that they use.
func (u *unit) sameConditions(other *unit) bool {
	if u.match != nil || other.match != nil {
		return false // constraints are compared as a whole
	}
	a, b := u.meaning(), other.meaning()
	if a != b || a == "" {
		return false
	}
	// The same words mean something else with other parameters.
	return u.name == other.name || !u.readsParameters() || reflect.DeepEqual(u.subject.Fixed, other.subject.Fixed)
}

// readsParameters says whether a rule, or what it depends on, reads parameters.
func (u *unit) readsParameters() bool {
	return mentions(u.subject.Set.Compiler, u.rule.Rule, ast.InputRootDocument, "parameters")
}

// looksUp says whether a rule, or what it depends on, reads other objects of the cluster.
func looksUp(compiler *ast.Compiler, rule *ast.Rule) bool {
	return mentions(compiler, rule, ast.DefaultRootDocument, "inventory")
}

func mentions(compiler *ast.Compiler, rule *ast.Rule, root *ast.Term, field string) bool {
	reached := map[*ast.Rule]bool{}
	virtual.Follow(compiler, rule, reached)
	for other := range reached {
		if virtual.Mentions(other, root, field) {
			return true
		}
	}
	return false
}

// conditions are the expressions of a body but for those that only make the message.
func (u *unit) conditions() []*ast.Expr {
	out := slices.Clone(u.rule.Body)
	for len(out) > 1 {
		expr := out[len(out)-1]
		made := expr.Generated || strings.Contains(string(expr.Location.Text), ":=")
		body := ast.NewBody(settle(expr.Copy(), u.subject.Words.Root))
		if !made || asks(ast.NewTerm(&ast.SetComprehension{Term: ast.NullTerm(), Body: body})) {
			break
		}
		out = out[:len(out)-1]
	}
	return out
}

// condition is what a rule asks for, for people: the first line of each condition.
func (u *unit) condition() string {
	var lines []string
	for _, expr := range u.conditions() {
		text, _, _ := strings.Cut(string(expr.Location.Text), "\n")
		if text = strings.TrimSpace(text); text != "" && !slices.Contains(lines, text) && !expr.Generated {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "; ")
}

// violating is a resource for which both rules hold.
func (f *finder) violating(a, b *unit) any {
	best, weight := -1, 0
	for i, it := range f.items {
		if a.fired[i] && b.fired[i] {
			if w := a.pool.Weigh(it.world); best < 0 || w < weight {
				best, weight = i, w
			}
		}
	}
	if best < 0 {
		return nil
	}
	it := f.items[best]
	return it.from.Resource(f.natural(a, b, it))
}

// natural is an input for which both rules hold with values that a person would write, where they do.
func (f *finder) natural(a, b *unit, it item) explore.World {
	w := it.world
	try := func(next explore.World) bool {
		holds := f.holds(a, next, it.from) && f.holds(b, next, it.from)
		if holds {
			w = next
		}
		return holds
	}
	try(it.from.Replace(w, explore.Whole(it.from.Resource(w))))
	var odd []explore.Path
	w.Walk(func(path explore.Path, value any) {
		if len(path) > 1 && a.pool.Odd(path, value) {
			odd = append(odd, path)
		}
	})
	for _, path := range odd {
		for _, value := range append(a.pool.Natural(path), json.Number("10"), json.Number("1000")) {
			next, ok := w.Apply(explore.Edit{Path: path, Value: value})
			if ok && !a.pool.Odd(path, value) && try(next) {
				break
			}
		}
	}
	return w
}
