package explore

import (
	"cmp"
	"encoding/json"
	"strings"
)

// usual are the types of fields that resources have everywhere, by name: a test with another type there
// would read oddly.
var usual = map[string]string{
	"name": "string", "namespace": "string", "image": "string", "path": "string", "host": "string", "type": "string",
	"kind": "string", "apiVersion": "string", "key": "string", "value": "string", "schedule": "string",
	"privileged": "boolean", "hostNetwork": "boolean", "hostPID": "boolean", "hostIPC": "boolean", "readOnlyRootFilesystem": "boolean",
	"allowPrivilegeEscalation": "boolean", "runAsNonRoot": "boolean", "automountServiceAccountToken": "boolean", "hostProcess": "boolean",
	"replicas": "number", "runAsUser": "number", "port": "number", "containerPort": "number", "minReadySeconds": "number",
	"securityContext": "object", "metadata": "object", "spec": "object", "labels": "object", "annotations": "object", "resources": "object",
	"limits": "object", "requests": "object", "selector": "object", "template": "object", "parameters": "object",
	"livenessProbe": "object", "readinessProbe": "object", "hostPath": "object", "resource": "object",
	"containers": "array", "initContainers": "array", "volumes": "array", "tls": "array", "rules": "array", "env": "array", "subjects": "array",
}

// learn notes the types that fields have in worlds that people wrote.
func (p *Pool) learn(w World) {
	w.Walk(func(path Path, value any) {
		key, ok := path[len(path)-1].(string)
		if !ok || value == nil {
			return
		}
		for _, name := range []string{key, within(path)} {
			if _, known := p.types[name]; !known {
				p.types[name] = typeOf(value)
			}
		}
		if list, ok := value.([]any); ok && len(list) > 0 && p.types[key+"[]"] == "" {
			p.types[key+"[]"] = typeOf(list[0])
		}
	})
}

// within names a field together with that which holds it.
func within(path Path) string {
	if len(path) < 2 {
		return ""
	}
	return path[len(path)-2:].String()
}

// Odd says whether a value is not of the type that its field has elsewhere.
func (p *Pool) Odd(path Path, value any) bool {
	key, ok := path[len(path)-1].(string)
	if !ok {
		return false
	}
	kind := cmp.Or(p.types[within(path)], usual[key], p.types[key])
	list, _ := value.([]any)
	element := p.types[key+"[]"]
	switch {
	case value == "", value == "1" && (kind == "" || usual[key] == "string"), key == "image" && !imageLike(value):
		return true
	case len(list) > 0 && element != "" && typeOf(list[0]) != element:
		return true
	}
	return kind != "" && typeOf(value) != kind
}

// imageLike says whether a value could be the name of an image.
func imageLike(value any) bool {
	text, ok := value.(string)
	return ok && strings.ContainsAny(text, ":/@")
}

// Natural are values that a person might write where a world has an odd one.
func (p *Pool) Natural(path Path) []any {
	key, _ := path[len(path)-1].(string)
	switch cmp.Or(p.types[within(path)], usual[key], p.types[key]) {
	case "boolean":
		return []any{true, false}
	case "number":
		return []any{number(1), number(3), number(0)}
	case "object":
		return []any{map[string]any{}}
	case "array":
		return []any{[]any{}, []any{map[string]any{}}, []any{Likely(key)}}
	case "string", "":
		out := []any{Likely(key), "example"}
		if key == "image" {
			out = append(out, "nginx:1.27", "docker.io/library/nginx:1.27")
		}
		for _, text := range p.treasures {
			out = append(out, text)
		}
		return out
	}
	return nil
}

// What a value costs when worlds are compared: few values first, then natural ones, then short ones.
const (
	valueCost = 1000
	oddCost   = 2500
)

// Weigh is how far a world is from what a person would write to show something.
func (p *Pool) Weigh(w World) int {
	cost := 0
	w.Walk(func(path Path, value any) {
		cost += valueCost
		if p.Odd(path, value) {
			cost += oddCost
		}
		if scalar(value) {
			cost += len(Text(value))
		}
	})
	return cost
}

func typeOf(value any) string {
	switch value.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	}
	return "null"
}
