package optimize

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// repeated finds work that is done again although its result is known: the same call or comprehension
// several times in one rule or in several, and what does not change from one turn of a loop to the next.
func (o *optimizer) repeated() []candidate {
	out := o.shared()
	for _, rule := range o.source.module.Rules {
		var done []*work // of the rule's bodies, outer ones first
		for _, b := range o.source.bodies(rule) {
			moved, moving := o.moves(b)
			hoisted, more := o.hoists(b, moving, done)
			done = append(done, more...)
			out = append(append(out, moved...), hoisted...)
		}
	}
	return out
}

// occurrence is a term, or a call that is a statement, somewhere in a body.
type occurrence struct {
	span
	statement int // len(statements) for the heads
}

// work is a piece of work as a body does it.
type work struct {
	node    any // *ast.Term or *ast.Expr
	text    string
	where   *ast.Location
	needs   variables
	first   int // statement
	loop    int // statement of a loop that it need not be in, or -1
	copies  []occurrence
	earlier int // statement before which it could be done
}

// hoists are the pieces of work of a body that a variable could hold, but for those that move with their statement
// and those that are part of one that is done already.
func (o *optimizer) hoists(b *body, moving map[int]bool, before []*work) ([]candidate, []*work) {
	var out []candidate
	var done []*work
	for _, w := range o.works(b) {
		covered := slices.ContainsFunc(before, func(d *work) bool { return d.holds(w) }) ||
			slices.ContainsFunc(done, func(d *work) bool { return (d.loop >= 0) == (w.loop >= 0) && d.holds(w) })
		if covered || len(w.copies) < 2 && w.loop < 0 || w.loop >= 0 && moving[w.first] {
			continue
		}
		done = append(done, w)
		out = append(out, o.hoist(b, w))
	}
	return out, done
}

// holds says whether every copy of some other work is a part of this one.
func (w *work) holds(other *work) bool {
	return !slices.ContainsFunc(other.copies, func(at occurrence) bool {
		return !slices.ContainsFunc(w.copies, func(mine occurrence) bool { return at.within(mine.span) })
	})
}

// works are the pieces of work in a body that must be done for it to hold, the first and the largest first.
func (o *optimizer) works(b *body) []*work {
	byText := map[string]*work{}
	for k, statement := range b.statements {
		if !plain(statement) && !argued(statement) {
			continue
		}
		eachWork(statement, func(node any) {
			if node == any(statement) && statement.Negated {
				return
			}
			if w := o.work(b, k, node); w != nil && byText[w.text] == nil && !o.extracted[w.text] {
				byText[w.text] = w
			}
		})
	}
	out := make([]*work, 0, len(byText))
	for _, w := range byText {
		w.copies = o.copies(b, w)
		if len(w.copies) > 0 {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *work) int {
		return cmp.Or(cmp.Compare(a.copies[0].from, b.copies[0].from), cmp.Compare(b.copies[0].to, a.copies[0].to))
	})
	return out
}

// work describes a piece of work of statement k; nil where it could not be done apart from it.
func (o *optimizer) work(b *body, k int, node any) *work {
	if !b.bound[k].holds(o.source.variables(node, true)) {
		return nil
	}
	w := &work{node: node, text: textOf(node), first: k, needs: variables{}}
	for name := range o.source.variables(node, false) {
		if b.bound[k][name] {
			w.needs[name] = true
		}
	}
	switch node := node.(type) {
	case *ast.Term:
		w.where = node.Location
	case *ast.Expr:
		w.where = node.Location
	}
	w.earlier = b.earliest(w.needs, k)
	w.loop = b.loopBetween(w.earlier, k)
	return w
}

// argued says whether a statement is a negated one: its arguments must have values all the same, or its body fails.
func argued(statement *ast.Expr) bool {
	_, call := statement.Terms.([]*ast.Term)
	return call && statement.Negated && len(statement.With) == 0
}

// copies are the places of some work in a body, from the statement on that must do it.
func (o *optimizer) copies(b *body, w *work) []occurrence {
	var out []occurrence
	for k := w.first; k < len(b.statements); k++ {
		o.places(b.statements[k], w, func(at span) { out = append(out, occurrence{at, k}) })
	}
	for _, head := range b.heads {
		o.places(head, w, func(at span) { out = append(out, occurrence{at, len(b.statements)}) })
	}
	return out
}

// places visits the places of some work in a node, closures included where they mean the same variables.
func (o *optimizer) places(node any, w *work, visit func(span)) {
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if len(x.With) > 0 {
				return true
			}
			if isWork(x) && textOf(x) == w.text {
				if at, ok := o.callOf(x); ok {
					visit(at)
				}
				return true
			}
		case *ast.Term:
			if redeclares(x, w.needs) {
				return true
			}
			if isWork(x) && textOf(x) == w.text {
				if at, ok := o.source.stretch(x.Location); ok {
					visit(at)
				}
				return true
			}
		case *ast.Every:
			if o.declared(x, w.needs) {
				visitor.Walk(x.Domain)
				return true
			}
		}
		return false
	})
	visitor.Walk(node)
}

// callOf is the place of a call that is a statement, without the `not` in front of it.
func (o *optimizer) callOf(expr *ast.Expr) (span, bool) {
	at, ok := o.source.stretch(expr.Location)
	if !ok || !expr.Negated {
		return at, ok
	}
	rest := strings.TrimPrefix(o.source.at(at), "not")
	at.from = at.to - len(strings.TrimLeft(rest, " \t\r\n"))
	return at, rest != o.source.at(at)
}

// redeclares says whether a closure has variables of its own by these names.
func redeclares(term *ast.Term, names variables) bool {
	var inner ast.Body
	switch closure := term.Value.(type) {
	case *ast.ArrayComprehension:
		inner = closure.Body
	case *ast.SetComprehension:
		inner = closure.Body
	case *ast.ObjectComprehension:
		inner = closure.Body
	}
	return slices.ContainsFunc(inner, func(statement *ast.Expr) bool { return declaresAny(statement, names) })
}

func (o *optimizer) declared(every *ast.Every, names variables) bool {
	own := o.source.variables(every.Value, true)
	if every.Key != nil {
		own = own.with(o.source.variables(every.Key, true))
	}
	for name := range own {
		if names[name] {
			return true
		}
	}
	return slices.ContainsFunc(every.Body, func(statement *ast.Expr) bool { return declaresAny(statement, names) })
}

// declaresAny says whether a statement makes new variables of these names.
func declaresAny(statement *ast.Expr, names variables) bool {
	for name := range declarations(statement) {
		if names[name] {
			return true
		}
	}
	return false
}

// hoist is the rewrite that does some work once, in a variable.
func (o *optimizer) hoist(b *body, w *work) candidate {
	source := o.source.at(w.copies[0].span)
	c := candidate{Suggestion: o.suggestion(kindRepeated, b.rule, w.where)}
	c.Reason = "OPA keeps the results of rules and functions, not those of builtins and comprehensions"
	if w.loop >= 0 {
		loop := b.statements[w.loop]
		c.Title = fmt.Sprintf("%s is worked out for each element of the loop in line %d, and does not depend on it", quoted(source), loop.Location.Row)
		c.edits = o.replaced(w.copies, loop, o.fresh(w))
		return c
	}
	c.Title = fmt.Sprintf("%s is worked out %d times", quoted(source), len(w.copies))
	if name := holder(b.statements[w.first], w); name != "" {
		for _, copy := range w.copies[1:] {
			c.edits = append(c.edits, edit{copy.span, name})
		}
		return c
	}
	c.edits = o.replaced(w.copies, b.statements[w.first], o.fresh(w))
	return c
}

// replaced puts a variable in place of some work, which is done before a statement.
func (o *optimizer) replaced(copies []occurrence, statement *ast.Expr, name string) []edit {
	edits := o.source.before(statement, name+" := "+o.source.at(copies[0].span))
	for _, copy := range copies {
		edits = append(edits, edit{copy.span, name})
	}
	return edits
}

// holder is the variable that a statement gives the work's result to, if that is all it does.
func holder(statement *ast.Expr, w *work) string {
	if !statement.IsAssignment() || textOf(statement.Operand(1)) != w.text {
		return ""
	}
	if name, ok := statement.Operand(0).Value.(ast.Var); ok && !name.IsWildcard() {
		return string(name)
	}
	return ""
}

// moves are the statements of a body that stand after a loop that they have nothing to do with.
func (o *optimizer) moves(b *body) ([]candidate, map[int]bool) {
	var out []candidate
	moving := map[int]bool{}
	for k, statement := range b.statements {
		if !plain(statement) || b.loops[k] {
			continue
		}
		needs := o.source.variables(statement, false)
		if statement.IsAssignment() {
			needs = o.source.variables(statement.Operand(1), false)
		}
		for name := range needs {
			if !b.bound[k][name] {
				delete(needs, name) // local to a closure, or the statement binds it
			}
		}
		free := o.source.variables(statement, true)
		if !statement.IsAssignment() && !b.bound[k].holds(free) {
			continue
		}
		if loop := b.loopBetween(b.earliest(needs, k), k); loop >= 0 {
			if c, ok := o.move(b, k, loop); ok {
				out = append(out, c)
				moving[k] = true
			}
		}
	}
	return out, moving
}

// move is the rewrite that puts a statement before a loop.
func (o *optimizer) move(b *body, k, loop int) (candidate, bool) {
	statement, target := b.statements[k], b.statements[loop]
	at, ok := o.source.stretch(statement.Location)
	_, ok2 := o.source.stretch(target.Location)
	if !ok || !ok2 {
		return candidate{}, false
	}
	source := o.source.at(at)
	c := candidate{Suggestion: o.suggestion(kindRepeated, b.rule, statement.Location)}
	c.Title = fmt.Sprintf("%s is worked out for each element of the loop in line %d, and does not depend on it", quoted(source), target.Location.Row)
	c.Reason = "before the loop it is worked out once, and where it fails the loop is not begun"
	lineFrom, lineTo := lineStart(o.source.text, at.from), lineEnd(o.source.text, at.to)
	rest := o.source.text[at.to:lineTo]
	white, first := indent(o.source.text, at.from)
	targetWhite, targetFirst := indent(o.source.text, target.Location.Offset)
	switch {
	case first && targetFirst && (strings.TrimSpace(rest) == "" || strings.HasPrefix(strings.TrimSpace(rest), "#")):
		from := above(o.source.text, lineFrom)
		to := above(o.source.text, lineStart(o.source.text, target.Location.Offset))
		if white != targetWhite || to > from {
			return c, false
		}
		c.edits = []edit{{span{to, to}, o.source.text[from:lineTo]}, {span{from, lineTo}, ""}}
	case strings.HasPrefix(strings.TrimLeft(rest, " \t"), ";"):
		skip := len(rest) - len(strings.TrimLeft(strings.TrimLeft(rest, " \t")[1:], " \t"))
		c.edits = append(o.source.before(target, source), edit{span{at.from, at.to + skip}, ""})
	default:
		previous := strings.TrimRight(o.source.text[:at.from], " \t\r\n")
		if !strings.HasSuffix(previous, ";") {
			return c, false
		}
		c.edits = append(o.source.before(target, source), edit{span{len(previous) - 1, at.to}, ""})
	}
	return c, true
}
