# METADATA
# title: HIPAA encryption
# description: >-
#   Protected health information (PHI) is encrypted on its way and at rest. Judged are resources that declare PHI
#   themselves or through their Namespace: `hipaa.attest.continuu.ms/phi: "true"`, or the class `phi` in
#   `attest.continuu.ms/data-classification`. In transit: no host of an Ingress without TLS, no redirect to HTTPS
#   switched off, no plain HTTP port of a Service outside the cluster. At rest: volumes only of the storage classes
#   which `encrypted_storage_classes` lists, since a manifest alone does not show that its disk is encrypted; by default
#   the list is empty and no volume counts as encrypted. A StorageClass of AWS EBS must itself say so.
# scope: package
# related_resources:
#   - ref: https://www.ecfr.gov/current/title-45/section-164.312
#     description: Technical safeguards
# custom:
#   name: hipaa-encryption
#   severity: high
#   remediation: Serve PHI by TLS only, and keep it on volumes of an encrypted storage class.
#   controls:
#     - HIPAA-164.312(a)(2)(iv)
#     - HIPAA-164.312(e)(1)
#     - HIPAA-164.312(e)(2)(ii)
#   parameters:
#     type: object
#     additionalProperties: false
#     properties:
#       in_transit:
#         enum: [required, optional]
#         default: required
#         description: Whether PHI must be encrypted on its way.
#       at_rest:
#         enum: [required, optional]
#         default: required
#         description: Whether PHI must be encrypted at rest.
#       encrypted_storage_classes:
#         type: array
#         items: {type: string}
#         default: []
#         description: Storage classes whose volumes are encrypted.
package attest.hipaa_encryption

import data.attest.lib

violation contains {"message": message, "severity": "high", "path": path, "fix": fix, "cause": "no TLS", "controls": controls.transit} if {
	in_transit
	some path, host in lib.hosts_without_tls
	message := sprintf("%s serves PHI without TLS on host '%v'", [lib.this, host])
	fix := lib.tls_fix(host)
}

violation contains {"message": message, "severity": "high", "path": ["metadata", "annotations", key], "fix": fix, "controls": controls.transit} if {
	in_transit
	lib.is_ingress
	some key, value in input.resource.metadata.annotations
	key in {
		"nginx.ingress.kubernetes.io/ssl-redirect",
		"nginx.ingress.kubernetes.io/force-ssl-redirect",
		"ingress.kubernetes.io/ssl-redirect",
		"haproxy.org/ssl-redirect",
	}
	value == "false"
	message := sprintf("%s serves PHI without TLS: %s is false", [lib.this, key])
	fix := sprintf("Set metadata.annotations['%s'] to `\"true\"`.", [key])
}

violation contains {"message": message, "severity": "high", "path": ["spec", "ports", i], "fix": fixes.port, "controls": controls.transit} if {
	in_transit
	input.resource.kind == "Service"
	input.resource.spec.type in {"LoadBalancer", "NodePort"}
	some i, port in input.resource.spec.ports
	is_plain_http(port)
	message := sprintf("%s serves PHI outside the cluster on plain HTTP port %v", [lib.this, lib.field(port, "port", 0)])
}

is_plain_http(port) if port.port in {80, 8080}

is_plain_http(port) if port.name == "http"

is_plain_http(port) if port.appProtocol == "http"

violation contains {"message": message, "severity": "high", "path": path, "fix": claim_fix, "controls": controls.rest} if {
	at_rest
	some claim_path, claim in claims
	class := object.get(claim, "storageClassName", null)
	not class in lib.parameter("encrypted_storage_classes", [])
	path := lib.deepest(claim_path, ["storageClassName"])
	message := sprintf("%s keeps PHI on a volume of %s, not known to be encrypted", [lib.this, named(class)])
}

claims[["spec"]] := input.resource.spec if {
	input.resource.kind == "PersistentVolumeClaim"
	is_object(input.resource.spec)
}

claims[path] := claim.spec if {
	input.resource.kind == "StatefulSet"
	some i, claim in input.resource.spec.volumeClaimTemplates
	is_object(claim.spec)
	path := ["spec", "volumeClaimTemplates", i, "spec"]
}

claims[path] := volume.ephemeral.volumeClaimTemplate.spec if {
	some pod_path, pod in lib.pods
	some i, volume in pod.volumes
	is_object(volume.ephemeral.volumeClaimTemplate.spec)
	path := array.concat(pod_path, ["volumes", i, "ephemeral", "volumeClaimTemplate", "spec"])
}

named(class) := "the default storage class" if class == null

named(class) := sprintf("storage class '%v'", [class]) if class != null

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.disk, "controls": controls.rest} if {
	at_rest
	some path, source in lib.host_paths
	message := sprintf("%s keeps PHI on the disk of a node, not known to be encrypted: hostPath '%v'", [lib.this, source])
}

violation contains {"message": message, "severity": "high", "path": path, "fix": fixes.class, "controls": controls.rest} if {
	input.resource.kind == "StorageClass"
	lib.parameter("at_rest", "required") == "required"
	is_for_phi
	input.resource.provisioner in {"ebs.csi.aws.com", "kubernetes.io/aws-ebs"}
	lib.field(input.resource, ["parameters", "encrypted"], "false") != "true"
	path := lib.deepest([], ["parameters", "encrypted"])
	message := sprintf("%s is for PHI, but parameters.encrypted is not true", [lib.this])
}

is_for_phi if lib.handles_phi

is_for_phi if input.resource.metadata.name in lib.parameter("encrypted_storage_classes", [])

in_transit if {
	lib.handles_phi
	lib.parameter("in_transit", "required") == "required"
}

at_rest if {
	lib.handles_phi
	lib.parameter("at_rest", "required") == "required"
}

claim_fix := sprintf("Set storageClassName to a class whose volumes are encrypted: %s.", [lib.listed(classes)]) if {
	classes := lib.parameter("encrypted_storage_classes", [])
	is_array(classes)
	count(classes) > 0
} else := "Set storageClassName to a class whose volumes are encrypted, and list it in the parameter encrypted_storage_classes."

fixes := {
	"port": "Set spec.type to `ClusterIP`, and serve it by TLS through an Ingress.",
	"disk": "Replace hostPath by a persistentVolumeClaim of a class whose volumes are encrypted.",
	"class": "Set parameters.encrypted to `\"true\"`.",
}

controls := {
	"transit": ["HIPAA-164.312(e)(1)", "HIPAA-164.312(e)(2)(ii)"],
	"rest": ["HIPAA-164.312(a)(2)(iv)"],
}
