package rego

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// refusedMark is how OPA words a host that `allow_net` does not list.
const refusedMark = "disallowed host: "

// A policy may catch the error of http.send (`raise_error: false`). A refused host must not be
// caught: it would turn our refusal into "no answer", and that into a verdict (design.md §2).
func init() {
	send := topdown.GetBuiltin(ast.HTTPSend.Name)
	topdown.RegisterBuiltinFunc(ast.HTTPSend.Name, func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		return send(b, args, func(result *ast.Term) error {
			if host := refusedHost(result); host != "" {
				return topdown.Halt{Err: refusal(host, b.Location)}
			}
			return iter(result)
		})
	})
}

func refusedHost(result *ast.Term) string {
	obj, ok := result.Value.(ast.Object)
	if !ok {
		return ""
	}
	failure := obj.Get(ast.InternedTerm("error"))
	if failure == nil {
		return ""
	}
	return hostIn(failure.String())
}

// hostIn returns the host that a message of OPA says was refused, or "".
func hostIn(message string) string {
	_, rest, found := strings.Cut(message, refusedMark)
	if !found {
		return ""
	}
	return strings.TrimRight(strings.Fields(rest)[0], `"',:}`)
}

// RefusedHost returns the host that an error of a builtin says was refused, or "".
func RefusedHost(err *topdown.Error) string { return hostIn(err.Message) }

func refusal(host string, at *ast.Location) *topdown.Error {
	return &topdown.Error{Code: refusedCode, Message: "network access to `" + host + "` is refused", Location: at}
}

const refusedCode = "network_refused"
