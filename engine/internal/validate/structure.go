package validate

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/schema"
)

// structure checks the fields that every resource needs, as an API server would before it looks at
// the kind: name, namespace, labels and annotations. What no cluster keeps needs none of them.
func structure(document *load.Document, object map[string]any) []model.Problem {
	c := &checker{document: document}
	metadata, isObject := object["metadata"].(map[string]any)
	if !schema.IsStored(document.Resource.APIVersion, document.Resource.Kind) && (object["metadata"] == nil || isObject && metadata["name"] == nil) {
		return nil
	}
	if !isObject {
		c.fail([]any{"metadata"}, "the resource has no `metadata`", "add `metadata` with a `name`")
		return c.problems
	}
	c.name(metadata)
	c.text(metadata, "namespace", validation.IsDNS1123Label)
	c.labels(metadata)
	c.texts(metadata, "annotations")
	return c.problems
}

type checker struct {
	document *load.Document
	problems []model.Problem
}

func (c *checker) fail(path []any, message, hint string) {
	c.problems = append(c.problems, problem(c.document, c.document.Locate(path), "manifest_invalid", message, hint))
}

func problem(document *load.Document, at model.Location, code, message, hint string) model.Problem {
	return model.Problem{
		Severity: model.Error, Code: code, Message: message, Hint: hint,
		File: at.File, Line: at.Line, Column: at.Column, EndLine: at.EndLine, EndColumn: at.EndColumn,
		Resource: document.Resource.Kind + "/" + document.Resource.Name,
	}
}

// name must be there. Which characters it may have depends on the kind (an RBAC role may be
// `system:node`), so only those that no kind allows are refused.
func (c *checker) name(metadata map[string]any) {
	name, hasName := metadata["name"].(string)
	_, generated := metadata["generateName"].(string)
	if (!hasName || name == "") && !generated {
		c.fail([]any{"metadata", "name"}, "the resource has no `metadata.name`", "add a name, or `generateName`")
		return
	}
	if name == "." || name == ".." || strings.ContainsAny(name, "/%") {
		c.fail([]any{"metadata", "name"}, fmt.Sprintf("`%s` is no name: it must not hold `/` or `%%`", name), "use letters, digits, `-` and `.`")
	}
}

func (c *checker) text(metadata map[string]any, key string, check func(string) []string) {
	value, there := metadata[key]
	if !there || value == nil {
		return
	}
	text, isText := value.(string)
	if !isText {
		c.fail([]any{"metadata", key}, fmt.Sprintf("`metadata.%s` must be text", key), "put the value in quotes")
		return
	}
	if errs := check(text); text != "" && len(errs) > 0 {
		c.fail([]any{"metadata", key}, fmt.Sprintf("`%s` is no valid %s: %s", model.Short(text), key, errs[0]), "rename it")
	}
}

func (c *checker) labels(metadata map[string]any) {
	for key, value := range c.texts(metadata, "labels") {
		if errs := validation.IsValidLabelValue(value); len(errs) > 0 {
			c.fail([]any{"metadata", "labels", key}, fmt.Sprintf("`%s` is no valid label value: %s", model.Short(value), errs[0]), "shorten or rename it")
		}
	}
}

// texts checks that a member of metadata maps qualified names to texts, and returns those that are.
func (c *checker) texts(metadata map[string]any, member string) map[string]string {
	object, isObject := metadata[member].(map[string]any)
	if !isObject {
		if metadata[member] != nil {
			c.fail([]any{"metadata", member}, fmt.Sprintf("`metadata.%s` must be an object", member), "write `name: value` pairs")
		}
		return nil
	}
	out := map[string]string{}
	for _, key := range sorted(object) {
		path := []any{"metadata", member, key}
		if errs := validation.IsQualifiedName(strings.ToLower(key)); len(errs) > 0 {
			c.fail(path, fmt.Sprintf("`%s` is no valid key: %s", model.Short(key), errs[0]), "rename it")
		}
		if text, isText := object[key].(string); isText {
			out[key] = text
		} else {
			c.fail(path, fmt.Sprintf("the value of `%s` must be text", key), "put the value in quotes")
		}
	}
	return out
}

func sorted(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
