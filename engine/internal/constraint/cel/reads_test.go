package cel

import (
	"fmt"
	"strings"
	"testing"
)

// What expressions are seen to read; `?` is what can't be told.
func TestWhatExpressionsRead(t *testing.T) {
	variables := map[string]string{
		"anyObject":  "object == null ? oldObject : object",
		"params":     "!has(params.spec) ? null : params.spec.parameters",
		"containers": "variables.anyObject.spec.containers",
		"spec":       "object.spec",
		"user":       "request.userInfo.username",
	}
	for expression, want := range map[string]string{
		"true":                       "",
		"object.spec.hostNetwork":    "object.spec.hostNetwork",
		"object['spec'].hostNetwork": "object.spec.hostNetwork",
		"object.?spec[?'hostNetwork'].orValue(true)":                        "object.spec.hostNetwork",
		"has(object.spec.hostNetwork)":                                      "object.spec.hostNetwork?",
		"has(object.spec) && object.spec.a == 1":                            "object.spec? object.spec.a",
		"has(object.spec) && object.spec == {}":                             "object.spec",
		"has(object.spec.containers[0].image)":                              "object.spec.containers",
		"object.spec.containers[0].image":                                   "object.spec.containers",
		"object.metadata.labels[object.metadata.name].x == 1":               "object.metadata.labels object.metadata.name",
		"object.spec.containers.all(c, c.image in variables.params.images)": "object.spec.containers",
		"object.spec.a.map(x, object.spec.b, x + object.spec.c)":            "object.spec.a object.spec.b object.spec.c",
		"variables.containers.exists(c, c.name == variables.spec.name)":     "object.spec",
		"variables.containers.exists(c, c.name == '')":                      "object.spec.containers",
		"{'a': object.a, object.b: [object.c]}.size() == 1":                 "object.a object.b object.c",
		"object.spec.a.all(i, x, x == object.spec.b)":                       "object.spec.a object.spec.b",
		"object.spec.a.transformList(i, x, x == object.spec.b).size() == 0": "object.spec.a object.spec.b",
		"optional.of(object.a).optMap(v, v + object.b).orValue(1) == 1":     "object.a object.b",
		"type(object.a) == string || quantity(object.b).isInteger()":        "object.a object.b",
		"request.operation == 'UPDATE'":                                     "operation",
		"has(request.operation)":                                            "operation?",
		"[1].all(object, object == 1)":                                      "",
		"[1].all(object, object == 1) && object.a == 1":                     "object.a",
		"[1].all(request, request == 1 || object.a)":                        "object.a",

		"object == null":                              "?",
		"string(object) == ''":                        "?",
		"object[variables.params.key]":                "?",
		"request.name == ''":                          "?",
		"request == null":                             "?",
		"[object].all(o, o.a == 1)":                   "?",
		"oldObject.spec == 1":                         "?",
		"namespaceObject.metadata.name":               "?",
		"variables.user == ''":                        "?",
		"variables.nowhere == ''":                     "?",
		"authorizer.path('/').check('get').allowed()": "?",
		"object.a.unheardOf(v, v == 1)":               "?",
		"object.a.all('x', true)":                     "?",
		"Object{spec: 1} == 1":                        "?",
		"no CEL":                                      "?",
		"object.a || object.b || object.c || object.d || object.e || object.f || object.g": "?",
	} {
		parsed := trees{}
		for name, text := range variables {
			parsed[name] = parsedLater(text)
		}
		reads, known := readsOf(parsed, []func() *tree{parsedLater(expression)})
		var found []string
		for _, read := range reads {
			text := strings.Join(read.Path, ".")
			if read.Shallow {
				text += "?"
			}
			found = append(found, text)
		}
		got := strings.Join(found, " ")
		if !known {
			got = "?"
		}
		if got != want {
			t.Errorf("%s: %s", expression, fmt.Sprintf("got %q, want %q", got, want))
		}
	}
}
