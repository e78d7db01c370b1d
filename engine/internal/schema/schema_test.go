package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// read decodes YAML as an API server's client does.
func read(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return wholeNumbers(object).(map[string]any)
}

// told are errors in one line each.
func told(errors []Error) (lines []string) {
	for _, e := range errors {
		lines = append(lines, fmt.Sprintf("%v %s (%s)", e.Path, e.Message, e.Hint))
	}
	return lines
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx
        ports: [{containerPort: 80}]
        env: [{name: A, value: "1"}]
        resources: {limits: {cpu: 100m, memory: 1Gi}}
        livenessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}
`

func TestKubernetesOwnTypes(t *testing.T) {
	for name, test := range map[string]struct{ old, changed, want string }{
		"what is right":                  {"", "", ""},
		"a field with a typing error":    {"containers:", "contianers:", "[spec template spec contianers] `spec.template.spec` has no field `contianers` (did you mean `containers`?)"},
		"a field in another case":        {"replicas:", "Replicas:", "[spec Replicas] `spec` has no field `Replicas` (did you mean `replicas`?)"},
		"a field at the top":             {"spec:\n  rep", "spce:\n  rep", "[spce] the resource has no field `spce` (did you mean `spec`?)"},
		"a field in the wrong place":     {"name: web\n        image", "replicas: 1\n        image", "[spec template spec containers 0 replicas] `spec.template.spec.containers[0]` has no field `replicas` (take it out, or put it where it belongs)"},
		"text for a number":              {"replicas: 2", "replicas: two", "[spec replicas] `spec.replicas` must be a whole number, and is the text \"two\" (write a whole number, without quotes)"},
		"a number in quotes":             {"replicas: 2", "replicas: '2'", "[spec replicas] `spec.replicas` must be a whole number, and is the text \"2\" (write a whole number, without quotes)"},
		"a fraction":                     {"replicas: 2", "replicas: 2.5", "[spec replicas] `spec.replicas` must be a whole number, and is the number 2.5 (write a whole number, without quotes)"},
		"a whole number with a fraction": {"replicas: 2", "replicas: 2.0", ""},
		"a number that is too large":     {"containerPort: 80", "containerPort: 4294967296", "[spec template spec containers 0 ports 0 containerPort] `spec.template.spec.containers[0].ports[0].containerPort` must be a whole number, and is the number 4294967296 (write a whole number, without quotes)"},
		"a number for text":              {`value: "1"`, "value: 1", "[spec template spec containers 0 env 0 value] `spec.template.spec.containers[0].env[0].value` must be text, and is the number 1 (put the value in quotes)"},
		"true for text":                  {`value: "1"`, "value: true", "[spec template spec containers 0 env 0 value] `spec.template.spec.containers[0].env[0].value` must be text, and is true (put the value in quotes)"},
		"an object for a list":           {"ports: [{containerPort: 80}]", "ports: {containerPort: 80}", "[spec template spec containers 0 ports] `spec.template.spec.containers[0].ports` must be a list, and is an object (put `- ` before each element)"},
		"a list for an object":           {"matchLabels: {app: web}", "matchLabels: [app]", "[spec selector matchLabels] `spec.selector.matchLabels` must be an object, and is a list (write `name: value` pairs)"},
		"a quantity that is none":        {"memory: 1Gi", "memory: 1 GB", "[spec template spec containers 0 resources limits memory] `spec.template.spec.containers[0].resources.limits.memory` must be a quantity, and is the text \"1 GB\" (write it as `250m`, `128Mi` or `2`)"},
		"a quantity that is a number":    {"cpu: 100m", "cpu: 0.5", ""},
		"a port that is a number":        {"port: http", "port: 80", ""},
		"a port that is a list":          {"port: http", "port: [80]", "[spec template spec containers 0 livenessProbe httpGet port] `spec.template.spec.containers[0].livenessProbe.httpGet.port` must be a whole number or text, and is a list (write it as `80`, `http` or `25%`)"},
		"null in a field of no name":     {"replicas: 2", "nothing: null", ""},
		"null anywhere":                  {"replicas: 2", "replicas: null", ""},
		"a kind with a typing error":     {"kind: Deployment", "kind: Deploymnet", "[kind] Kubernetes 1.36 has no kind `Deploymnet` in `apps/v1` (did you mean `Deployment`?)"},
		"a kind of another version":      {"apps/v1", "v1", "[kind] Kubernetes 1.36 has no kind `Deployment` in `v1` (`Deployment` is of `apps/v1`)"},
		"an API version that is gone":    {"apps/v1", "extensions/v1beta1", "[apiVersion] `Deployment` of `extensions/v1beta1` is gone since Kubernetes 1.16 (`Deployment` is of `apps/v1`)"},
		"an API version that never was":  {"apps/v1", "apps/v3", "[apiVersion] Kubernetes 1.36 has no API version `apps/v3` (`Deployment` is of `apps/v1`)"},
		"a group that can be nobody's":   {"apps/v1", "app/v1", "[apiVersion] Kubernetes 1.36 has no API version `app/v1` (`Deployment` is of `apps/v1`)"},
		"a group of somebody else":       {"apps/v1", "apps.example.com/v1", ""},
		"no API version":                 {"apps/v1", "a/b/c", "[apiVersion] `a/b/c` is no API version"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(deployment, test.old, test.changed, 1)
			got := strings.Join(told(New(Newest(), nil).Errors(read(t, text))), "\n")
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) || strings.Contains(got, "\n") {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestEveryErrorIsTold(t *testing.T) {
	text := strings.NewReplacer("replicas: 2", "replicas: two", "containers:", "contianers:", "name: web}", "nmae: web}").Replace(deployment)
	if got := told(New(Newest(), nil).Errors(read(t, text))); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

func TestVersionsOfKubernetes(t *testing.T) {
	cronJob := "kind: CronJob\nmetadata: {name: a}\nspec: {schedule: '* * * * *', jobTemplate: {}}\n"
	for _, test := range []struct{ version, apiVersion, want string }{
		{"1.20", "batch/v1beta1", ""},
		{"1.24", "batch/v1beta1", ""},
		{"1.25", "batch/v1beta1", "[apiVersion] `CronJob` of `batch/v1beta1` is gone since Kubernetes 1.25 (`CronJob` is of `batch/v1`)"},
		{"v1.34.2", "batch/v1", ""},
		{"", "batch/v1", ""},
		{"1.20", "batch/v2alpha1", ""},
		{"1.20", "batch/v1 of CronJbo", "[kind] Kubernetes 1.20 has no kind `CronJbo` in `batch/v1` (did you mean `CronJob`?)"},
		{"1.20", "policy/v1beta1 of PodSecurityPolicy", ""},
		{"", "batch/v2alpha1", "[apiVersion] Kubernetes 1.36 has no API version `batch/v2alpha1` (`CronJob` is of `batch/v1`)"},
	} {
		t.Run(test.version+" "+test.apiVersion, func(t *testing.T) {
			version, err := ParseVersion(test.version)
			if err != nil {
				t.Fatal(err)
			}
			object := read(t, cronJob)
			apiVersion, kind, other := strings.Cut(test.apiVersion, " of ")
			if object["apiVersion"] = apiVersion; other {
				object["kind"] = kind
			}
			got := strings.Join(told(New(version, nil).Errors(object)), "\n")
			if got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	for _, wrong := range []string{"1", "one.two", "1.2.3.4", "-1.3", "1.34-rc"} {
		if _, err := ParseVersion(wrong); err == nil || !strings.Contains(err.Error(), "`"+wrong+"`") {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	for _, unknown := range []string{"9.99", "1.99", "v1.99.1", "0.9"} {
		if _, err := ParseVersion(unknown); err == nil || !strings.Contains(err.Error(), "is not known: known are 1.0 to 1.") {
			t.Errorf("%s: %v", unknown, err)
		}
	}
}

const definitionOfShops = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Shop, plural: shops}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size, colour]
            properties:
              size: {type: string, enum: [small, large]}
              colour: {type: string, default: red}
              doors: {type: array, items: {type: object, properties: {width: {type: integer, minimum: 1}}}}
              labels: {type: object, additionalProperties: {type: object, properties: {text: {type: string}}}}
              port: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              inner: {type: object, x-kubernetes-embedded-resource: true, properties: {spec: {type: object}}}
`

func TestCustomResourcesAreHeldToTheirDefinitions(t *testing.T) {
	catalog := New(Newest(), []map[string]any{read(t, definitionOfShops), {"spec": 7}})
	for name, test := range map[string]struct {
		spec string
		want []string
	}{
		"what is right":             {"{size: small, doors: [{width: 2}], port: 80, free: {any: 1}, inner: {apiVersion: v1, kind: A, metadata: {name: x}, spec: {}}}", nil},
		"a default is not missing":  {"{size: small}", nil},
		"a field that is missing":   {"{}", []string{"[spec size] `spec.size`: Required value"}},
		"a value that is none":      {"{size: medium}", []string{"[spec size] `spec.size`: Unsupported value: \"medium\""}},
		"a field of another name":   {"{size: small, dooors: []}", []string{"[spec dooors] `spec` has no field `dooors` (did you mean `doors`?)"}},
		"a field within a list":     {"{size: small, doors: [{}, {wdith: 1}]}", []string{"[spec doors 1 wdith] `spec.doors[1]` has no field `wdith` (did you mean `width`?)"}},
		"a number that is too low":  {"{size: small, doors: [{width: 0}]}", []string{"[spec doors 0 width] `spec.doors[0].width`: Invalid value: 0"}},
		"a key with dots":           {"{size: small, labels: {a.b/c: {text: 7}}}", []string{"[spec labels a.b/c text] `spec.labels.a.b/c.text`: Invalid value: \"integer\""}},
		"null where it may not be":  {"{size: small, colour: null}", nil},
		"metadata of a wrong shape": {"{size: small}\nmetadata: {nmae: a}", []string{"[metadata nmae] `metadata` has no field `nmae` (did you mean `name`?)"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := read(t, "apiVersion: example.com/v1\nkind: Shop\nspec: "+test.spec+"\n")
			before := fmt.Sprint(object)
			got := told(catalog.Errors(object))
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got %q", got)
			}
			if fmt.Sprint(object) != before {
				t.Error("the resource was changed")
			}
		})
	}
	if got := told(catalog.Errors(read(t, "apiVersion: example.com/v2\nkind: Shop\nspec: 1\n"))); got != nil {
		t.Errorf("of a version that nobody defines: %q", got)
	}
}

func TestDefinitionsAreHeldToTheirType(t *testing.T) {
	catalog := New(Newest(), nil)
	const doors = "[spec versions 0 schema openAPIV3Schema properties spec properties doors"
	for name, test := range map[string]struct{ old, changed, want string }{
		"what is right":                         {"", "", ""},
		"a schema of elements":                  {"minimum: 1", "minimum: one", doors + " items properties width minimum] "},
		"a list of such schemas":                {"items: {type: object, properties: {width: {type: integer, minimum: 1}}}", "items: [{type: string}, {type: 7}]", doors + " items 1 type] "},
		"no schema, which the type takes":       {"items: {type: object, properties: {width: {type: integer, minimum: 1}}}", "items: 7", ""},
		"a field that such a schema lacks":      {"minimum: 1", "minimun: 1", ""},
		"one that the schema around it lacks":   {"required: [size, colour]", "requiered: [size]", "[spec versions 0 schema openAPIV3Schema properties spec requiered] "},
		"true for other members":                {"additionalProperties: {type: object, properties: {text: {type: string}}}", "additionalProperties: true", ""},
		"a text for other members":              {"additionalProperties: {type: object, properties: {text: {type: string}}}", "additionalProperties: yes please", "[spec versions 0 schema openAPIV3Schema properties spec properties labels additionalProperties] "},
		"a list for other members":              {"additionalProperties: {type: object, properties: {text: {type: string}}}", "additionalProperties: [{}]", "[spec versions 0 schema openAPIV3Schema properties spec properties labels additionalProperties] "},
		"names that depend on others":           {"required: [size, colour]", "dependencies: {a: [b, 7]}", "[spec versions 0 schema openAPIV3Schema properties spec dependencies a 1] "},
		"a default of any kind":                 {"default: red", "default: {red: [1]}", ""},
		"a schema within a schema of elements":  {"minimum: 1", "items: {items: {type: [1]}}", doors + " items properties width items items type] "},
		"an error behind a schema of elements":  {"enum: [small, large]", "enum: small", "[spec versions 0 schema openAPIV3Schema properties spec properties size enum] "},
		"a field that is none, beside elements": {"doors: {type: array,", "doors: {typo: array,", doors + " typo] "},
	} {
		text := strings.Replace(definitionOfShops, test.old, test.changed, 1)
		got := told(catalog.Errors(read(t, text)))
		if test.want == "" && got != nil || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.want)) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestHostileResourcesDoNoHarm(t *testing.T) {
	catalog := New(Newest(), []map[string]any{read(t, definitionOfShops)})
	for _, resource := range []map[string]any{
		nil, {}, {"apiVersion": 7, "kind": []any{}}, {"apiVersion": "v1", "kind": "Pod", "spec": nil, "metadata": "x"},
		{"apiVersion": "example.com/v1", "kind": "Shop", "metadata": []any{}, "spec": []any{map[string]any{}}},
		{"apiVersion": "v1", "kind": strings.Repeat("x", 100_000)},
	} {
		catalog.Errors(resource)
	}
}

// wholeNumbers makes integers of the floats that JSON gives for them, as load.Document.Native does.
func wholeNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			value[key] = wholeNumbers(member)
		}
	case []any:
		for i, element := range value {
			value[i] = wholeNumbers(element)
		}
	case float64:
		if value == float64(int64(value)) {
			return int64(value)
		}
	}
	return value
}
