package syntax

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// common are the strings that most manifests repeat, each one shared term: they cost no memory, and OPA
// compares them by address first. Nothing may ever change these terms.
var common = commonTerms()

// longestCommon bounds the strings worth looking up.
const longestCommon = 32

func commonTerms() map[string]*ast.Term {
	terms := map[string]*ast.Term{}
	for _, text := range strings.Fields(commonText) {
		if len(text) <= longestCommon {
			terms[text] = ast.StringTerm(text)
		}
	}
	return terms
}

const commonText = `
apiVersion kind metadata name namespace labels annotations spec status data stringData type items finalizers
ownerReferences generateName app component version tier role env environment team
app.kubernetes.io/name app.kubernetes.io/instance app.kubernetes.io/version app.kubernetes.io/component
app.kubernetes.io/part-of app.kubernetes.io/managed-by helm.sh/chart k8s-app control-plane
replicas selector matchLabels matchExpressions key operator values template strategy rollingUpdate maxSurge
maxUnavailable revisionHistoryLimit progressDeadlineSeconds minReadySeconds serviceName podManagementPolicy
updateStrategy volumeClaimTemplates schedule jobTemplate concurrencyPolicy suspend backoffLimit completions
parallelism activeDeadlineSeconds ttlSecondsAfterFinished
containers initContainers ephemeralContainers image imagePullPolicy imagePullSecrets command args workingDir
env envFrom value valueFrom configMapKeyRef secretKeyRef fieldRef fieldPath resourceFieldRef configMapRef
secretRef optional ports containerPort hostPort hostIP protocol port targetPort nodePort appProtocol
resources limits requests cpu memory ephemeral-storage storage
livenessProbe readinessProbe startupProbe httpGet tcpSocket exec grpc path scheme host httpHeaders
initialDelaySeconds periodSeconds timeoutSeconds failureThreshold successThreshold lifecycle preStop postStart
securityContext runAsNonRoot runAsUser runAsGroup fsGroup privileged allowPrivilegeEscalation
readOnlyRootFilesystem capabilities add drop seccompProfile localhostProfile seLinuxOptions supplementalGroups
volumeMounts mountPath subPath readOnly volumes emptyDir medium sizeLimit configMap secret secretName
defaultMode hostPath persistentVolumeClaim claimName projected sources downwardAPI serviceAccountToken
serviceAccountName serviceAccount automountServiceAccountToken nodeSelector tolerations effect affinity
nodeAffinity podAffinity podAntiAffinity requiredDuringSchedulingIgnoredDuringExecution
nodeSelectorTerms topologyKey labelSelector weight podAffinityTerm preference topologySpreadConstraints maxSkew
whenUnsatisfiable priorityClassName terminationGracePeriodSeconds restartPolicy dnsPolicy hostNetwork hostPID
hostIPC shareProcessNamespace schedulerName hostname subdomain enableServiceLinks
clusterIP externalTrafficPolicy sessionAffinity loadBalancerIP externalName publishNotReadyAddresses
rules http paths pathType backend service number tls hosts ingressClassName defaultBackend
apiGroups verbs resourceNames nonResourceURLs roleRef apiGroup subjects aggregationRule
podSelector namespaceSelector policyTypes ingress egress from to ipBlock cidr except
accessModes storageClassName volumeMode volumeName minAvailable scaleTargetRef minReplicas maxReplicas metrics
resource target averageUtilization provisioner parameters reclaimPolicy allowVolumeExpansion
group names plural singular listKind shortNames scope versions served schema openAPIV3Schema properties
description required enum format default additionalProperties maxLength minLength pattern minimum maximum
x-kubernetes-preserve-unknown-fields additionalPrinterColumns jsonPath subresources scale
v1 apps/v1 batch/v1 networking.k8s.io/v1 rbac.authorization.k8s.io/v1 policy/v1 autoscaling/v2
rbac.authorization.k8s.io apiextensions.k8s.io/v1 apps
Deployment Service ConfigMap Secret Pod StatefulSet DaemonSet Job CronJob Ingress Namespace ServiceAccount
Role ClusterRole RoleBinding ClusterRoleBinding NetworkPolicy PersistentVolumeClaim PersistentVolume
HorizontalPodAutoscaler PodDisruptionBudget CustomResourceDefinition ReplicaSet StorageClass List
TCP UDP HTTP HTTPS ClusterIP NodePort LoadBalancer Always IfNotPresent Never OnFailure RollingUpdate Recreate
ReadWriteOnce ReadOnlyMany ReadWriteMany Prefix Exact In NotIn Exists NoSchedule RuntimeDefault ALL
ALL NET_BIND_SERVICE get list watch create update patch delete deletecollection
string object integer boolean array
app web frontend backend database production staging development default kube-system http https
100m 200m 250m 500m 64Mi 128Mi 256Mi 512Mi 1Gi 10Gi / /healthz /readyz /health /ready /metrics /tmp latest true false
`
