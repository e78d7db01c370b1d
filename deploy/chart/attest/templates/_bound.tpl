{{- /* Gives a ClusterRole to the server's account; takes its name and the namespace. */ -}}
{{- define "attest.bound" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ index . 0 }}
  labels:
    app.kubernetes.io/name: attest
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ index . 0 }}
subjects:
  - kind: ServiceAccount
    name: attest
    namespace: {{ index . 1 }}
---
{{- end }}
