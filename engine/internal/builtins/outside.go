package builtins

import (
	"errors"
	"net/url"
	"os"
	"strings"
	_ "unsafe" // for go:linkname

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Codes of the errors that end an evaluation which would leave the policies and their input.
const (
	NetworkRefused = "network_refused"
	MachineRefused = "machine_refused"
)

// Hint says what to do about an error of such a code; "" for all others.
func Hint(code string) string {
	switch code {
	case NetworkRefused:
		return "list the host in `policy.allow_net` if this policy may ask it"
	case MachineRefused:
		return "give the policy what it needs as data or parameters"
	}
	return ""
}

// How OPA words a host that is not listed, and how we word a file.
const (
	hostMark   = "disallowed host: "
	schemaMark = "remote reference loading disabled: "
	fileMark   = "policies read no files: "
)

// openSchema is how OPA opens the file that a `$ref` of a JSON schema names, which its capabilities don't cover. There
// is no other way to it than its name; TestNoBuiltinLeaves fails should the name change.
//
//go:linkname openSchema github.com/open-policy-agent/opa/internal/gojsonschema.osFS
var openSchema func(string) (*os.File, error)

func init() {
	openSchema = func(name string) (*os.File, error) { return nil, errors.New(fileMark + name) }
}

// contained makes a builtin that can reach outside end the evaluation where it may not. The error of a refusal must not be
// one that a policy can catch (`raise_error: false`, json.verify_schema) or that leaves an expression undefined: it
// would turn "we did not ask" into a verdict.
func contained(name string, f topdown.BuiltinFunc) topdown.BuiltinFunc {
	if ClassOf(name) != Network {
		return f
	}
	return func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		if request, ok := args[0].Value.(ast.Object); ok && name == ast.HTTPSend.Name {
			if refused := local(request, b.Location); refused != nil {
				return topdown.Halt{Err: refused}
			}
		}
		err := f(b, args, func(result *ast.Term) error {
			if refused := refusal(caught(result), b.Location); refused != nil {
				return topdown.Halt{Err: refused}
			}
			return iter(result)
		})
		if failed, ok := err.(*topdown.Error); ok { // what the iteration came to is wrapped in a Halt
			if refused := refusal(failed.Message, b.Location); refused != nil {
				return topdown.Halt{Err: refused}
			}
		}
		return err
	}
}

// local refuses a request that would read files or variables of the machine, or use one of its sockets.
func local(request ast.Object, at *ast.Location) *topdown.Error {
	for _, key := range request.Keys() {
		name, _ := key.Value.(ast.String)
		if strings.HasSuffix(string(name), "_file") || strings.HasSuffix(string(name), "_env_variable") {
			return refuse(MachineRefused, "policies read no files and variables of the machine: `"+string(name)+"`", at)
		}
	}
	address, ok := request.Get(ast.InternedTerm("url")), false
	var text ast.String
	if address != nil {
		text, ok = address.Value.(ast.String)
	}
	target, err := url.Parse(strings.Trim(string(text), `"`)) // as http.send does
	if !ok || err != nil || target.Scheme == "http" || target.Scheme == "https" {
		return nil // what is wrong with it, http.send says
	}
	return refuse(MachineRefused, "`http.send` speaks http and https: `"+string(text)+"` is refused", at)
}

// caught is the error that a result holds, where a policy has errors handed over.
func caught(result *ast.Term) string {
	switch value := result.Value.(type) {
	case ast.Object:
		if failure := value.Get(ast.InternedTerm("error")); failure != nil {
			return failure.String()
		}
	case *ast.Array:
		if value.Len() == 2 && value.Elem(0).Equal(ast.InternedTerm(false)) {
			if text, ok := value.Elem(1).Value.(ast.String); ok {
				return string(text)
			}
		}
	}
	return ""
}

// refusal is the error that a message of a builtin amounts to, where it is one of a host or a file.
func refusal(message string, at *ast.Location) *topdown.Error {
	if _, rest, found := strings.Cut(message, fileMark); found {
		return refuse(MachineRefused, "policies read no files of the machine: `"+rest+"`", at)
	}
	_, host, found := strings.Cut(message, hostMark)
	if !found {
		var reference string
		if _, reference, found = strings.Cut(message, schemaMark); !found {
			return nil
		}
		host = reference
		if target, err := url.Parse(reference); err == nil && target.Host != "" {
			host = target.Hostname()
		}
	}
	return refuse(NetworkRefused, "network access to `"+firstWord(host)+"` is refused", at)
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return strings.TrimRight(word, `"',:}`)
}

func refuse(code, message string, at *ast.Location) *topdown.Error {
	return &topdown.Error{Code: code, Message: message, Location: at}
}
