package gatekeeper

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var pathStep = regexp.MustCompile(`\[([^\]]*)\]|([^.\[\]]+)`)

// FieldPath reads a path as Kubernetes writes it in errors: `spec.list[0].key` or `properties[key]`.
func FieldPath(path string) []any {
	var out []any
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		name := step[1] + step[2]
		if index, err := strconv.Atoi(name); err == nil && step[1] != "" {
			out = append(out, index)
		} else if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// Dotted is a path as people write it.
func Dotted(path []any) string {
	var b strings.Builder
	for _, step := range path {
		if index, ok := step.(int); ok {
			fmt.Fprintf(&b, "[%d]", index)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, step)
	}
	return b.String()
}

// Quoted is the text between the first pair of double quotes.
func Quoted(message string) string {
	_, rest, found := strings.Cut(message, `"`)
	if !found {
		return ""
	}
	inner, _, _ := strings.Cut(rest, `"`)
	return inner
}
