package constraint

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var pathStep = regexp.MustCompile(`\[([^\]]*)\]|([^.\[\]]+)`)

// fieldPath reads a path as Kubernetes writes it in errors: `spec.list[0].key` or `properties[key]`.
func fieldPath(path string) []any {
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

// dotted is a path as people write it.
func dotted(path []any) string {
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

// quoted is the text between the first pair of double quotes.
func quoted(message string) string {
	_, rest, found := strings.Cut(message, `"`)
	if !found {
		return ""
	}
	inner, _, _ := strings.Cut(rest, `"`)
	return inner
}

// hintForField says how to mend the fields that people most often put at the wrong place.
func hintForField(path []any) string {
	switch at := dotted(path); {
	case strings.HasPrefix(at, "spec.crd.spec.validation."):
		return "put the schema under `validation.openAPIV3Schema`, with `type: object` beside its `properties`"
	case strings.HasPrefix(at, "spec.targets") && strings.HasSuffix(at, ".version"):
		return "the Rego version belongs under `code`, in `source`"
	}
	return "check the spelling and the indentation"
}
