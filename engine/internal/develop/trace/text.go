package trace

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// cut marks the place where a text was shortened.
const cut = "…"

// maxSource bounds the text of an expression.
const maxSource = 400

// source is the text of an expression on one line.
func source(location *ast.Location) string {
	if location == nil {
		return ""
	}
	return shorten(strings.Join(strings.Fields(string(location.Text)), " "), maxSource)
}

func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cut
}

// write puts a value into words, at most limit bytes: a manifest of megabytes costs no more than its beginning.
func write(value ast.Value, limit int) string {
	w := &writer{limit: limit}
	w.value(value)
	return shorten(w.String(), limit)
}

type writer struct {
	strings.Builder
	limit int
}

func (w *writer) full() bool { return w.Len() > w.limit }

func (w *writer) value(value ast.Value) {
	switch value := value.(type) {
	case ast.Object:
		w.WriteByte('{')
		w.members(value)
		w.WriteByte('}')
	case *ast.Array:
		w.list("[", value.Until, "]")
	case ast.Set:
		if value.Len() == 0 {
			w.WriteString("set()")
			return
		}
		w.list("{", value.Until, "}")
	case ast.String:
		w.WriteString(strconv.Quote(shorten(string(value), w.limit)))
	default:
		w.WriteString(value.String())
	}
}

func (w *writer) members(object ast.Object) {
	first := true
	object.Until(func(key, value *ast.Term) bool {
		w.comma(&first)
		w.value(key.Value)
		w.WriteString(": ")
		w.value(value.Value)
		return w.full()
	})
}

func (w *writer) list(open string, until func(func(*ast.Term) bool) bool, closing string) {
	w.WriteString(open)
	first := true
	until(func(element *ast.Term) bool {
		w.comma(&first)
		w.value(element.Value)
		return w.full()
	})
	w.WriteString(closing)
}

func (w *writer) comma(first *bool) {
	if !*first {
		w.WriteString(", ")
	}
	*first = false
}
