package conflict

import (
	"fmt"
	"strings"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// bound is a constraint in force.
type bound struct {
	object     gatekeeper.Object
	kind, name string
	action     string
	match      *match
	parameters map[string]any
}

func (b bound) policy() string { return b.kind + "/" + b.name }

func (b bound) side() Side {
	return Side{Policy: b.policy(), Rule: "violation", File: b.object.File, Line: b.object.Line, Condition: b.text()}
}

func (b bound) text() string {
	return "parameters " + explore.Text(b.parameters) + ", match " + b.match.text
}

func at(value map[string]any, path ...string) any {
	var here any = value
	for _, key := range path {
		object, _ := here.(map[string]any)
		here = object[key]
	}
	return here
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// bounds are the constraints among the sources that are in force.
func (f *finder) bounds() []bound {
	var out []bound
	for _, object := range f.sources.Objects {
		if !strings.HasPrefix(text(object.Value["apiVersion"]), "constraints.gatekeeper.sh/") {
			continue
		}
		b := bound{object: object, kind: text(object.Value["kind"]), name: text(at(object.Value, "metadata", "name"))}
		if _, selected := f.selection(b.policy()); !selected {
			continue
		}
		b.action = f.action(b.policy(), object.Value)
		native, err := explore.Native(at(object.Value, "spec", "parameters"))
		if parameters, ok := native.(map[string]any); ok && err == nil {
			b.parameters = parameters
		} else {
			b.parameters = map[string]any{}
		}
		b.match = readMatch(at(object.Value, "spec", "match"))
		out = append(out, b)
	}
	return out
}

// action is what a constraint's findings do: what the configuration says, else the constraint.
func (f *finder) action(policy string, object map[string]any) string {
	switch configured := f.params.Enforcement[policy]; configured {
	case "":
	case "strict":
		return "deny"
	default:
		return configured
	}
	own := text(at(object, "spec", "enforcementAction"))
	if own == "scoped" {
		return own + " " + explore.Text(at(object, "spec", "scopedEnforcementActions"))
	}
	if own == "" {
		return "deny"
	}
	return own
}

// constraints compares the constraints of each kind as they are written.
func (f *finder) constraints() {
	all := f.bounds()
	for i, a := range all {
		if void, certain := a.match.void(); void {
			f.add(Conflict{
				Kind: NeverFires, Certainty: certainty(certain), Sides: []Side{a.side()},
				Message: fmt.Sprintf("`%s` matches nothing: what its match block asks for excludes itself", a.policy()),
				Hint:    "look at the namespaces and selectors of its match block",
			})
			continue
		}
		for _, b := range all[i+1:] {
			if a.kind == b.kind && a.match.overlaps(b.match) {
				f.pair(a, b)
			}
		}
	}
}

func certainty(certain bool) string {
	if certain {
		return Certain
	}
	return Suspected
}

// pair compares two constraints of one kind that match some resource both.
func (f *finder) pair(a, b bound) {
	c := Conflict{Certainty: Certain, Sides: []Side{a.side(), b.side()}, Hint: "make their match blocks exclude each other, or merge the two"}
	if b.match.inside(a.match) && !a.match.inside(b.match) {
		a, b = b, a
	}
	switch {
	case explore.Text(a.parameters) != explore.Text(b.parameters):
		c.Kind = Overlap
		c.Message = fmt.Sprintf("`%s` and `%s` judge some resources with different parameters", a.policy(), b.policy())
	case a.action != b.action:
		c.Kind = Enforcement
		c.Message = fmt.Sprintf("`%s` (%s) and `%s` (%s) say the same about some resources", a.policy(), a.action, b.policy(), b.action)
		c.Hint = "enforce both alike, or make their match blocks exclude each other"
	case a.match.inside(b.match) && b.match.inside(a.match):
		c.Kind = Duplicate
		c.Message = fmt.Sprintf("`%s` and `%s` are the same constraint twice", a.policy(), b.policy())
		c.Hint = "keep one of the two"
	case a.match.inside(b.match):
		c.Kind, c.Sides = Shadowed, []Side{a.side(), b.side()}
		c.Message = fmt.Sprintf("every resource that `%s` judges is judged by `%s`, too, with the same parameters", a.policy(), b.policy())
		c.Hint = "keep the wider one"
	default:
		c.Kind, c.Certainty = Duplicate, Suspected
		c.Message = fmt.Sprintf("`%s` and `%s` say the same about some resources", a.policy(), b.policy())
	}
	f.add(c)
}

// openConstraints makes a judge of every constraint whose template is written in Rego.
func (f *finder) openConstraints() []model.Problem {
	templates := map[string]gatekeeper.Object{}
	for _, object := range f.sources.Objects {
		if text(object.Value["kind"]) == "ConstraintTemplate" {
			templates[text(at(object.Value, "spec", "crd", "spec", "names", "kind"))] = object
		}
	}
	var problems []model.Problem
	for _, b := range f.bounds() {
		template, known := templates[b.kind]
		if !known {
			continue
		}
		main, libraries := regoOf(template)
		if main.Text == "" {
			continue // written in CEL
		}
		o := explore.Options{File: main.File, Data: f.sources.Data, Fixed: b.parameters}
		subject, more := explore.FromModules(f.ctx, o, main, libraries)
		if subject == nil {
			problems = append(problems, more...)
			continue
		}
		f.judges = append(f.judges, &judge{
			name: b.policy(), kind: b.kind, enforcement: level(b.action), subject: subject, match: b.match,
			file: b.object.File, line: b.object.Line,
		})
	}
	return problems
}

func level(action string) string {
	if action == "warn" || action == "dryrun" {
		return action
	}
	return "strict"
}

// regoOf is the Rego of a template, with its libraries.
func regoOf(template gatekeeper.Object) (main rego.Module, libraries []rego.Module) {
	targets, _ := at(template.Value, "spec", "targets").([]any)
	for _, entry := range targets {
		target, _ := entry.(map[string]any)
		code, libs := text(target["rego"]), texts(target["libs"])
		sources, _ := target["code"].([]any)
		for _, one := range sources {
			source, _ := one.(map[string]any)
			if text(source["engine"]) == "Rego" {
				inner, _ := source["source"].(map[string]any)
				code, libs = text(inner["rego"]), texts(inner["libs"])
			}
		}
		main = rego.Module{Source: rego.Source{File: template.File, Text: code}, Origin: template.File}
		for i, lib := range libs {
			libraries = append(libraries, rego.Module{
				Source: rego.Source{File: fmt.Sprintf("%s#lib%d", template.File, i), Text: lib}, Origin: template.File, Library: true,
			})
		}
	}
	return main, libraries
}
