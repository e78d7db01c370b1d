package constraint

import (
	"fmt"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/constraint/admission"
)

const placePod = `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: prod, labels: {app: web}, annotations: {a: b}}
spec:
  hostNetwork: true
  containers:
    - {name: good, image: "gcr.io/good:1", securityContext: {privileged: false}, resources: {limits: {memory: 1Gi}}}
    - {name: bad, image: "docker.io/bad:latest", securityContext: {privileged: true, capabilities: {add: [NET_ADMIN, SYS_TIME]}}, ports: [{containerPort: 80}, {containerPort: 81, hostPort: 81}]}
  initContainers:
    - {name: init, image: init}
`

// libraryLists are the variables by which the public library gathers containers.
const libraryLists = `{name: containers, expression: "has(variables.anyObject.spec.containers) ? variables.anyObject.spec.containers : []"}, ` +
	`{name: initContainers, expression: "has(variables.anyObject.spec.initContainers) ? variables.anyObject.spec.initContainers : []"}`

// The field that an expression is about, named by what the expression reads.
func TestCELFindsTheField(t *testing.T) {
	for name, c := range map[string]struct{ variables, expression, want string }{
		"a field":                       {"", "object.metadata.namespace == 'x'", "/metadata/namespace"},
		"a field that is forbidden":     {"", "!has(object.spec.hostNetwork) || !object.spec.hostNetwork", "/spec/hostNetwork"},
		"a field that is missing":       {"", "has(object.spec.hostPID)", "/spec"},
		"far from what there is":        {"", "has(object.spec.affinity) && has(object.spec.affinity.podAffinity)", "/spec"},
		"the first that is false":       {"", "object.spec.hostNetwork && object.metadata.name == 'x' && object.metadata.namespace == 'y'", "/metadata/name"},
		"a label":                       {"", "object.metadata.labels['app'] == 'x'", "/metadata/labels/app"},
		"a label that is missing":       {"", "'owner' in object.metadata.labels", "/metadata/labels"},
		"labels of the parameters":      {"", "['app', 'owner'].all(l, l in object.metadata.labels)", "/metadata/labels"},
		"a key of a map":                {"", "object.metadata.annotations.all(k, k != 'a')", "/metadata/annotations/a"},
		"a condition":                   {"", "object.kind == 'Pod' ? object.spec.hostNetwork == false : true", "/spec/hostNetwork"},
		"all":                           {"", "object.spec.containers.all(c, !c.securityContext.privileged)", "/spec/containers/1/securityContext/privileged"},
		"all, the field is missing":     {"", "object.spec.containers.all(c, has(c.resources) && has(c.resources.limits))", "/spec/containers/1"},
		"all, negated":                  {"", "!object.spec.containers.all(c, has(c.name))", "/spec/containers"},
		"all of all":                    {"", "object.spec.containers.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort)))", "/spec/containers/1/ports/1/hostPort"},
		"all of what is allowed":        {"", "object.spec.containers.all(c, ['gcr.io/', 'quay.io/'].exists(r, c.image.startsWith(r)))", "/spec/containers/1/image"},
		"nothing is allowed":            {"", "object.spec.containers.all(c, [''].filter(r, r != '').exists(r, c.image.startsWith(r)))", "/spec/containers/0/image"},
		"exists":                        {"", "object.spec.containers.exists(c, c.name == 'proxy')", "/spec/containers"},
		"exists, negated":               {"", "!object.spec.containers.exists(c, c.image.endsWith(':latest'))", "/spec/containers/1/image"},
		"an element of a list":          {"", "object.spec.containers.all(c, !has(c.securityContext.capabilities) || c.securityContext.capabilities.add.all(a, a != 'SYS_TIME'))", "/spec/containers/1/securityContext/capabilities/add/1"},
		"the size of what was kept":     {"", "object.spec.containers.filter(c, c.securityContext.privileged).size() == 0", "/spec/containers/1/securityContext/privileged"},
		"the size of a function":        {"", "size(object.spec.containers.filter(c, !has(c.resources))) == 0", "/spec/containers/1"},
		"the size of a list":            {"", "size(object.spec.containers) > 5", "/spec/containers"},
		"an index":                      {"", "object.spec.containers[1].name == 'x'", "/spec/containers/1/name"},
		"a variable":                    {`{name: net, expression: "object.spec.hostNetwork"}`, "!variables.net", "/spec/hostNetwork"},
		"variables of the library":      {libraryLists + `, {name: bad, expression: "(variables.containers + variables.initContainers).filter(c, !(c.image in ['gcr.io/good:1']) && !has(c.resources)).map(c, c.name)"}`, "size(variables.bad) == 0", "/spec/containers/1"},
		"texts that were made":          {libraryLists + `, {name: bad, expression: "variables.containers.filter(c, c.image.endsWith(':latest')).map(c, 'container <' + c.name + '> is bad')"}`, "variables.bad.size() == 0", "/spec/containers/1/image"},
		"the second list":               {libraryLists + `, {name: bad, expression: "variables.containers.filter(c, c.name == 'x') + variables.initContainers.filter(c, !c.image.contains(':'))"}`, "variables.bad.size() == 0", "/spec/initContainers/0/image"},
		"exemptions are not the reason": {`{name: exempt, expression: "['gcr.io/good:1']"}`, "object.spec.containers.all(c, has(c.resources) || c.image in variables.exempt)", "/spec/containers/1"},
		"optional fields":               {"", "object.?spec.?hostNetwork.orValue(false) == false", "/spec/hostNetwork"},
		"optional fields are missing":   {"", "object.?spec.?hostPID.orValue(false) == true", "/spec"},
		"a quantity":                    {"", "object.spec.containers.all(c, !has(c.resources) || quantity(c.resources.limits.memory).isLessThan(quantity('1Mi')))", "/spec/containers/0/resources/limits/memory"},
		"a variable of a variable":      {`{name: spec, expression: "object.spec"}, {name: net, expression: "variables.spec.hostNetwork"}`, "variables.net == false", "/spec/hostNetwork"},
		"all are kept":                  {libraryLists + `, {name: bad, expression: "variables.containers.filter(c, has(c.securityContext) && has(c.image)).map(c, c.name)"}`, "size(variables.bad) == 0", "/spec/containers/0/image"},
		"all of two lists are kept":     {libraryLists + `, {name: bad, expression: "(variables.initContainers + variables.containers).filter(c, !has(c.lifecycle))"}`, "variables.bad.size() == 0", "/spec/initContainers/0"},
		"kept of what was kept":         {libraryLists + `, {name: checked, expression: "variables.containers.filter(c, c.image.contains('/'))"}, {name: bad, expression: "variables.checked.filter(c, c.name != 'good')"}`, "variables.bad.size() == 0", "/spec/containers/1/name"},
		"as many as there are":          {libraryLists + `, {name: bad, expression: "variables.containers.filter(c, c.name == 'bad') + variables.containers.filter(c, c.name == 'good')"}`, "variables.bad.size() == 0", "/spec/containers/1/name"},
		"a variable, of two that hold":  {`{name: net, expression: "object.spec.hostNetwork && has(object.metadata.labels)"}`, "!variables.net", "/metadata/labels"},
		"a variable, the first is not":  {`{name: net, expression: "has(object.spec.hostPID) || object.spec.hostNetwork"}`, "!variables.net", "/spec/hostNetwork"},
		"one of one":                    {"", "object.spec.initContainers.all(c, c.image.contains(':') && c.name == 'x')", "/spec/initContainers/0/image"},
		"exactly one, of two":           {"", "object.spec.containers.exists_one(c, has(c.image))", "/spec/containers/0/image"},
		"exactly one, of none":          {"", "object.spec.containers.exists_one(c, c.name == 'x')", "/spec/containers"},
		"the other branch":              {"", "object.kind == 'x' ? true : has(object.spec.hostPID) && object.spec.hostNetwork", "/spec"},
		"made by a list of constants":   {"", "['a'].map(x, object.spec).all(s, s.hostNetwork == false)", "/spec/hostNetwork"},
		"a map that was made":           {"", "object.spec.containers.map(c, {'image': c.name}).all(m, m.image == 'x')", "/spec/containers/0"},
		"a name hides the variables":    {`{name: all, expression: "object.spec.containers"}`, "[{'all': object.spec.initContainers}].all(variables, variables.all.all(c, c.image.contains(':')))", ""},
		"a variable hides the object":   {"", "[{'spec': 1}].all(object, object.spec == 2)", ""},
		"nothing of the object":         {"", "request.operation == 'x'", ""},
		"nothing at all":                {"", "false", ""},
		"the whole object":              {"", "object == null", ""},
	} {
		t.Run(name, func(t *testing.T) {
			source := fmt.Sprintf("{variables: [%s], validations: [{expression: %q, message: m}]}", c.variables, c.expression)
			set, _, problems := Load(t.Context(), celPolicy(t, source), Options{CEL: true})
			if len(errorsOf(problems)) > 0 {
				t.Fatal(problems)
			}
			out := review(t, set, admission.Review{Object: term(t, placePod)})
			out.Locate(t.Context())
			if len(out.Results) != 1 || len(out.Problems) != 0 {
				t.Fatalf("got %v and problems %v", out.Results, out.Problems)
			}
			if got := pointer(out.Results[0].Path); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func pointer(path []any) string {
	var b strings.Builder
	for _, key := range path {
		fmt.Fprintf(&b, "/%v", key)
	}
	return b.String()
}

// What was deleted is the old object; that is where the field stands.
func TestCELFindsTheFieldOfWhatIsDeleted(t *testing.T) {
	source := `{validations: [{expression: "variables.anyObject.metadata.namespace != 'prod'", message: m}]}`
	set, _, _ := Load(t.Context(), celPolicy(t, source), Options{CEL: true})
	out := review(t, set, admission.Review{OldObject: term(t, placePod), Operation: "DELETE"})
	out.Locate(t.Context())
	if len(out.Results) != 1 || pointer(out.Results[0].Path) != "/metadata/namespace" {
		t.Errorf("got %v", out.Results)
	}
}

// A resource can't make the search long: it ends, and the finding is on the resource.
func TestCELSearchEnds(t *testing.T) {
	many := "[" + strings.TrimSuffix(strings.Repeat("1, ", 300), ", ") + "]"
	source := `{validations: [{expression: "object.spec.many.all(a, object.spec.many.all(b, a + b + object.spec.many[299] < 100)) ", message: m}]}`
	set, _, _ := Load(t.Context(), celPolicy(t, source), Options{CEL: true})
	object := strings.Replace(many, "1]", "99]", 1)
	out := review(t, set, admission.Review{Object: term(t, "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {many: "+object+"}}")})
	out.Locate(t.Context())
	if len(out.Results) != 1 {
		t.Errorf("got %v", out.Results)
	}
}
