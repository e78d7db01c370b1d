package cel

import (
	"fmt"
	"reflect"

	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// The rest of what CEL may ask of a value. Expressions get no further than `variables.name`: the compiler gives
// `variables` a type without operators.

var variablesType = celtypes.NewObjectType("kubernetes.variables", traits.IndexerType|traits.FieldTesterType)

// Type implements ref.Val.
func (s *scopeVariables) Type() ref.Type { return variablesType }

// Value implements ref.Val.
func (s *scopeVariables) Value() any { return celtypes.NoSuchOverloadErr() }

// Equal implements ref.Val.
func (s *scopeVariables) Equal(other ref.Val) ref.Val { return celtypes.Bool(other == ref.Val(s)) }

// Size implements traits.Sizer.
func (s *scopeVariables) Size() ref.Val { return celtypes.Int(len(s.all.programs)) }

// Iterator implements traits.Iterable.
func (s *scopeVariables) Iterator() traits.Iterator {
	return celtypes.NewStringList(celtypes.DefaultTypeAdapter, nil).Iterator()
}

// ConvertToNative implements ref.Val.
func (s *scopeVariables) ConvertToNative(typeDesc reflect.Type) (any, error) {
	return nil, fmt.Errorf("`variables` can't become a %s", typeDesc)
}

// ConvertToType implements ref.Val.
func (s *scopeVariables) ConvertToType(typeValue ref.Type) ref.Val {
	switch typeValue {
	case variablesType:
		return s
	case celtypes.TypeType:
		return variablesType
	}
	return celtypes.NewErr("`variables` can't become a %s", typeValue.TypeName())
}
