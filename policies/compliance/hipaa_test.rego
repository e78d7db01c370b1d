package attest.hipaa_encryption_test

import data.attest.hipaa_encryption

phi := {"hipaa.attest.continuu.ms/phi": "true"}

resource(kind, spec) := {
	"apiVersion": {"Ingress": "networking.k8s.io/v1", "StatefulSet": "apps/v1"}[kind],
	"kind": kind,
	"metadata": {"name": "records", "annotations": phi},
	"spec": spec,
} if {
	kind in {"Ingress", "StatefulSet"}
} else := {"apiVersion": "v1", "kind": kind, "metadata": {"name": "records", "annotations": phi}, "spec": spec}

undeclared(resource_) := object.remove(resource_, ["metadata"])

summary(resource_, parameters) := {text |
	some v in hipaa_encryption.violation with input as {"resource": resource_, "parameters": parameters}
	v.severity == "high"
	text := sprintf("%s: %s", [concat(" ", [sprintf("%v", [part]) | some part in v.path]), v.message])
}

test_phi_is_served_by_tls if {
	plain := resource("Ingress", {"rules": [{"host": "clinic.com"}]})
	summary(plain, {}) == {"spec rules 0 host: Ingress 'records' serves PHI without TLS on host 'clinic.com'"}
	summary(plain, {"in_transit": "optional"}) == set()
	summary(undeclared(plain), {}) == set()
	summary(resource("Ingress", {"rules": [{"host": "clinic.com"}], "tls": [{"hosts": ["clinic.com"]}]}), {}) == set()
}

test_the_redirect_to_https_stays_on if {
	key := "nginx.ingress.kubernetes.io/ssl-redirect"
	every value, texts in {
		"true": set(),
		"false": {sprintf("metadata annotations %s: Ingress 'records' serves PHI without TLS: %s is false", [key, key])},
	} {
		summary(object.union(resource("Ingress", {}), {"metadata": {"annotations": {key: value}}}), {}) == texts
	}
}

test_services_outside_the_cluster_do_not_speak_plain_http if {
	every port in [{"port": 80}, {"port": 8080}, {"port": 9000, "name": "http"}, {"port": 9000, "appProtocol": "http"}] {
		every type in ["LoadBalancer", "NodePort"] {
			summary(resource("Service", {"type": type, "ports": [{"port": 443}, port]}), {}) == {sprintf(
				"spec ports 1: Service 'records' serves PHI outside the cluster on plain HTTP port %d",
				[port.port],
			)}
		}
		summary(resource("Service", {"type": "ClusterIP", "ports": [port]}), {}) == set()
	}
}

test_volumes_are_of_an_encrypted_class if {
	parameters := {"encrypted_storage_classes": ["encrypted"]}
	fast := {"storageClassName": "fast"}
	claims := {
		"PersistentVolumeClaim": ["spec", fast],
		"StatefulSet": ["spec volumeClaimTemplates 0 spec", {"volumeClaimTemplates": [{"spec": fast}]}],
		"Pod": [
			"spec volumes 0 ephemeral volumeClaimTemplate spec",
			{"volumes": [{"ephemeral": {"volumeClaimTemplate": {"spec": fast}}}]},
		],
	}
	every kind, case in claims {
		message := "keeps PHI on a volume of storage class 'fast', not known to be encrypted"
		expected := {sprintf("%s storageClassName: %s 'records' %s", [case[0], kind, message])}
		summary(resource(kind, case[1]), parameters) == expected
		summary(resource(kind, case[1]), {}) == expected
		summary(resource(kind, case[1]), {"at_rest": "optional"}) == set()
		summary(resource(kind, case[1]), {"encrypted_storage_classes": ["fast"]}) == set()
		summary(undeclared(resource(kind, case[1])), {}) == set()
	}
}

test_the_default_class_is_not_known_to_be_encrypted if {
	summary(resource("PersistentVolumeClaim", {}), {"encrypted_storage_classes": ["encrypted"]}) == {concat("", [
		"spec: PersistentVolumeClaim 'records' keeps PHI on a volume of the default storage class, ",
		"not known to be encrypted",
	])}
}

test_what_declares_no_phi_is_left_alone if {
	every harmless in [
		resource("Pod", {"volumes": [{"hostPath": {"path": "/data"}}]}),
		resource("Service", {"type": "LoadBalancer", "ports": [{"port": 80}]}),
	] {
		summary(undeclared(harmless), {}) == set()
	}
}

test_disks_of_nodes_are_not_known_to_be_encrypted if {
	summary(resource("Pod", {"volumes": [{"hostPath": {"path": "/data"}}]}), {}) == {concat("", [
		"spec volumes 0 hostPath path: Pod 'records' keeps PHI on the disk of a node, ",
		"not known to be encrypted: hostPath '/data'",
	])}
}

storage_class(name, parameters) := {
	"kind": "StorageClass",
	"metadata": {"name": name},
	"provisioner": "ebs.csi.aws.com",
	"parameters": parameters,
}

test_a_storage_class_for_phi_encrypts if {
	listed := {"encrypted_storage_classes": ["fast"]}
	every case in [[{}, "parameters"], [{"encrypted": "false"}, "parameters encrypted"]] {
		expected := {sprintf("%s: StorageClass 'fast' is for PHI, but parameters.encrypted is not true", [case[1]])}
		summary(storage_class("fast", case[0]), listed) == expected
		summary(object.union(storage_class("fast", case[0]), {"metadata": {"labels": phi}}), {}) == expected
		summary(storage_class("fast", case[0]), {}) == set()
	}
	summary(storage_class("fast", {"encrypted": "true"}), listed) == set()
	summary(object.union(storage_class("fast", {}), {"provisioner": "disk.csi.azure.com"}), listed) == set()
}
