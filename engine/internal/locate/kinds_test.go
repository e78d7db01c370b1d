package locate

import "testing"

// TestKinds has rules about other kinds than workloads, and about fields that several places can give.
func TestKinds(t *testing.T) {
	ingress := `{kind: Ingress, metadata: {name: i, annotations: {kubernetes.io/ingress.allow-http: "true"}},
spec: {rules: [{host: a.example.com}, {host: "*.example.com", http: {paths: [{path: /}]}}]}}`
	role := `{kind: ClusterRole, metadata: {name: r}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]},
{apiGroups: [apps], resources: [deployments, "*"], verbs: [list, "*"]}]}`
	binding := `{kind: RoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: cluster-admin},
subjects: [{kind: User, name: alice}, {kind: Group, name: "system:unauthenticated"}]}`
	check(t, telling{12, 19, 19}, map[string]shape{
		"ingress without TLS": {[]string{`package p
violation[{"msg": msg}] {
  input.review.object.kind == "Ingress"
  not https_complete(input.review.object)
  msg := "https only"
}
https_complete(ingress) = true {
  ingress.spec["tls"]
  count(ingress.spec.tls) > 0
  ingress.metadata.annotations["kubernetes.io/ingress.allow-http"] == "false"
}`}, ingress, "{}", map[string]string{"https only": "/spec"}},
		"ingress that allows HTTP": {one(`deny contains "http" if input.resource.metadata.annotations["kubernetes.io/ingress.allow-http"] == "true"`),
			ingress, "{}", map[string]string{"http": "/metadata/annotations/kubernetes.io~1ingress.allow-http"}},
		"wildcard hosts": {one(`deny contains msg if {
	host := input.resource.spec.rules[_].host
	startswith(host, "*")
	msg := host
}`), ingress, "{}", map[string]string{"*.example.com": "/spec/rules/1/host"}},
		"wildcard verbs": {one(`deny contains msg if {
	some i, rule in input.resource.rules
	"*" in rule.verbs
	msg := sprintf("rule %d", [i])
}`), role, "{}", map[string]string{"rule 1": "/rules/1/verbs"}},
		"wildcard verbs, one by one": {one(`deny contains msg if {
	some field in ["verbs", "resources"]
	some rule in input.resource.rules
	some item in rule[field]
	item == "*"
	msg := field
}`), role, "{}", map[string]string{"verbs": "/rules/1/verbs/1", "resources": "/rules/1/resources/1"}},
		"a subject that is anyone": {one(`deny contains subject.name if {
	input.resource.roleRef.name == "cluster-admin"
	some subject in input.resource.subjects
	subject.name in {"system:unauthenticated", "system:anonymous"}
}`), binding, "{}", map[string]string{"system:unauthenticated": "/subjects/1/name"}},
		"a role that is referred to": {one(`deny contains "admin" if { input.resource.kind == "RoleBinding"; input.resource.roleRef.name == "cluster-admin" }`),
			binding, "{}", map[string]string{"admin": "/roleRef/name"}},
		"replicas out of range": {[]string{`package p
violation[{"msg": msg}] {
  object_name = input.review.object.metadata.name
  object_kind = input.review.object.kind
  not input_replica_limit(input.review.object.spec)
  msg := sprintf("The provided number of replicas is not allowed for %v: %v", [object_kind, object_name])
}
input_replica_limit(spec) { provided := spec.replicas; range := input.parameters.ranges[_]; range.min_replicas <= provided; range.max_replicas >= provided }`},
			deployment, "{ranges: [{min_replicas: 3, max_replicas: 50}]}", map[string]string{
				"The provided number of replicas is not allowed for Deployment: web": "/spec/replicas"}},
		"a token that is mounted": {[]string{`package p
violation[{"msg": msg}] {
  obj := input.review.object
  mountServiceAccountToken(obj.spec)
  msg := "token"
}
mountServiceAccountToken(spec) { spec.automountServiceAccountToken == true }
mountServiceAccountToken(spec) { not has_key(spec, "automountServiceAccountToken"); "/var/run/secrets" == spec.containers[_].volumeMounts[_].mountPath }
has_key(x, k) { _ = x[k] }`},
			`{kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, volumeMounts: [{mountPath: /x}, {mountPath: /var/run/secrets}]}]}}`, "{}",
			map[string]string{"token": "/spec/containers/0/volumeMounts/1/mountPath"}},
		"an annotation named after a container": {[]string{`package p
violation[{"msg": msg}] {
  metadata := input.review.object.metadata
  container := input.review.object.spec.containers[_]
  not input_apparmor_allowed(container, metadata)
  msg := sprintf("AppArmor profile is not allowed for %v", [container.name])
}
input_apparmor_allowed(container, metadata) { get_annotation_for(container, metadata) == input.parameters.allowedProfiles[_] }
get_annotation_for(container, metadata) = out { out = metadata.annotations[sprintf("container.apparmor/%v", [container.name])] }`},
			`{kind: Pod, metadata: {name: a, annotations: {container.apparmor/c: unconfined}}, spec: {containers: [{name: c}]}}`, "{allowedProfiles: [x]}",
			map[string]string{"AppArmor profile is not allowed for c": "/metadata/annotations/container.apparmor~1c"}},
		"a security context of pod or container": {[]string{`package p
violation[{"msg": msg}] {
  fields := ["runAsUser", "runAsGroup"]
  field := fields[_]
  container := input.review.object.spec.containers[_]
  msg := get_violation(field, container)
}
get_violation(field, container) = msg {
  field == "runAsUser"
  id := get_field(field, container, input.review.object)
  id == 0
  msg := sprintf("Container %v is attempting to run as root", [container.name])
}
get_field(field, container, _) = out { out := container.securityContext[field] }
get_field(field, container, review) = out { not has_field(field, container); out := review.spec.securityContext[field] }
has_field(field, container) { container.securityContext[field] }`},
			`{kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, securityContext: {runAsUser: 0}}, {name: d, securityContext: {runAsUser: 5}}]}}`, "{}",
			map[string]string{"Container c is attempting to run as root": "/spec/containers/0/securityContext/runAsUser"}},
		"an inventory": {one(`deny contains msg if {
	host := input.resource.spec.rules[_].host
	other := data.inventory[_]
	other == host
	msg := sprintf("%s is taken", [host])
}
`), ingress, "{}", map[string]string{}},
		"a name pattern": {one(`deny contains "bad name" if not regex.match("^prod-", input.resource.metadata.name)`), pod, "{}",
			map[string]string{"bad name": "/metadata/name"}},
		"required annotations by a set": {one(`required := {"owner", "team"}
missing contains key if { some key in required; not input.resource.metadata.annotations[key] }
deny contains msg if { count(missing) > 0; msg := sprintf("missing %v", [concat(", ", missing)]) }`), deployment, "{}",
			map[string]string{"missing owner": "/metadata/annotations"}},
		"requests above limits": {one(`deny contains c.name if {
	some c in input.resource.spec.containers
	to_number(c.resources.requests.cpu) > to_number(c.resources.limits.cpu)
}`), `{spec: {containers: [{name: a, resources: {requests: {cpu: 2}, limits: {cpu: 1}}}]}}`, "{}",
			map[string]string{"a": "/spec/containers/0/resources/requests/cpu"}},
		"environment that holds a secret": {one(`deny contains env.name if {
	some c in input.resource.spec.containers
	some env in c.env
	regex.match("(?i)password", env.name)
	env.value
}`), `{spec: {containers: [{name: a, env: [{name: X, value: "1"}, {name: DB_PASSWORD, value: secret}]}]}}`, "{}",
			map[string]string{"DB_PASSWORD": "/spec/containers/0/env/1/value"}},
		"an exempt name at the end": {one(`deny contains c.name if {
	some c in input.resource.spec.containers
	c.securityContext.privileged
	not c.name in {"istio"}
}`), pod, "{}", map[string]string{"proxy": "/spec/containers/1/securityContext/privileged"}},
		"a namespace that is exempt at the end": {one(`deny contains "hostNetwork" if {
	input.resource.spec.hostNetwork
	not input.resource.metadata.namespace in {"kube-system"}
}`), pod, "{}", map[string]string{"hostNetwork": "/spec/hostNetwork"}},
		"data that a custom resource holds": {one(`deny contains "low" if {
	some k, v in input.resource.data
	k == "replicas"
	to_number(v) < 3
}`), `{kind: ConfigMap, data: {replicas: "1", a: b}}`, "{}", map[string]string{"low": "/data/replicas"}},
	})
}
