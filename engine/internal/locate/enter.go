package locate

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

func (t *tracer) enter(evt *topdown.Event) {
	var parent *frame
	if evt.QueryID != evt.ParentID {
		parent = t.frame(evt.ParentID)
	}
	f := t.newFrame(evt, parent)
	if evt.QueryID > uint64(maxEvents) {
		return
	}
	for uint64(len(t.frames)) <= evt.QueryID {
		t.frames = append(t.frames, nil)
	}
	t.frames[evt.QueryID] = f
	parent.adopt(f)
}

func (t *tracer) newFrame(evt *topdown.Event, parent *frame) *frame {
	if parent == nil && t.replayed != nil {
		return t.replayed.enter()
	}
	f := &frame{}
	switch node := evt.Node.(type) {
	case *ast.Rule:
		f.kind, f.rule, f.body = kindOf(node), node, node.Body
	case ast.Body:
		f.body = node
		if f.of = comprehension(parent, node); f.of != nil {
			f.kind = many
		}
	case *ast.Expr:
		f.kind = domain
		return f
	}
	f.collects = f.kind == many && !t.targets[f.rule]
	f.plan = t.analyse(evt, f)
	f.steps = make([]step, len(f.body))
	return f
}

func isSet(rule *ast.Rule) bool {
	return rule.Head.RuleKind() == ast.MultiValue && rule.Head.Key != nil
}

func kindOf(rule *ast.Rule) kind {
	if rule.Head.Key != nil || !rule.Head.Ref().IsGround() {
		return many
	}
	return value
}

// comprehension is the term that the body makes, where the expression that led to the body has such a comprehension.
func comprehension(parent *frame, body ast.Body) *ast.Term {
	if parent == nil || parent.cur >= len(parent.body) || len(body) == 0 {
		return nil
	}
	var term *ast.Term
	ast.WalkClosures(parent.body[parent.cur], func(x any) bool {
		switch c := x.(type) {
		case *ast.ArrayComprehension:
			term = pick(term, c.Body, body, c.Term)
		case *ast.SetComprehension:
			term = pick(term, c.Body, body, c.Term)
		case *ast.ObjectComprehension:
			term = pick(term, c.Body, body, ast.ArrayTerm(c.Key, c.Value))
		}
		return term != nil
	})
	return term
}

func pick(found *ast.Term, candidate, body ast.Body, term *ast.Term) *ast.Term {
	if found == nil && len(candidate) > 0 && candidate[0] == body[0] {
		return term
	}
	return found
}

// bodyKey identifies a body by its first expression. The evaluator wraps what it negates into a new body each time,
// but the terms stay the same.
type bodyKey struct {
	terms   any
	negated bool
}

// analyse is what is known of the frame's body, from this query or one before.
func (t *tracer) analyse(evt *topdown.Event, f *frame) plan {
	if len(f.body) == 0 || evt.QueryID == evt.ParentID {
		return plan{} // the query itself, which is a new body each time
	}
	key := bodyKey{f.body[0].Terms, f.body[0].Negated}
	if terms, ok := key.terms.([]*ast.Term); ok {
		key.terms = &terms[0]
	}
	if known, ok := t.plans.bodies.Load(key); ok {
		if p, ok := known.(plan); ok && len(p.exprs) == len(f.body) {
			return p
		}
	}
	p := analyse(t.compiler, f.body, sinks(f.rule, t.targets[f.rule], f.of), bound(evt, f))
	t.plans.bodies.Store(key, p)
	return p
}

// bound tells which variables have a value before the body starts: the arguments of a function; for a closure, what the
// body around it has found so far.
func bound(evt *topdown.Event, f *frame) func(*ast.Term) bool {
	if f.rule == nil {
		return func(term *ast.Term) bool {
			_, open := evt.Plug(term).Value.(ast.Var)
			return !open
		}
	}
	args := map[ast.Var]bool{}
	for _, arg := range f.rule.Head.Args {
		visitVars(arg, func(v ast.Var) { args[v] = true })
	}
	return func(term *ast.Term) bool {
		v, ok := term.Value.(ast.Var)
		return ok && args[v]
	}
}
