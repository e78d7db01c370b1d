package chart

import (
	"encoding/json"
	"fmt"
	"strings"

	helm "helm.sh/helm/v4/pkg/chart/v2"
)

// refuseReferences refuses schemas of values that refer to anything but themselves: Helm would read any file and ask any
// server for it.
func refuseReferences(chart *helm.Chart) error {
	var schema any
	if len(chart.Schema) > 0 && json.Unmarshal(chart.Schema, &schema) == nil {
		if reference := foreign(schema); reference != "" {
			return fmt.Errorf("`values.schema.json` of `%s` refers to `%s`: only references within the schema are followed", chart.Name(), reference)
		}
	}
	for _, one := range chart.Dependencies() {
		if err := refuseReferences(one); err != nil {
			return err
		}
	}
	return nil
}

// draft begins the names of the schemas of JSON Schema itself, which the validator brings along.
const draft = "json-schema.org/"

// foreign is a reference in a schema that leads out of it; "" where there is none. `$id` would move what others start at.
func foreign(value any) string {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			text, isText := member.(string)
			if isText && strings.HasPrefix(key, "$") && key != "$comment" && !within(key, text) {
				return text
			}
			if found := foreign(member); found != "" {
				return found
			}
		}
	case []any:
		for _, element := range value {
			if found := foreign(element); found != "" {
				return found
			}
		}
	}
	return ""
}

func within(key, text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	switch key {
	case "$ref", "$dynamicRef", "$recursiveRef", "$schema":
		return strings.HasPrefix(text, "#") || strings.HasPrefix(rest, draft)
	}
	return true
}
