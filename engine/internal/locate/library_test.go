package locate

import "testing"

const privileged = `
package privileged
import data.exempt.is_exempt
violation[{"msg": msg, "details": {}}] {
  not is_update(input.review)
  c := input_containers[_]
  not is_exempt(c)
  c.securityContext.privileged
  msg := sprintf("privileged %v, securityContext: %v", [c.name, c.securityContext.privileged])
}
is_update(review) { review.operation == "UPDATE" }
input_containers[c] { c := input.review.object.spec.containers[_] }
input_containers[c] { c := input.review.object.spec.initContainers[_] }
input_containers[c] { c := input.review.object.spec.ephemeralContainers[_] }
`

const exempt = `
package exempt
is_exempt(container) {
  images := object.get(object.get(input, "parameters", {}), "exemptImages", [])
  img := container.image
  exemption := images[_]
  matches(img, exemption)
}
matches(img, exemption) { not endswith(exemption, "*"); exemption == img }
matches(img, exemption) { endswith(exemption, "*"); startswith(img, trim_suffix(exemption, "*")) }
`

const requiredLabels = `
package requiredlabels
get_message(parameters, _default) = _default { not parameters.message }
get_message(parameters, _default) = parameters.message
violation[{"msg": msg, "details": {"missing_labels": missing}}] {
  provided := {label | input.review.object.metadata.labels[label]}
  required := {label | label := input.parameters.labels[_].key}
  missing := required - provided
  count(missing) > 0
  def_msg := sprintf("you must provide labels: %v", [missing])
  msg := get_message(input.parameters, def_msg)
}
violation[{"msg": msg}] {
  value := input.review.object.metadata.labels[key]
  expected := input.parameters.labels[_]
  expected.key == key
  expected.allowedRegex != ""
  not regex.match(expected.allowedRegex, value)
  def_msg := sprintf("Label <%v: %v> does not satisfy allowed regex: %v", [key, value, expected.allowedRegex])
  msg := get_message(input.parameters, def_msg)
}
`

const limits = `
package limits
missing(obj, field) = true { not obj[field] }
missing(obj, field) = true { obj[field] == "" }
canonify_cpu(orig) = new { is_number(orig); new := orig * 1000 }
canonify_cpu(orig) = new { not is_number(orig); endswith(orig, "m"); new := to_number(replace(orig, "m", "")) }
violation[{"msg": msg}] { general_violation[{"msg": msg, "field": "containers"}] }
violation[{"msg": msg}] { general_violation[{"msg": msg, "field": "initContainers"}] }
general_violation[{"msg": msg, "field": field}] {
  container := input.review.object.spec[field][_]
  not container.resources
  msg := sprintf("container <%v> has no resource limits", [container.name])
}
general_violation[{"msg": msg, "field": field}] {
  container := input.review.object.spec[field][_]
  missing(container.resources.limits, "cpu")
  msg := sprintf("container <%v> has no cpu limit", [container.name])
}
general_violation[{"msg": msg, "field": field}] {
  container := input.review.object.spec[field][_]
  cpu_orig := container.resources.limits.cpu
  cpu := canonify_cpu(cpu_orig)
  max_cpu := canonify_cpu(input.parameters.cpu)
  cpu > max_cpu
  msg := sprintf("container <%v> cpu limit <%v> is higher than the maximum allowed of <%v>", [container.name, cpu_orig, input.parameters.cpu])
}
`

const capabilities = `
package capabilities
violation[{"msg": msg}] {
  container := input.review.object.spec.containers[_]
  has_disallowed_capabilities(container)
  msg := sprintf("container <%v> has a disallowed capability", [container.name])
}
violation[{"msg": msg}] {
  container := input.review.object.spec.containers[_]
  missing_drop_capabilities(container)
  msg := sprintf("container <%v> is not dropping all required capabilities", [container.name])
}
has_disallowed_capabilities(container) {
  allowed := {c | c := lower(input.parameters.allowed[_])}
  not allowed["*"]
  capabilities := {c | c := lower(container.securityContext.capabilities.add[_])}
  count(capabilities - allowed) > 0
}
missing_drop_capabilities(container) {
  must_drop := {c | c := lower(input.parameters.drop[_])}
  all := {"all"}
  dropped := {c | c := lower(container.securityContext.capabilities.drop[_])}
  count(must_drop - dropped) > 0
  count(all - dropped) > 0
}
`

const probes = `
package probes
probe_type_set = probe_types { probe_types := {type | type := input.parameters.probeTypes[_]} }
violation[{"msg": msg}] {
  container := input.review.object.spec.containers[_]
  probe := input.parameters.probes[_]
  probe_is_missing(container, probe)
  msg := sprintf("container <%v> has no <%v>", [container.name, probe])
}
probe_is_missing(ctr, probe) = true { not ctr[probe] }
probe_is_missing(ctr, probe) = true { probe_field_empty(ctr, probe) }
probe_field_empty(ctr, probe) = true {
  probe_fields := {field | ctr[probe][field]}
  diff_fields := probe_type_set - probe_fields
  count(diff_fields) == count(probe_type_set)
}
`

const hostPaths = `
package hostpaths
violation[{"msg": msg, "details": {}}] {
  volume := input_hostpath_volumes[_]
  allowedPaths := get_allowed_paths(input)
  input_hostpath_violation(allowedPaths, volume)
  msg := sprintf("HostPath volume %v is not allowed", [volume.name])
}
input_hostpath_violation(allowedPaths, _) { allowedPaths == [] }
input_hostpath_violation(allowedPaths, volume) { not input_hostpath_allowed(allowedPaths, volume) }
get_allowed_paths(arg) = out { not arg.parameters; out = [] }
get_allowed_paths(arg) = out { out = arg.parameters.allowedHostPaths }
input_hostpath_allowed(allowedPaths, volume) {
  allowed := allowedPaths[_]
  startswith(volume.hostPath.path, allowed.pathPrefix)
}
input_hostpath_volumes[v] { v := input.review.object.spec.volumes[_]; has_field(v, "hostPath") }
has_field(object, field) = true { object[field] }
`

const hostNamespace = `
package hostnamespace
violation[{"msg": msg, "details": {}}] {
  input_share_hostnamespace(input.review.object)
  msg := sprintf("Sharing the host namespace is not allowed: %v", [input.review.object.metadata.name])
}
input_share_hostnamespace(o) { o.spec.hostPID }
input_share_hostnamespace(o) { o.spec.hostIPC }
input_share_hostnamespace(o) { o.spec.hostNetwork }
`

const allowedRepos = `
package allowedrepos
violation[{"msg": msg}] {
  container := input.review.object.spec.containers[_]
  satisfied := [good | repo = input.parameters.repos[_]; good = startswith(container.image, repo)]
  not any(satisfied)
  msg := sprintf("container <%v> has an invalid image repo <%v>, allowed repos are %v", [container.name, container.image, input.parameters.repos])
}
`

const runAsNonRoot = `
package nonroot
import rego.v1
violation contains {"msg": msg} if {
  some c in input.review.object.spec.containers
  not c.securityContext.runAsNonRoot
  not input.review.object.spec.securityContext.runAsNonRoot
  msg := sprintf("%v may run as root", [c.name])
}
`

const hostPorts = `
package hostports
violation[{"msg": msg}] {
  input_share_hostnetwork(input.review.object)
  msg := "host network or ports are not allowed"
}
input_share_hostnetwork(o) { hostPort := input_containers[_].ports[_].hostPort; hostPort > input.parameters.max }
input_containers[c] { c := input.review.object.spec.containers[_] }
`

const disallowedTags = `
package tags
violation[{"msg": msg}] {
  container := input_containers[_]
  tags := [tag_with_prefix | tag := input.parameters.tags[_]; tag_with_prefix := concat(":", ["", tag])]
  strings.any_suffix_match(container.image, tags)
  msg := sprintf("container <%v> uses a disallowed tag <%v>", [container.name, container.image])
}
violation[{"msg": msg}] {
  container := input_containers[_]
  not contains(container.image, ":")
  msg := sprintf("container <%v> didn't specify an image tag <%v>", [container.name, container.image])
}
input_containers[c] { c := input.review.object.spec.containers[_] }
input_containers[c] { c := input.review.object.spec.initContainers[_] }
`

const service = `
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {a: b}}
spec: {type: NodePort, externalIPs: [1.2.3.4], ports: [{port: 80}]}
`

// TestLibraryStyle has the shapes of templates that the Gatekeeper community publishes.
func TestLibraryStyle(t *testing.T) {
	check(t, telling{6, 26, 26}, map[string]shape{
		"privileged containers": {[]string{privileged, exempt}, pod, "{}", map[string]string{
			"privileged proxy, securityContext: true": "/spec/containers/1/securityContext/privileged"}},
		"privileged containers, others exempt": {[]string{privileged, exempt}, pod, "{exemptImages: [x, 'y/*']}", map[string]string{
			"privileged proxy, securityContext: true": "/spec/containers/1/securityContext/privileged"}},
		"required labels": {[]string{requiredLabels}, pod, "{labels: [{key: owner}, {key: app, allowedRegex: '^x'}]}", map[string]string{
			`you must provide labels: {\"owner\"}`:                "/metadata/labels",
			"Label <app: web> does not satisfy allowed regex: ^x": "/metadata/labels/app"}},
		"required labels, none at all": {[]string{requiredLabels}, service, "{labels: [{key: owner}]}", map[string]string{
			`you must provide labels: {\"owner\"}`: "/metadata"}},
		"container limits": {[]string{limits}, pod, "{cpu: 50m}", map[string]string{
			"container <init> has no resource limits":                                      "/spec/initContainers/0",
			"container <proxy> has no cpu limit":                                           "/spec/containers/1/resources/limits",
			"container <app> cpu limit <100m> is higher than the maximum allowed of <50m>": "/spec/containers/0/resources/limits/cpu"}},
		"capabilities": {[]string{capabilities}, pod, "{allowed: [NET_ADMIN], drop: [ALL]}", map[string]string{
			"container <proxy> has a disallowed capability":               "/spec/containers/1/securityContext/capabilities/add",
			"container <app> is not dropping all required capabilities":   "/spec/containers/0",
			"container <proxy> is not dropping all required capabilities": "/spec/containers/1/securityContext/capabilities"}},
		"probes": {[]string{probes}, pod, "{probes: [readinessProbe, livenessProbe], probeTypes: [tcpSocket, exec]}", map[string]string{
			"container <app> has no <readinessProbe>":   "/spec/containers/0/readinessProbe",
			"container <app> has no <livenessProbe>":    "/spec/containers/0",
			"container <proxy> has no <readinessProbe>": "/spec/containers/1",
			"container <proxy> has no <livenessProbe>":  "/spec/containers/1"}},
		"host paths": {[]string{hostPaths}, pod, "{allowedHostPaths: [{pathPrefix: /srv}]}", map[string]string{
			"HostPath volume sock is not allowed": "/spec/volumes/1/hostPath/path"}},
		"host paths, none allowed": {[]string{hostPaths}, pod, "{allowedHostPaths: []}", map[string]string{
			"HostPath volume sock is not allowed": "/spec/volumes/1/hostPath"}},
		"host namespaces": {[]string{hostNamespace}, pod, "{}", map[string]string{
			"Sharing the host namespace is not allowed: web": "/spec/hostNetwork"}},
		"allowed repositories": {[]string{allowedRepos}, pod, "{repos: [gcr.io/]}", map[string]string{
			"container <proxy> has an invalid image repo <docker.io/proxy:latest>, allowed repos are [\\\"gcr.io/\\\"]": "/spec/containers/1/image"}},
		"run as non-root": {[]string{runAsNonRoot}, pod, "{}", map[string]string{
			"app may run as root": "/spec/containers/0", "proxy may run as root": "/spec/containers/1/securityContext"}},
		"host ports": {[]string{hostPorts}, pod, "{max: 80}", map[string]string{
			"host network or ports are not allowed": "/spec/containers/1/ports/1/hostPort"}},
		"disallowed tags": {[]string{disallowedTags}, pod, "{tags: [latest]}", map[string]string{
			"container <proxy> uses a disallowed tag <docker.io/proxy:latest>": "/spec/containers/1/image",
			"container <init> didn't specify an image tag <docker.io/busybox>": "/spec/initContainers/0/image"}},
		"block node ports": {[]string{`package p
violation[{"msg": msg}] {
  input.review.kind.kind == "Service"
  input.review.object.spec.type == "NodePort"
  msg := "no"
} {
  input.review.object.kind == "Service"
  input.review.object.spec.type == "NodePort"
  msg := "User is not allowed to create service of type NodePort"
}`}, service, "{}", map[string]string{
			"User is not allowed to create service of type NodePort": "/spec/type"}},
		"external IPs": {[]string{`package p
violation[{"msg": msg}] {
  allowed := {ip | ip := input.parameters.allowed[_]}
  external := {ip | ip := input.review.object.spec.externalIPs[_]}
  forbidden := external - allowed
  count(forbidden) > 0
  msg := sprintf("forbidden: %v", [forbidden])
}`}, service, "{allowed: []}", map[string]string{
			`forbidden: {\"1.2.3.4\"}`: "/spec/externalIPs"}},
	})
}
