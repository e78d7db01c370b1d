package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"attest.continuu.ms/engine/internal/model"
)

// fitting holds a decoded value to a Go type as strict decoding would, and goes on after an error.
type fitting struct {
	errors  []Error
	lenient bool // of fields that are not known nothing is said
}

func (f *fitting) fail(path []any, message, hint string) {
	f.errors = append(f.errors, Error{Path: path, Message: message, Hint: hint})
}

func (f *fitting) fit(value any, typ reflect.Type, path []any) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if value == nil {
		return // null is absent, whatever the type
	}
	if reflect.PointerTo(typ).Implements(unmarshaler) {
		if !f.schema(value, typ, path) {
			f.own(value, typ, path)
		}
		return
	}
	switch typ.Kind() {
	case reflect.Struct:
		if members, ok := f.object(value, path); ok {
			f.members(members, fieldsOf(typ), path)
		}
	case reflect.Map:
		members, _ := f.object(value, path)
		for _, key := range slices.Sorted(maps.Keys(members)) {
			f.fit(members[key], typ.Elem(), below(path, key))
		}
	case reflect.Slice:
		f.list(value, typ, path)
	case reflect.Interface:
	default:
		f.scalar(value, typ, path)
	}
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func below(path []any, key any) []any { return append(path[:len(path):len(path)], key) }

// own holds a value to a type that reads it in its own way: quantities, times, numbers that may be texts.
func (f *fitting) own(value any, typ reflect.Type, path []any) {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(typ).Interface())
	}
	if err == nil {
		return
	}
	if form, ok := forms[typ.Name()]; ok {
		f.fail(path, fmt.Sprintf("%s must be %s, and is %s", named(path), form.what, kindOf(value)), "write it as "+form.example)
		return
	}
	f.fail(path, fmt.Sprintf("%s is no %s: %v", named(path), typ.Name(), err), "see `kubectl explain` for what it may be")
}

var oneSchema = reflect.TypeFor[apiextensionsv1.JSONSchemaProps]()

// schemas are types for a schema within that of a custom resource, with what the elements are of a list in its place; nil
// where there may be none.
var schemas = map[reflect.Type]reflect.Type{
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrBool]():        nil,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrArray]():       oneSchema,
	reflect.TypeFor[apiextensionsv1.JSONSchemaPropsOrStringArray](): reflect.TypeFor[string](),
}

// schema looks into such a type, which reads itself at each level anew; false where a value is no schema, and no list of
// what may stand there. Like the type itself it says nothing of fields that are not known.
func (f *fitting) schema(value any, typ reflect.Type, path []any) bool {
	element, known := schemas[typ]
	if !known {
		return false
	}
	before := f.lenient
	f.lenient = true
	defer func() { f.lenient = before }()
	switch value := value.(type) {
	case map[string]any:
		f.fit(value, oneSchema, path)
		return true
	case []any:
		if element != nil {
			f.list(value, reflect.SliceOf(element), path)
		}
		return element != nil
	}
	return false
}

// forms are what the types that read themselves take, in words.
var forms = map[string]struct{ what, example string }{
	"Quantity":    {"a quantity", "`250m`, `128Mi` or `2`"},
	"IntOrString": {"a whole number or text", "`80`, `http` or `25%`"},
	"Time":        {"a time", "`2026-01-31T12:00:00Z`"},
	"MicroTime":   {"a time with microseconds", "`2026-01-31T12:00:00.000000Z`"},
	"Duration":    {"a duration", "`90s`, `5m` or `1h30m`"},
}

func (f *fitting) object(value any, path []any) (map[string]any, bool) {
	members, ok := value.(map[string]any)
	if !ok {
		f.fail(path, fmt.Sprintf("%s must be an object, and is %s", named(path), kindOf(value)), "write `name: value` pairs")
	}
	return members, ok
}

func (f *fitting) members(members map[string]any, fields map[string]reflect.Type, path []any) {
	for _, key := range slices.Sorted(maps.Keys(members)) {
		typ, known := fields[key]
		switch {
		case known:
			f.fit(members[key], typ, below(path, key))
		case members[key] != nil:
			f.unknown(path, key, slices.Collect(maps.Keys(fields)))
		}
	}
}

func (f *fitting) unknown(path []any, key string, fields []string) {
	if f.lenient {
		return
	}
	hint := nearest(key, fields)
	if hint == "" {
		hint = "take it out, or put it where it belongs"
	}
	f.fail(below(path, key), fmt.Sprintf("%s has no field `%s`", named(path), model.Short(key)), hint)
}

func (f *fitting) list(value any, typ reflect.Type, path []any) {
	if typ.Elem().Kind() == reflect.Uint8 {
		text, isText := value.(string)
		if _, err := base64.StdEncoding.DecodeString(text); !isText || err != nil {
			f.fail(path, fmt.Sprintf("%s must be text in base64", named(path)), "encode it, or use `stringData` in a Secret")
		}
		return
	}
	elements, ok := value.([]any)
	if !ok {
		f.fail(path, fmt.Sprintf("%s must be a list, and is %s", named(path), kindOf(value)), "put `- ` before each element")
	}
	for i, element := range elements {
		f.fit(element, typ.Elem(), below(path, i))
	}
}

func (f *fitting) scalar(value any, typ reflect.Type, path []any) {
	wanted, fits, hint := "", false, ""
	switch typ.Kind() {
	case reflect.String:
		_, fits = value.(string)
		wanted, hint = "text", "put the value in quotes"
	case reflect.Bool:
		_, fits = value.(bool)
		wanted, hint = "true or false", "write true or false, without quotes"
	case reflect.Float32, reflect.Float64:
		_, whole := value.(int64)
		_, fraction := value.(float64)
		wanted, fits, hint = "a number", whole || fraction, "write a number, without quotes"
	default:
		wanted, fits, hint = "a whole number", whole(value, typ), "write a whole number, without quotes"
	}
	if !fits {
		f.fail(path, fmt.Sprintf("%s must be %s, and is %s", named(path), wanted, kindOf(value)), hint)
	}
}

// whole says whether a value is a whole number that a type can hold; 1.0 is one, since YAML writes it as 1 in JSON.
func whole(value any, typ reflect.Type) bool {
	number, ok := value.(int64)
	if fraction, isFraction := value.(float64); isFraction && fraction == math.Trunc(fraction) && math.Abs(fraction) < 1<<53 {
		number, ok = int64(fraction), true
	}
	if !ok {
		return false
	}
	zero := reflect.New(typ).Elem()
	if zero.CanUint() {
		return number >= 0 && !zero.OverflowUint(uint64(number))
	}
	return zero.CanInt() && !zero.OverflowInt(number)
}

func kindOf(value any) string {
	switch value := value.(type) {
	case string:
		if len(value) > 40 {
			return "text"
		}
		return fmt.Sprintf("the text %q", value)
	case bool:
		return fmt.Sprint(value)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("the number %v", value)
}

// named is a field as messages name it: `spec.containers[0].name`.
func named(path []any) string {
	var text strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&text, "[%d]", step)
		case string:
			if text.Len() > 0 {
				text.WriteByte('.')
			}
			text.WriteString(step)
		}
	}
	if text.Len() == 0 {
		return "the resource"
	}
	return "`" + model.Short(text.String()) + "`"
}

var fields sync.Map // reflect.Type to map[string]reflect.Type; as many as Kubernetes has types

// fieldsOf are the members that JSON of a struct may have, with those of embedded structs.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	if known, ok := fields.Load(typ); ok {
		return known.(map[string]reflect.Type)
	}
	found := map[string]reflect.Type{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && (field.Anonymous || options == "inline"):
			maps.Copy(found, fieldsOf(field.Type))
		case name == "":
			found[field.Name] = field.Type
		default:
			found[name] = field.Type
		}
	}
	fields.Store(typ, found)
	return found
}
