package locate

import (
	"maps"
	"testing"
)

const pod = `
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: production
  labels: {app: web, environment: production}
spec:
  hostNetwork: true
  volumes:
  - {name: tmp, emptyDir: {}}
  - {name: sock, hostPath: {path: /var/run/docker.sock}}
  initContainers:
  - {name: init, image: docker.io/busybox}
  containers:
  - name: app
    image: gcr.io/app:1
    resources: {limits: {cpu: 100m, memory: 1Gi}}
    readinessProbe: {httpGet: {port: 80}}
  - name: proxy
    image: docker.io/proxy:latest
    securityContext: {privileged: true, capabilities: {add: [NET_ADMIN, SYS_ADMIN]}}
    ports: [{containerPort: 80}, {containerPort: 81, hostPort: 9000}]
    resources: {limits: {memory: 1Gi}}
`

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: production
  labels: {environment: production, data: personal}
  annotations: {team: a}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: gcr.io/app}
      - {name: side, image: docker.io/side, securityContext: {privileged: true}}
`

// shape is a way to write a rule, and the fields that its findings are about, by message.
type shape struct {
	modules    []string
	resource   string
	parameters string
	want       map[string]string
}

// check tries shapes of rules; derivations tell so many of their places.
func check(t *testing.T, want telling, shapes map[string]shape) {
	told, asked := telling{}, 0
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			q := compile(t, s.modules...).query(t, s.resource, s.parameters)
			told.add(agree(t, q))
			asked++
			got := located(t, q)
			if !maps.Equal(got, s.want) {
				t.Errorf("got  %v\nwant %v", got, s.want)
			}
		})
	}
	if asked == len(shapes) && told != want {
		t.Errorf("derivations tell %v, want %v", told, want)
	}
}

const containersLib = `
package lib
containers[c] { c := input.resource.spec.containers[_] }
containers[c] { c := input.resource.spec.initContainers[_] }
containers[c] { c := input.resource.spec.template.spec.containers[_] }
`

func TestSpecificationRules(t *testing.T) {
	security := `
package attest.security
violation[{"violated": true, "message": msg, "severity": "high"}] {
    input.resource.kind == "Pod"
    container := input.resource.spec.containers[_]
    not has_attest_attestation(container.image)
    msg := sprintf("Container image '%v' lacks required ATTEST attestation", [container.image])
}
violation[{"violated": true, "message": msg, "severity": "critical"}] {
    input.resource.kind in ["Pod", "Deployment"]
    container := get_containers[_]
    container.securityContext.privileged == true
    msg := sprintf("Privileged containers are not allowed: %v", [container.name])
}
has_attest_attestation(image) { data.attested[image] }
has_attest_attestation(image) { startswith(image, "gcr.io/") }
get_containers[c] { c := data.lib.containers[_] }
`
	deploy := `
package attest.deployment
violation[{"violated": true, "message": msg, "severity": "critical"}] {
    input.resource.kind == "Deployment"
    not has_attest_receipt
    msg := "Deployment must include valid ATTEST receipt"
}
violation[{"violated": true, "message": msg, "severity": "medium"}] {
    input.resource.kind == "Deployment"
    is_production_namespace
    input.resource.spec.replicas < 2
    msg := "Production deployments must have at least 2 replicas for high availability"
}
is_production_namespace { input.resource.metadata.namespace in ["prod", "production"] }
has_attest_receipt { input.resource.metadata.annotations["attest.continuu.ms/receipt"] }
`
	compliance := `
package attest.compliance
violation[{"violated": true, "message": msg, "severity": "high"}] {
    input.resource.kind == "Deployment"
    is_production_namespace
    not has_audit_logging_enabled
    msg := "audit"
}
violation[{"violated": true, "message": msg, "severity": "high"}] {
    input.resource.kind == "Deployment"
    processes_personal_data
    not has_data_protection_annotations
    msg := "gdpr"
}
is_production_namespace { startswith(input.resource.metadata.namespace, "prod") }
has_audit_logging_enabled { input.resource.metadata.annotations["audit.attest.continuu.ms/enabled"] == "true" }
has_audit_logging_enabled { env := input.resource.spec.template.spec.containers[_].env[_]; env.name == "AUDIT" }
processes_personal_data { input.resource.metadata.labels.data == "personal" }
has_data_protection_annotations { every a in ["gdpr/basis", "gdpr/controller"] { input.resource.metadata.annotations[a] } }
`
	image := `
package attestimagepolicy
violation[{"msg": msg}] {
    container := input.review.object.spec.containers[_]
    not allowed_registry(container.image)
    msg := sprintf("Container image '%v' is not from an allowed registry", [container.image])
}
allowed_registry(image) { startswith(image, input.parameters.allowedRegistries[_]) }
`
	dynamic := `
package attest.dynamic
violation[{"violated": true, "message": msg}] {
    container := input.resource.spec.containers[_]
    vulnerability_data := send({"method": "GET", "url": sprintf("https://vuln-db.company.com/scan/%s", [container.image])})
    vulnerability_data.status_code == 200
    vulnerabilities := json.unmarshal(vulnerability_data.body)
    count(vulnerabilities.critical) > 0
    msg := sprintf("Container image %s has %d critical vulnerabilities", [container.image, count(vulnerabilities.critical)])
}
send(request) = {"status_code": 200, "body": "{\"critical\": [1]}"} { endswith(request.url, "latest") }
`
	contextual := `
package attest.context
violation[{"violated": true, "message": msg}] {
    input.resource.kind == "Deployment"
    environment := input.resource.metadata.labels["environment"]
    environment == "production"
    not has_production_requirements
    msg := "Production deployments must meet stricter requirements"
}
has_production_requirements {
    input.resource.spec.replicas >= 3
    input.resource.spec.template.spec.containers[_].resources.limits
    input.resource.metadata.annotations["monitoring.company.com/enabled"] == "true"
}
`
	enough := `{kind: Deployment, metadata: {labels: {environment: production}}, spec: {replicas: 3, template: {spec: {containers: [
{name: a, image: x, resources: {limits: {cpu: 1}}}]}}}}`
	unlimited := `{kind: Deployment, metadata: {labels: {environment: production}}, spec: {replicas: 3, template: {spec: {containers: [
{name: a, image: x}]}}}}`
	check(t, telling{2, 12, 12}, map[string]shape{
		"§3 security": {[]string{security, containersLib}, pod, "{}", map[string]string{
			"Container image 'docker.io/proxy:latest' lacks required ATTEST attestation": "/spec/containers/1/image",
			"Privileged containers are not allowed: proxy":                               "/spec/containers/1/securityContext/privileged"}},
		"§3 security, containers of a template": {[]string{security, containersLib}, deployment, "{}", map[string]string{
			"Privileged containers are not allowed: side": "/spec/template/spec/containers/1/securityContext/privileged"}},
		"§3 deployment": {[]string{deploy}, deployment, "{}", map[string]string{
			"Deployment must include valid ATTEST receipt":                               "/metadata/annotations",
			"Production deployments must have at least 2 replicas for high availability": "/spec/replicas"}},
		"§3 compliance": {[]string{compliance}, deployment, "{}", map[string]string{
			"audit": "/metadata/annotations", "gdpr": "/metadata/annotations"}},
		"§5 image template": {[]string{image}, pod, "{allowedRegistries: [gcr.io/, quay.io/]}", map[string]string{
			"Container image 'docker.io/proxy:latest' is not from an allowed registry": "/spec/containers/1/image"}},
		"§12 dynamic": {[]string{dynamic}, pod, "{}", map[string]string{
			"Container image docker.io/proxy:latest has 1 critical vulnerabilities": "/spec/containers/1/image"}},
		"§12 contextual: replicas": {[]string{contextual}, deployment, "{}", map[string]string{
			"Production deployments must meet stricter requirements": "/spec/replicas"}},
		"§12 contextual: limits": {[]string{contextual}, unlimited, "{}", map[string]string{
			"Production deployments must meet stricter requirements": "/spec/template/spec/containers"}},
		"§12 contextual: annotation": {[]string{contextual}, enough, "{}", map[string]string{
			"Production deployments must meet stricter requirements": "/metadata"}},
	})
}
