package locate

import "testing"

// one is a v1 module with a single deny set.
func one(rules string) []string { return []string{"package p\nimport rego.v1\n" + rules} }

// TestShapes has one way to write a rule each.
func TestShapes(t *testing.T) {
	check(t, telling{23, 55, 60}, map[string]shape{
		"negated reference below an element": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	not c.resources.limits.cpu
	msg := sprintf("%s has no cpu limit", [c.name])
}`), pod, "{}", map[string]string{"proxy has no cpu limit": "/spec/containers/1/resources/limits"}},
		"nothing of the path exists": {one(`deny contains "no strategy" if not input.resource.spec.strategy.type`), pod, "{}",
			map[string]string{"no strategy": "/spec"}},
		"nothing at all exists": {one(`deny contains "no data" if { input.resource.kind == "Pod"; not input.resource.data }`), pod, "{}",
			map[string]string{"no data": ""}},
		"a constant message about the kind": {one(`deny contains "no pods" if input.resource.kind == "Pod"`), pod, "{}",
			map[string]string{"no pods": "/kind"}},
		"kind and name only select": {one(`deny contains msg if {
	input.resource.kind == "Pod"
	input.resource.metadata.name == "web"
	input.resource.spec.hostNetwork
	msg := sprintf("%s/%s", [input.resource.metadata.namespace, input.resource.metadata.name])
}`), pod, "{}", map[string]string{"production/web": "/spec/hostNetwork"}},
		"what the message alone reads is weakest": {one(`deny contains msg if {
	input.resource.kind == "Pod"
	msg := sprintf("%v", [input.resource.spec.containers[0].image])
}`), pod, "{}", map[string]string{"gcr.io/app:1": "/kind"}},
		"an element without a test": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	msg := c.name
}`), pod, "{}", map[string]string{"app": "/spec/containers/0", "proxy": "/spec/containers/1"}},
		"a field of an element without a test": {one(`deny contains msg if {
	port := input.resource.spec.containers[_].ports[_].hostPort
	msg := sprintf("host port %d", [port])
}`), pod, "{}", map[string]string{"host port 9000": "/spec/containers/1/ports/1/hostPort"}},
		"the name of an element": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	c.name == "proxy"
	msg := "no proxies"
}`), pod, "{}", map[string]string{"no proxies": "/spec/containers/1/name"}},
		"the name of the resource": {one(`deny contains "too short" if count(input.resource.metadata.name) < 5`), pod, "{}",
			map[string]string{"too short": "/metadata/name"}},
		"a name that is not the resource's": {one(`deny contains "spec" if { input.resource.spec.hostNetwork; input.resource.spec.name == "x" }
deny contains "template" if { input.resource.spec.hostNetwork; input.resource.spec.metadata.name == "w" }`), `{kind: Some, spec: {hostNetwork: true, name: x, metadata: {name: w}}}`, "{}",
			map[string]string{"spec": "/spec/name", "template": "/spec/metadata/name"}},
		"the namespace": {one(`deny contains "not here" if input.resource.metadata.namespace == "production"`), pod, "{}",
			map[string]string{"not here": "/metadata/namespace"}},
		"index and value": {one(`deny contains msg if {
	some i, c in input.resource.spec.containers
	endswith(c.image, ":latest")
	msg := sprintf("containers[%d]", [i])
}`), pod, "{}", map[string]string{"containers[1]": "/spec/containers/1/image"}},
		"index alone": {one(`deny contains msg if {
	some i
	input.resource.spec.containers[i].securityContext.privileged == true
	msg := sprintf("%d", [i])
}`), pod, "{}", map[string]string{"1": "/spec/containers/1/securityContext/privileged"}},
		"keys of labels": {one(`deny contains msg if {
	some key, _ in input.resource.metadata.labels
	startswith(key, "env")
	msg := key
}`), pod, "{}", map[string]string{"environment": "/metadata/labels/environment"}},
		"values of labels": {one(`deny contains msg if {
	some key
	value := input.resource.metadata.labels[key]
	value == "production"
	msg := key
}`), pod, "{}", map[string]string{"environment": "/metadata/labels/environment"}},
		"an element of a list of scalars": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	cap := c.securityContext.capabilities.add[_]
	cap in {"SYS_ADMIN"}
	msg := cap
}`), pod, "{}", map[string]string{"SYS_ADMIN": "/spec/containers/1/securityContext/capabilities/add/1"}},
		"object.get with a path": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	object.get(c, ["securityContext", "readOnlyRootFilesystem"], false) == false
	msg := c.name
}`), pod, "{}", map[string]string{"app": "/spec/containers/0", "proxy": "/spec/containers/1/securityContext"}},
		"object.get with a key": {one(`deny contains msg if {
	context := object.get(input.resource.spec, "securityContext", {})
	object.get(context, "fsGroup", 0) == 0
	msg := "no fsGroup"
}`), pod, "{}", map[string]string{"no fsGroup": "/spec"}},
		"a counted comprehension": {one(`deny contains msg if {
	bad := [c | some c in input.resource.spec.containers; c.securityContext.privileged]
	count(bad) > 0
	msg := sprintf("%d privileged", [count(bad)])
}`), pod, "{}", map[string]string{"1 privileged": "/spec/containers/1/securityContext/privileged"}},
		"a counted comprehension in place": {one(`deny contains "latest" if {
	count([1 | c := input.resource.spec.containers[_]; endswith(c.image, ":latest")]) > 0
}`), pod, "{}", map[string]string{"latest": "/spec/containers/1/image"}},
		"a comprehension that is empty": {one(`deny contains "none restricted" if {
	count([c | some c in input.resource.spec.containers; c.securityContext.runAsNonRoot]) == 0
}`), pod, "{}", map[string]string{"none restricted": "/spec/containers"}},
		"the length of a list": {one(`deny contains "too many" if count(input.resource.spec.containers) > 1`), pod, "{}",
			map[string]string{"too many": "/spec/containers"}},
		"not every": {one(`deny contains "not all" if not all_limited
all_limited if every c in input.resource.spec.containers { c.resources.limits.cpu }`), pod, "{}",
			map[string]string{"not all": "/spec/containers/1/resources/limits"}},
		"every": {one(`deny contains "all" if every c in input.resource.spec.containers { c.resources.limits.memory == "1Gi" }`), pod, "{}",
			map[string]string{"all": "/spec/containers/0/resources/limits/memory"}},
		"some element, negated": {one(`deny contains "nothing restricted" if not restricted
restricted if { some c in input.resource.spec.containers; c.securityContext.privileged == false }`), pod, "{}",
			map[string]string{"nothing restricted": "/spec/containers"}},
		"a default rule": {one(`default allow := false
allow if { input.resource.kind == "Pod"; input.resource.spec.hostNetwork == false }
deny contains "not allowed" if not allow`), pod, "{}", map[string]string{"not allowed": "/spec/hostNetwork"}},
		"allowed by another kind only": {one(`allow if { input.resource.kind == "Deployment"; input.resource.spec.replicas > 0 }
allow if { input.resource.kind == "Pod"; input.resource.spec.priority > 0 }
deny contains "not allowed" if not allow`), pod, "{}", map[string]string{"not allowed": "/spec"}},
		"a positive helper": {one(`deny contains c.name if { some c in input.resource.spec.containers; is_privileged(c) }
is_privileged(c) if c.securityContext.privileged`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"helpers of helpers": {one(`deny contains c.name if { some c in input.resource.spec.containers; bad(c) }
bad(c) if worse(c.securityContext)
worse(s) if { s.privileged == true }`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"a helper that computes": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	cpu(c) > 50
	msg := c.name
}
cpu(c) := to_number(trim_suffix(c.resources.limits.cpu, "m"))`), pod, "{}",
			map[string]string{"app": "/spec/containers/0/resources/limits/cpu"}},
		"a helper that judges and words": {one(`deny contains msg if { some c in input.resource.spec.containers; msg := verdict(c) }
verdict(c) := msg if { c.securityContext.privileged; msg := sprintf("%s is privileged", [c.name]) }`), pod, "{}",
			map[string]string{"proxy is privileged": "/spec/containers/1/securityContext/privileged"}},
		"a helper that only words": {one(`deny contains msg if {
	some c in input.resource.spec.containers
	c.securityContext.privileged
	msg := describe(c)
}
describe(c) := sprintf("%s of %s", [c.name, c.image])`), pod, "{}",
			map[string]string{"proxy of docker.io/proxy:latest": "/spec/containers/1/securityContext/privileged"}},
		"else": {one(`deny contains msg if { msg := verdict(input.resource.spec); msg != "fine" }
verdict(s) := "fine" if not s.hostNetwork
else := "host network, no init" if not s.initContainers
else := "host network" if s.hostNetwork`), pod, "{}", map[string]string{"host network": "/spec/hostNetwork"}},
		"a set of bad elements": {one(`deny contains c.name if some c in bad
bad contains c if { some c in input.resource.spec.containers; not startswith(c.image, "gcr.io/") }`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/image"}},
		"a set of bad names": {one(`deny contains msg if { some name in bad; msg := sprintf("%s is bad", [name]) }
bad contains c.name if { some c in input.resource.spec.containers; not startswith(c.image, "gcr.io/") }`), pod, "{}",
			map[string]string{"proxy is bad": "/spec/containers/1/image"}},
		"an object of elements": {one(`deny contains name if { some name, c in by_name; c.securityContext.privileged }
by_name[c.name] := c if some c in input.resource.spec.containers`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"elements wrapped in objects": {one(`deny contains item.name if { some item in items; not item.of.readinessProbe }
items contains {"name": c.name, "of": c} if some c in input.resource.spec.containers`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1"}},
		"elements of joined lists": {one(`deny contains c.name if {
	some c in array.concat(input.resource.spec.containers, input.resource.spec.initContainers)
	not contains(c.image, ":")
}`), pod, "{}", map[string]string{"init": "/spec/initContainers/0/image"}},
		"elements of joined sets": {one(`deny contains c.name if { some c in all; not contains(c.image, ":") }
all := {c | some c in input.resource.spec.containers} | {c | some c in input.resource.spec.initContainers}`), pod, "{}",
			map[string]string{"init": "/spec/initContainers/0/image"}},
		"walk": {one(`deny contains "privileged" if {
	walk(input.resource, [path, value])
	path[count(path) - 1] == "privileged"
	value == true
}`), pod, "{}", map[string]string{"privileged": "/spec/containers/1/securityContext/privileged"}},
		"walk for objects": {one(`deny contains value.name if {
	walk(input.resource, [_, value])
	value.securityContext.privileged
}`), pod, "{}", map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"with another input": {one(`deny contains c.name if {
	some c in input.resource.spec.containers
	bad with input as c
}
bad if input.securityContext.privileged`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"with a changed input": {one(`deny contains "bad" if bad with input.parameters as {"max": 1}
bad if { some i; c := input.resource.spec.containers[i]; count(c.ports) > input.parameters.max }`), pod, "{}",
			map[string]string{"bad": "/spec/containers/1/ports"}},
		"exceptions first": {one(`deny contains c.name if {
	some c in input.resource.spec.containers
	c.securityContext.privileged
	not is_excluded(c)
}
is_excluded(c) if c.image in input.parameters.excluded`), pod, "{excluded: [x]}",
			map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"a mount and its volume": {one(`deny contains v.name if {
	some v in input.resource.spec.volumes
	startswith(v.hostPath.path, "/var/run")
}`), pod, "{}", map[string]string{"sock": "/spec/volumes/1/hostPath/path"}},
		"a complete rule that is a set": {one(`deny := {msg |
	some c in input.resource.spec.containers
	c.securityContext.privileged
	msg := c.name
}`), pod, "{}", map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"a union of sets": {one(`deny := privileged | unlimited
privileged contains msg if { some c in input.resource.spec.containers; c.securityContext.privileged; msg := "privileged" }
unlimited contains msg if { some c in input.resource.spec.containers; not c.resources.limits.cpu; msg := "unlimited" }`), pod, "{}",
			map[string]string{"privileged": "/spec/containers/1/securityContext/privileged", "unlimited": "/spec/containers/1/resources/limits"}},
		"a helper that two rules ask": {one(`deny contains "one" if bad
deny contains "two" if bad
bad if { some c in input.resource.spec.containers; c.securityContext.privileged }`), pod, "{}",
			map[string]string{"one": "/spec/containers/1/securityContext/privileged", "two": "/spec/containers/1/securityContext/privileged"}},
		"a helper of an element that two rules ask": {one(`deny contains sprintf("one %s", [c.name]) if { some c in input.resource.spec.containers; bad(c) }
deny contains sprintf("two %s", [c.name]) if { some c in input.resource.spec.containers; bad(c) }
bad(c) if { c.image; c.securityContext.privileged }`), pod, "{}",
			map[string]string{"one proxy": "/spec/containers/1/securityContext/privileged", "two proxy": "/spec/containers/1/securityContext/privileged"}},
		"a helper of a part that two rules ask": {one(`deny contains "one" if part.securityContext.privileged
deny contains "two" if part.image == "docker.io/proxy:latest"
part := c if { some c in input.resource.spec.containers; c.ports }`), pod, "{}",
			map[string]string{"one": "/spec/containers/1/securityContext/privileged", "two": "/spec/containers/1/image"}},
		"what stands for elements, of joined sets": {one(`deny contains item.name if { some item in all; item.image == "docker.io/proxy:latest" }
all := items | {{"name": "none", "image": "none"}}
items contains {"name": c.name, "image": c.image} if some c in input.resource.spec.containers`), pod, "{}",
			map[string]string{"proxy": "/spec/containers/1/image"}},
		"the rule states the path": {one(`deny contains {"msg": "m", "path": "/spec/containers/1/image"} if input.resource.spec.hostNetwork`), pod, "{}",
			map[string]string{"m": "/spec/containers/1/image"}},
	})
}
