package cel

import (
	"math"

	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// Kubernetes evaluates a policy's variables anew for its validations and for its messages, and lets each pay for them.
// They come to the same both times: here they are evaluated once and paid for twice.

// variables are the variables of a template for one constraint and one request, evaluated at their first use.
type variables struct {
	*template
	common  map[share]*variable // what other constraints found out about the same request
	lasting *lasting            // what the constraint found out about itself
	known   map[string]*variable
	using   *variable // the variable that is being evaluated; nil outside
}

// variable is a value, what it cost, and the variables that its expression used.
type variable struct {
	value   ref.Val
	cost    uint64
	uses    []*variable
	lasts   bool     // it is known from one request to the next
	sources *sources // nil until somebody asks
}

// of returns a variable's value, evaluating it if it was never used.
func (v *variables) of(name string, input any) *variable {
	found, seen := v.known[name]
	if !seen {
		found = v.shared(name, input)
		v.known[name] = found
	}
	if v.using != nil {
		v.using.uses = append(v.using.uses, found)
	}
	return found
}

// shared evaluates a variable, unless others have whose variable comes to the same.
func (v *variables) shared(name string, input any) *variable {
	share := v.shares[name]
	switch share.sight {
	case seesRequest:
		found, known := v.common[share]
		if !known {
			found = v.evaluate(name, input)
			v.common[share] = found
		}
		return found
	case seesConstraint, seesNothing:
		if found, known := v.lasting.find(name); known {
			return found
		}
		return v.lasting.keep(name, v.evaluate(name, input))
	}
	return v.evaluate(name, input)
}

// evaluated is a variable that was evaluated; nil where it was not.
func (v *variables) evaluated(name string) *variable {
	if found, seen := v.known[name]; seen {
		return found
	}
	return v.common[v.shares[name]]
}

func (v *variables) evaluate(name string, input any) *variable {
	found, user := &variable{}, v.using
	v.using = found
	found.value, found.cost = evaluateVariable(name, v.programs[name], input)
	v.using = user
	return found
}

// evaluateVariable words what fails as Kubernetes does: an error is a value, which fails whoever uses it.
func evaluateVariable(name string, compiled cel.CompilationResult, input any) (ref.Val, uint64) {
	if compiled.Error != nil {
		return celtypes.NewErr("composited variable %q fails to compile: %v", name, compiled.Error), 0
	}
	value, details, err := compiled.Program.Eval(input)
	if details == nil || details.ActualCost() == nil {
		return celtypes.NewErr("unable to calculate cost of variable %q", name), 0
	}
	if err != nil {
		value = celtypes.NewErr("composited variable %q fails to evaluate: %v", name, err)
	}
	return value, *details.ActualCost()
}

// scopeVariables is `variables` in one list of expressions: it counts what the list must pay.
type scopeVariables struct {
	all   *variables
	paid  map[*variable]bool
	cost  uint64
	input any
}

var _ traits.Mapper = (*scopeVariables)(nil)

func (s *scopeVariables) charge(v *variable) {
	if s.paid[v] {
		return
	}
	s.paid[v] = true
	if s.cost += v.cost; s.cost < v.cost {
		s.cost = math.MaxUint64
	}
	for _, used := range v.uses {
		s.charge(used)
	}
}

// due returns the cost since the last call.
func (s *scopeVariables) due() uint64 {
	cost := s.cost
	s.cost = 0
	return cost
}

// Find implements traits.Mapper.
func (s *scopeVariables) Find(key ref.Val) (ref.Val, bool) {
	text, ok := key.(celtypes.String)
	if !ok {
		return celtypes.MaybeNoSuchOverloadErr(key), true
	}
	name, known := s.name(string(text))
	if !known {
		return nil, false
	}
	variable := s.all.of(name, s.input)
	if s.all.using == nil { // else whoever uses it is charged, and with it all that it uses
		s.charge(variable)
	}
	return variable.value, true
}

// name is that of a variable, which is escaped in expressions where it is a keyword of CEL; known is false where there is none.
func (s *scopeVariables) name(written string) (name string, known bool) {
	if _, known = s.all.programs[written]; known {
		return written, true
	}
	if name, known = apiservercel.Unescape(written); known {
		_, known = s.all.programs[name]
	}
	return name, known
}

// Get implements traits.Indexer.
func (s *scopeVariables) Get(key ref.Val) ref.Val {
	if value, found := s.Find(key); found {
		return value
	}
	return celtypes.ValOrErr(key, "no such key: %v", key)
}

// Contains implements traits.Container.
func (s *scopeVariables) Contains(key ref.Val) ref.Val {
	value, found := s.Find(key)
	if value != nil && celtypes.IsUnknownOrError(value) {
		return value
	}
	return celtypes.Bool(found)
}
