package explore

import "encoding/json"

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
		if _, known := p.types[key]; ok && !known && value != nil {
			p.types[key] = typeOf(value)
		}
	})
}

// Odd says whether a value is not of the type that its field has elsewhere.
func (p *Pool) Odd(path Path, value any) bool {
	key, ok := path[len(path)-1].(string)
	if !ok {
		return false
	}
	kind := usual[key]
	if kind == "" {
		kind = p.types[key]
	}
	return value == "" || kind != "" && typeOf(value) != kind
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
