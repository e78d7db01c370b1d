package optimize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// partial finds what the configured parameters settle: rules that can't hold with them, and expressions that
// have one value whatever the resource is. Both are found by OPA's partial evaluation.
func (o *optimizer) partial() []candidate {
	settled := o.subject.Settle(o.parameters)
	var out []candidate
	var dead []*ast.Rule
	for number, rule := range o.subject.Rules {
		written := o.written(rule.Rule)
		if rule.Entry && written != nil && settled.Never(o.ctx, number) && !o.subject.Never(o.ctx, number) {
			dead = append(dead, written)
			out = append(out, o.dead(written))
		}
	}
	if c, ok := o.folds(settled, dead); ok {
		out = append(out, c)
	}
	return out
}

// written is a rule as it stands in the source.
func (o *optimizer) written(rule *ast.Rule) *ast.Rule {
	for _, one := range o.source.module.Rules {
		if one.Location.Equal(rule.Location) {
			return one
		}
	}
	return nil
}

const partialAdvice = "the parameters of another project may differ, so the file is left as it is"

// dead is advice about a rule that can't hold with the configured parameters.
func (o *optimizer) dead(rule *ast.Rule) candidate {
	c := candidate{Suggestion: o.suggestion(kindPartial, rule, rule.Location)}
	c.Title = fmt.Sprintf("with the configured parameters this body of `%s` can never hold", ruleName(rule))
	c.Reason = "partial evaluation leaves nothing of it, whatever the resource is"
	c.Advice = "put the condition on the parameter first, so that nothing else is worked out; " + partialAdvice
	c.measure = func(*Suggestion) (comparison, bool) {
		at, ok := o.source.stretch(rule.Location)
		if !ok {
			return comparison{}, false
		}
		return o.against([]edit{{at, ""}})
	}
	return c
}

// against measures a variant that is equal for the samples only.
func (o *optimizer) against(edits []edit) (comparison, bool) {
	changed := o.subject.With(o.ctx, apply(o.subject.Text, edits))
	if changed == nil {
		return comparison{}, false
	}
	measured, ok := o.compare(o.samples, always(o.subject), always(changed), adviceGain)
	return measured, ok && o.equalOnSamples(changed)
}

func (o *optimizer) equalOnSamples(changed *explore.Subject) bool {
	return !slices.ContainsFunc(o.samples, func(s sample) bool {
		return !o.answerOf(changed, s.world).found().same(o.answerOf(o.subject, s.world).found(), false)
	})
}

// found is an answer in which an empty set counts as none: a set without any body is undefined.
func (a answer) found() answer {
	values := slices.Clone(a.values)
	for i, value := range values {
		if set, ok := value.(ast.Set); ok && set.Len() == 0 {
			values[i] = nil
		}
	}
	a.values = values
	return a
}

// fold is an expression with the value that it has whatever the resource is.
type fold struct {
	span
	line  int
	value string
}

// maxFolded is the length of a value that is worth writing out.
const maxFolded = 200

// shownFolds is how many folded expressions are named.
const shownFolds = 3

// folds is advice about all expressions that the parameters settle.
func (o *optimizer) folds(settled *explore.Subject, dead []*ast.Rule) (candidate, bool) {
	found := o.folded(settled, dead)
	if len(found) == 0 {
		return candidate{}, false
	}
	var edits []edit
	var shown []string
	c := candidate{}
	for _, f := range found {
		edits = append(edits, edit{f.span, f.value})
		c.Lines = append(c.Lines, f.line)
		if len(shown) < shownFolds {
			shown = append(shown, fmt.Sprintf("%s is %s", quoted(o.source.at(f.span)), f.value))
		}
	}
	c.Lines = slices.Compact(c.Lines)
	first := ast.NewLocation(nil, o.params.File, found[0].line, found[0].from-lineStart(o.source.text, found[0].from)+1)
	rule := o.source.module.Rules[0]
	for _, one := range o.source.module.Rules {
		if at, ok := o.source.stretch(one.Location); ok && found[0].within(at) {
			rule = one
		}
	}
	lines := c.Lines
	c.Suggestion = o.suggestion(kindPartial, rule, first)
	if len(lines) > 1 {
		c.Lines = lines
	}
	c.Title = fmt.Sprintf("the configured parameters settle %s: %s", counted(len(found), "expression"), strings.Join(shown, "; "))
	c.Reason = "partial evaluation folds them before there is a resource; now they are worked out for each one"
	c.Advice = "where no project needs another value, write it into the policy; " + partialAdvice
	c.measure = func(*Suggestion) (comparison, bool) { return o.against(edits) }
	return c, true
}

func counted(number int, noun string) string {
	if number == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}

// folded lists the largest expressions that have a value of their own, outside of rules that can't hold.
func (o *optimizer) folded(settled *explore.Subject, dead []*ast.Rule) []fold {
	var out []fold
	for _, rule := range o.source.module.Rules {
		if slices.Contains(dead, rule) || rule.Default {
			continue
		}
		for r := rule; r != nil; r = r.Else {
			for _, statement := range r.Body {
				out = append(out, o.foldsIn(settled, statement)...)
			}
			for _, head := range headTerms(r.Head) {
				out = append(out, o.foldsIn(settled, head)...)
			}
		}
	}
	return out
}

func (o *optimizer) foldsIn(settled *explore.Subject, node any) []fold {
	var out []fold
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			return x.Negated || len(x.With) > 0
		case *ast.Term:
			call, isCall := x.Value.(ast.Call)
			ref, isRef := x.Value.(ast.Ref)
			field := isRef && ref[0].Equal(ast.InputRootDocument) // reading one costs nothing
			if !isCall && !isRef || field || len(o.source.variables(x, false)) > 0 || isCall && !isPure(call[0]) {
				return false
			}
			if f, ok := o.fold(settled, x); ok {
				out = append(out, f)
				return true
			}
		}
		return false
	}).Walk(node)
	return out
}

// fold asks OPA's partial evaluation for the value of a term that depends on parameters.
func (o *optimizer) fold(settled *explore.Subject, term *ast.Term) (fold, bool) {
	at, ok := o.source.stretch(term.Location)
	if !ok {
		return fold{}, false
	}
	value := settled.Fold(o.ctx, o.source.module, term)
	if value == nil || o.subject.Fold(o.ctx, o.source.module, term) != nil {
		return fold{}, false // not settled, or settled without parameters: then it is a constant of the policy
	}
	text := value.String()
	return fold{at, term.Location.Row, text}, len(text) <= maxFolded
}
