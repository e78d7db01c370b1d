package optimize

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// network finds requests that a policy sends once for each element of a list.
func (o *optimizer) network() []candidate {
	sending := o.sending()
	var out []candidate
	for _, rule := range o.source.module.Rules {
		for _, b := range o.source.bodies(rule) {
			out = append(out, o.requests(b, sending)...)
		}
	}
	return out
}

// sending are the functions of the file that send a request, by name.
func (o *optimizer) sending() map[string]bool {
	out := map[string]bool{}
	for range o.source.module.Rules { // each round follows calls one step further
		for _, rule := range o.source.module.Rules {
			ast.WalkTerms(rule, func(term *ast.Term) bool {
				if len(rule.Head.Args) > 0 && (isSend(term) || isNamed(term, out)) {
					out[ruleName(rule)] = true
				}
				return false
			})
		}
	}
	return out
}

func isSend(operator *ast.Term) bool { return operator.Equal(ast.NewTerm(ast.HTTPSend.Ref())) }

func isNamed(operator *ast.Term, names map[string]bool) bool {
	ref, ok := operator.Value.(ast.Ref)
	if ok && len(ref) == 1 {
		operator = ref[0]
	}
	name, ok := operator.Value.(ast.Var)
	return ok && names[string(name)]
}

// requests are the calls in a body that depend on a loop before them.
func (o *optimizer) requests(b *body, sending map[string]bool) []candidate {
	var out []candidate
	look := func(k int, node any) {
		loop, outside := b.loopAt(k)
		if loop == nil {
			return
		}
		o.eachCall(node, func(call []*ast.Term, where *ast.Location) {
			if !isSend(call[0]) && !isNamed(call[0], sending) {
				return
			}
			needs := variables{}
			for _, argument := range call[1:] {
				needs = needs.with(o.source.variables(argument, false))
			}
			if !outside.holds(needs) {
				out = append(out, o.request(b.rule, where, loop))
			}
		})
	}
	for k, statement := range b.statements {
		look(k, statement)
	}
	for _, head := range b.heads {
		look(len(b.statements), head)
	}
	return out
}

// loopAt is the loop that statement k of a body is in, with what is bound before it.
func (b *body) loopAt(k int) (*ast.Expr, variables) {
	if b.around != nil {
		return b.around, b.outer
	}
	if i := b.loopBetween(0, min(k+1, len(b.statements))); i >= 0 {
		return b.statements[i], b.bound[i]
	}
	return nil, nil
}

// eachCall visits the calls in a node that are in no closure: closures are bodies of their own.
func (o *optimizer) eachCall(node any, visit func([]*ast.Term, *ast.Location)) {
	ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension, *ast.Every:
			return true
		case *ast.Expr:
			if terms, ok := x.Terms.([]*ast.Term); ok {
				visit(terms, x.Location)
			}
		case *ast.Term:
			if call, ok := x.Value.(ast.Call); ok {
				visit(call, x.Location)
			}
		}
		return false
	}).Walk(node)
}

// request is advice about one call; what it would save is counted, not timed: nothing is sent while measuring.
func (o *optimizer) request(rule *ast.Rule, where *ast.Location, loop *ast.Expr) candidate {
	c := candidate{Suggestion: o.suggestion(kindNetwork, rule, where)}
	c.Title = fmt.Sprintf("a request is sent for each element of the loop in line %d", loop.Location.Row)
	c.Reason = "each request costs a round trip, one after the other, and the whole evaluation has one time limit; " +
		"OPA sends a request once only where it is the same to the letter"
	c.Advice = "ask for all elements in one request before the loop, or keep what the service knows as data (a bundle); " +
		"`force_cache` spares later evaluations the same request. What the service can answer is not in the policy, so it is not done for you"
	c.measure = func(s *Suggestion) (comparison, bool) {
		out := o.requested(o.samples)
		if out.before.Calls == 0 { // another project's parameters may make it ask
			out = o.requested(o.generated())
			s.Title += ", on generated inputs: the samples ask nobody"
		}
		return out, out.before.Calls > out.after.Calls
	}
	return c
}

// requested counts the requests for samples, and those it would be with one for each sample that needs any.
func (o *optimizer) requested(samples []sample) comparison {
	var out comparison
	for _, s := range samples {
		if calls, ok := o.sent(s); ok {
			out.before.Calls += calls
			out.after.Calls += min(calls, 1)
		}
	}
	return out
}

// sent counts the different requests of one evaluation. None leaves this process: the world answers.
func (o *optimizer) sent(s sample) (int, bool) {
	q, err := o.prepare(o.subject, s.world)
	if err != nil {
		return 0, false
	}
	requests := &requests{seen: map[string]bool{}}
	out := q.ask(o.ctx, requests)
	return len(requests.seen), out.err == nil
}

// requests notes what http.send is asked.
type requests struct{ seen map[string]bool }

// Enabled implements topdown.QueryTracer.
func (r *requests) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (r *requests) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

// TraceEvent implements topdown.QueryTracer.
func (r *requests) TraceEvent(event topdown.Event) {
	expr, ok := event.Node.(*ast.Expr)
	if !ok || event.Op != topdown.EvalOp || !expr.IsCall() || !isSend(expr.OperatorTerm()) {
		return
	}
	request := expr.Operand(0).Copy() // the transformation below changes what it is given
	if event.Locals != nil {
		plugged, err := ast.TransformVars(request, func(v ast.Var) (ast.Value, error) {
			if value := event.Locals.Get(v); value != nil {
				return value, nil
			}
			return v, nil
		})
		if term, isTerm := plugged.(*ast.Term); err == nil && isTerm {
			request = term
		}
	}
	r.seen[request.String()] = true
}
