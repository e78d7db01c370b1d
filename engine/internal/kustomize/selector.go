package kustomize

import (
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"attest.continuu.ms/engine/internal/model"
)

// maxPattern is the length of a regular expression, in bytes, above which it matches nothing.
const maxPattern = 500

// selector is a `target`: what is nil in it selects everything. Patterns mean the whole of a text.
type selector struct {
	group, version, kind, name, namespace *regexp.Regexp
	labels                                labels.Selector
}

// selectorOf reads a `target`; ok is false for one that selects nothing we could tell.
func selectorOf(value any) (made *selector, ok bool) {
	object, isObject := value.(map[string]any)
	if !isObject || object["annotationSelector"] != nil {
		return nil, false
	}
	made = &selector{labels: labels.Everything()}
	fields := map[string]**regexp.Regexp{
		"group": &made.group, "version": &made.version, "kind": &made.kind, "name": &made.name, "namespace": &made.namespace,
	}
	for key, into := range fields {
		if *into, ok = pattern(object[key]); !ok {
			return nil, false
		}
	}
	if text, stated := object["labelSelector"].(string); stated {
		parsed, err := labels.Parse(text)
		made.labels = parsed
		return made, err == nil
	}
	return made, object["labelSelector"] == nil
}

// pattern reads a field of a selector; nil for one that is not there.
func pattern(value any) (*regexp.Regexp, bool) {
	text, isText := value.(string)
	if value == nil || isText && text == "" {
		return nil, true
	}
	if !isText || len(text) > maxPattern {
		return nil, false
	}
	made, err := regexp.Compile("^(?:" + text + ")$")
	return made, err == nil
}

// any says whether one of the resources is selected.
func (s *selector) any(resources []model.Resource) bool {
	return slices.ContainsFunc(resources, s.selects)
}

func (s *selector) selects(one model.Resource) bool {
	group, version := one.GroupVersion()
	return fits(s.group, group) && fits(s.version, version) && fits(s.kind, one.Kind) && fits(s.name, one.Name) &&
		fits(s.namespace, one.Namespace) && s.labels.Matches(labels.Set(one.Labels))
}

func fits(pattern *regexp.Regexp, text string) bool {
	return pattern == nil || pattern.MatchString(text)
}
