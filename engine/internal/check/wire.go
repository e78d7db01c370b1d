package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"attest.continuu.ms/engine/internal/model"
)

// AppendJSON writes a batch as its tags say, by hand what it has most of (rpc.Appender).
func (b Batch) AppendJSON(to []byte) ([]byte, error) {
	findings, asked := b.Findings, b.Asked
	b.Findings, b.Asked = nil, nil
	rest, err := json.Marshal(b)
	if err != nil {
		return to, err
	}
	to = append(to, '{')
	if len(findings) > 0 {
		to = append(to, `"findings":[`...)
		for i := range findings {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendFinding(to, &findings[i]); err != nil {
				return to, err
			}
		}
		to = append(to, "],"...)
	}
	if len(asked) > 0 {
		to = append(appendAsked(append(to, `"asked":`...), asked), ',')
	}
	return append(to, rest[1:]...), nil // never empty: `files` is always there
}

func appendAsked(to []byte, asked map[string]map[string]int) []byte {
	before := byte('{')
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		to = append(appendText(append(to, before), "", name), ':')
		within := byte('{')
		for _, kind := range slices.Sorted(maps.Keys(asked[name])) {
			to = appendNumber(append(appendText(append(to, within), "", kind), ':'), "", asked[name][kind])
			within = ','
		}
		to = append(to, '}')
		before = ','
	}
	return append(to, '}')
}

func appendFinding(to []byte, f *model.Finding) ([]byte, error) {
	to = appendText(to, `{"policy":`, f.Policy)
	to = appendText(to, `,"engine":`, f.Engine)
	to = appendText(to, `,"rule":`, f.Rule)
	to = appendText(to, `,"severity":`, f.Severity)
	to = appendText(to, `,"enforcement":`, f.Enforcement)
	to = appendText(to, `,"message":`, f.Message)
	to = appendNumber(to, `,"resource":`, f.Resource)
	to = appendLocation(append(to, `,"location":`...), f.Location)
	if len(f.Details) > 0 {
		var err error
		if to, err = appendValue(append(to, `,"details":`...), f.Details); err != nil {
			return to, err
		}
	}
	if f.Fix != "" {
		to = appendText(to, `,"fix":`, f.Fix)
	}
	return append(to, '}'), nil
}

// appendValue writes what JSON decodes to, members in the order of their keys.
func appendValue(to []byte, value any) (_ []byte, err error) {
	switch v := value.(type) {
	case nil:
		return append(to, "null"...), nil
	case bool:
		return strconv.AppendBool(to, v), nil
	case string:
		return appendText(to, "", v), nil
	case []any:
		if v == nil {
			return append(to, "null"...), nil
		}
		to = append(to, '[')
		for i, element := range v {
			if i > 0 {
				to = append(to, ',')
			}
			if to, err = appendValue(to, element); err != nil {
				return to, err
			}
		}
		return append(to, ']'), nil
	case map[string]any:
		return appendMembers(to, v)
	}
	encoded, err := json.Marshal(value)
	return append(to, encoded...), err
}

func appendMembers(to []byte, members map[string]any) (_ []byte, err error) {
	if members == nil {
		return append(to, "null"...), nil
	}
	to = append(to, '{')
	for i, key := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			to = append(to, ',')
		}
		if to, err = appendValue(append(appendText(to, "", key), ':'), members[key]); err != nil {
			return to, err
		}
	}
	return append(to, '}'), nil
}

func appendLocation(to []byte, at model.Location) []byte {
	to = appendText(to, `{"file":`, at.File)
	to = appendNumber(to, `,"line":`, at.Line)
	to = appendNumber(to, `,"column":`, at.Column)
	to = appendNumber(to, `,"endLine":`, at.EndLine)
	to = appendNumber(to, `,"endColumn":`, at.EndColumn)
	return append(appendText(to, `,"path":`, at.Path), '}')
}

func appendNumber(to []byte, key string, value int) []byte {
	return strconv.AppendInt(append(to, key...), int64(value), 10)
}

func appendText(to []byte, key, value string) []byte {
	to = append(to, key...)
	if !simple(value) {
		quoted, _ := json.Marshal(value) // a string can always be encoded
		return append(to, quoted...)
	}
	return append(append(append(to, '"'), value...), '"')
}

// simple says whether a text stands for itself within quotes.
func simple(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
