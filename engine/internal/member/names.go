package member

import "github.com/open-policy-agent/opa/v1/ast"

// What is looked up in each request and entry by its name: OPA has one term for each of these, and would make a new one each
// time for another.
func init() {
	ast.InternStringTerm(
		"review", "parameters", "request", "resource", "object", "oldObject", "namespaceObject", "options", "userInfo", "uid",
		"operation", "kind", "group", "version", "msg", "details", "path", "_loc", "field", "url", "error",
		"apiVersion", "metadata", "name", "namespace", "labels", "annotations", "spec", "template", "status", "data", "rules",
		"subjects", "roleRef", "containers", "initContainers", "ephemeralContainers", "image", "args", "command", "env", "ports",
		"hostPort", "resources", "limits", "requests", "cpu", "memory", "securityContext", "capabilities", "add", "drop",
		"privileged", "allowPrivilegeEscalation", "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem",
		"seccompProfile", "seLinuxOptions", "procMount", "sysctls", "fsGroup", "supplementalGroups", "volumes", "volumeMounts",
		"hostPath", "hostNetwork", "hostPID", "hostIPC", "serviceAccountName", "automountServiceAccountToken", "replicas",
		"livenessProbe", "readinessProbe", "imagePullPolicy", "selector", "type", "externalIPs", "tls", "host", "paths",
	)
}
