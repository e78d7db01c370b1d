package chart

import (
	"bufio"
	"errors"
	"io"
	"reflect"
	"strings"

	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// covers says whether a template, read as the manifest that `kubectl apply` would take it for, holds nothing but what it
// renders to. Values with actions in them stand for whatever these give. A template that is no YAML is no manifest.
func covers(template, rendered string) bool {
	if strings.Contains(template, "{{") {
		if _, readable := documents(template); !readable {
			return true
		}
	}
	plain, readable := documents(template)
	made, whole := documents(rendered)
	if !readable || !whole {
		return false
	}
	for _, one := range plain {
		found := false
		for i := range made {
			if found = matches(one, made[i]); found {
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// documents are the values of a text of YAML documents; false where one of them is none.
func documents(text string) (values []any, readable bool) {
	decoder := yamlutil.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		raw, err := decoder.Read()
		if errors.Is(err, io.EOF) {
			return values, true
		}
		var value any
		if err != nil || yaml.Unmarshal(raw, &value) != nil {
			return nil, false
		}
		if value != nil {
			values = append(values, value)
		}
	}
}

func matches(plain, made any) bool {
	switch plain := plain.(type) {
	case string:
		return strings.Contains(plain, "{{") || reflect.DeepEqual(plain, made)
	case map[string]any:
		object, ok := made.(map[string]any)
		if !ok || len(plain) > len(object) {
			return false
		}
		for key, member := range plain {
			other, there := object[key]
			if !there || !matches(member, other) {
				return false
			}
		}
		return true
	case []any:
		list, ok := made.([]any)
		if !ok || len(plain) != len(list) {
			return false
		}
		for i := range plain {
			if !matches(plain[i], list[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(plain, made)
}
