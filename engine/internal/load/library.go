package load

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v2"

	"attest.continuu.ms/engine/internal/load/syntax"
	"attest.continuu.ms/engine/internal/model"
)

// decodeWithLibrary decodes one YAML document with the library that kubectl uses. It is the definition of what
// a document means; the fast parser must agree with it or decline.
//
// A panic of a library on a hostile document is an error of that document.
func decodeWithLibrary(text string, limits Limits) (term *ast.Term, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			term, err = nil, &Failure{Code: CodeSyntax, Message: model.OneLine(fmt.Sprint("the YAML library failed: ", cause))}
		}
	}()
	if err := checkAliases(text, limits.AliasNodes); err != nil {
		return nil, err
	}
	var value any
	if err := yaml.Unmarshal([]byte(libraryText(text)), &value); err != nil {
		return nil, yamlFailure(err, text)
	}
	return yamlTerm(value, limits.Depth)
}

// libraryText is what kubectl hands to its YAML library: lines that end in one line feed each, the last included.
func libraryText(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// yamlTerm converts a value of the YAML library as kubectl converts it to JSON.
func yamlTerm(value any, depth int) (*ast.Term, error) {
	if depth < 0 {
		return nil, errTooDeep
	}
	switch value := value.(type) {
	case map[any]any:
		return yamlObject(value, depth)
	case []any:
		return arrayTerm(value, depth, yamlTerm)
	case string:
		return ast.StringTerm(validUTF8(value)), nil
	case float64:
		return floatTerm(value)
	case int:
		return ast.IntNumberTerm(value), nil
	case uint64:
		return ast.UIntNumberTerm(value), nil
	case bool:
		return ast.InternedTerm(value), nil
	case nil:
		return ast.InternedNullTerm, nil
	}
	return nil, &Failure{Code: CodeSyntax, Message: fmt.Sprintf("values of the type %T are not supported", value)}
}

func yamlObject(value map[any]any, depth int) (*ast.Term, error) {
	items := make([][2]*ast.Term, 0, len(value))
	seen := make(map[string]struct{}, len(value))
	for key, member := range value {
		name, err := yamlKey(key)
		if err != nil {
			return nil, err
		}
		if _, twice := seen[name]; twice { // `1` and `"1"`: kubectl keeps one of them at random
			return nil, &Failure{
				Code: CodeDuplicate, Message: fmt.Sprintf("the key `%s` is given twice, with and without quotes", name),
				Hint: "remove one of the two",
			}
		}
		seen[name] = struct{}{}
		term, err := yamlTerm(member, depth-1)
		if err != nil {
			return nil, err
		}
		items = append(items, ast.Item(keyTerm(name), term))
	}
	return ast.ObjectTerm(items...), nil
}

// yamlKey is the text of a key as kubectl writes it to JSON.
func yamlKey(key any) (string, error) {
	switch key := key.(type) {
	case string:
		return validUTF8(key), nil
	case int:
		return strconv.Itoa(key), nil
	case bool:
		return strconv.FormatBool(key), nil
	case float64:
		return floatKey(key), nil
	}
	return "", &Failure{
		Code: CodeSyntax, Message: fmt.Sprintf("a key must be text, not `%v`", key), Hint: "quote the key",
	}
}

// floatKey writes a key that YAML reads as a float with the precision that kubectl gives it: 32 bits, beyond which
// even finite keys are infinite.
func floatKey(key float64) string {
	switch text := strconv.FormatFloat(key, 'g', -1, 32); text {
	case "NaN":
		return ".nan"
	case "+Inf":
		return ".inf"
	case "-Inf":
		return "-.inf"
	default:
		return text
	}
}

// floatTerm is the number as encoding/json writes it.
func floatTerm(value float64) (*ast.Term, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, &Failure{
			Code: CodeSyntax, Message: fmt.Sprintf("the number `%v` does not exist in JSON", value), Hint: "quote the value",
		}
	}
	return numberTerm(json.Number(text))
}

func numberTerm(number json.Number) (*ast.Term, error) {
	value, err := ast.InterfaceToValue(number)
	if err != nil {
		return nil, &Failure{Code: CodeSyntax, Message: fmt.Sprintf("the number `%s` is out of range", number)}
	}
	return ast.NewTerm(value), nil
}

// jsonTerm converts a value of encoding/json, its numbers as Kubernetes holds them.
func jsonTerm(value any, depth int) (*ast.Term, error) {
	if depth < 0 {
		return nil, errTooDeep
	}
	switch value := value.(type) {
	case map[string]any:
		items := make([][2]*ast.Term, 0, len(value))
		for key, member := range value {
			term, err := jsonTerm(member, depth-1)
			if err != nil {
				return nil, err
			}
			items = append(items, ast.Item(keyTerm(key), term))
		}
		return ast.ObjectTerm(items...), nil
	case []any:
		return arrayTerm(value, depth, jsonTerm)
	case json.Number:
		text, ok := syntax.JSONNumber(string(value))
		if !ok {
			return nil, &Failure{
				Code: CodeSyntax, Message: fmt.Sprintf("the number `%s` is out of range", model.Short(string(value))), Hint: "quote the value",
			}
		}
		return numberTerm(json.Number(text))
	case string:
		return ast.StringTerm(value), nil
	case bool:
		return ast.InternedTerm(value), nil
	}
	return ast.InternedNullTerm, nil
}

func arrayTerm(values []any, depth int, convert func(any, int) (*ast.Term, error)) (*ast.Term, error) {
	terms := make([]*ast.Term, len(values))
	for i, value := range values {
		term, err := convert(value, depth-1)
		if err != nil {
			return nil, err
		}
		terms[i] = term
	}
	return ast.ArrayTerm(terms...), nil
}

// decodeJSONWithLibrary decodes the JSON value at the start of text and returns where it ends.
func decodeJSONWithLibrary(text string, limits Limits) (term *ast.Term, end int, err error) {
	var value any
	decoder := util.NewJSONDecoder(strings.NewReader(text))
	if err := decoder.Decode(&value); err != nil {
		return nil, 0, err
	}
	end = int(decoder.InputOffset())
	term, err = jsonTerm(value, limits.Depth)
	return term, end, err
}

// validUTF8 replaces each byte that is not UTF-8, as encoding/json does; only binary values hold such bytes.
func validUTF8(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

func keyTerm(key string) *ast.Term { return ast.StringTerm(key) }
