package explore

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/rego"
)

// Call is a request that a policy makes of the world outside, with the answer.
type Call struct {
	Request any `json:"request"`
	Answer  any `json:"answer"`
}

// Calls stand in a world for a builtin with one argument: it answers these requests and no others, so
// that a policy which asks for something else is noticed.
type Calls []Call

const (
	callsPackage = "attest_generated"
	callsModule  = `package attest_generated

import rego.v1

answer(request) := call.answer if {
	some call in data.attest_calls
	call.request == request
}
`
)

var (
	answerRef = ast.MustParseRef("data." + callsPackage + ".answer")
	callsRef  = ast.MustParseRef("data.attest_calls")
)

// answering is the module that gives the answers of Calls; none where the policy asks nobody.
func answering(mocks []Mock) []rego.Module {
	for _, mock := range mocks {
		if mock.Name == ast.HTTPSend.Name {
			return []rego.Module{{Source: rego.Source{File: callsPackage + ".rego", Text: callsModule}, Library: true}}
		}
	}
	return nil
}

// replace is what puts the value of a mock in place.
func (m Mock) replace(value any) []*ast.With {
	calls, ok := value.(Calls)
	if !ok {
		return []*ast.With{{Target: m.Target, Value: Term(value)}}
	}
	return []*ast.With{
		{Target: m.Target, Value: ast.NewTerm(answerRef)},
		{Target: ast.NewTerm(callsRef), Value: Term(calls)},
	}
}

// Strict is a world whose `http.send` answers only what the policy asks in it; false where it asks nothing.
func (s *Subject) Strict(ctx context.Context, w World) (World, bool) {
	answer, ok := w[ast.HTTPSend.Name]
	if _, already := answer.(Calls); !ok || already {
		return w, false
	}
	r := &recorder{}
	for _, name := range s.Entries {
		if _, err := s.Ask(ctx, w, s.Package.Append(ast.StringTerm(name)), r); err != nil {
			return w, false
		}
	}
	var calls Calls
	seen := map[string]bool{}
	for _, request := range r.requests {
		raw, err := ast.JSON(request)
		if err != nil {
			return w, false
		}
		if native, err := Native(raw); err == nil && !seen[Text(native)] {
			seen[Text(native)] = true
			calls = append(calls, Call{native, answer})
		}
	}
	out, ok := w.Apply(Edit{Path: Path{ast.HTTPSend.Name}, Value: calls})
	return out, ok && len(calls) > 0
}

// recorder notes what `http.send` is called with.
type recorder struct{ requests []ast.Value }

// Enabled implements topdown.QueryTracer.
func (r *recorder) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (r *recorder) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

// TraceEvent implements topdown.QueryTracer.
func (r *recorder) TraceEvent(evt topdown.Event) {
	expr, ok := evt.Node.(*ast.Expr)
	if !ok || evt.Op != topdown.EvalOp || !expr.IsCall() || expr.Operator().String() != ast.HTTPSend.Name {
		return
	}
	if request := evt.Plug(expr.Operand(0)); request.IsGround() {
		r.requests = append(r.requests, request.Value)
	}
}
