package attest.lib

# What people declare about a resource: labels and annotations of the resource, its pod template and its Namespace.
# A declaration may put a duty on a resource; it never proves that a duty is met by others.
metadata contains input.resource.metadata

metadata contains field(input.resource, metadata_path_of(path), {}) if some path in all_pod_paths

metadata contains input.namespace.metadata

# All values of the label or annotation `key`.
marks(key) := {value |
	some document in metadata
	some field in ["annotations", "labels"]
	value := declared(document[field][key])
}

declared(null) := ""

declared(value) := value if value != null

is_marked(key) if {
	some value in marks(key)
	lower(sprintf("%v", [value])) in {"true", "enabled", "yes"}
}

# Classes of data and regimes that the resource is declared under: "personal,phi" gives two.
classifications contains lower(trim_space(class)) if {
	some key in ["attest.continuu.ms/data-classification", "compliance"]
	some value in marks(key)
	is_string(value)
	some class in split(value, ",")
}

processes_personal_data if is_marked("gdpr.attest.continuu.ms/personal-data")

processes_personal_data if {
	some class in {"personal", "personal-data", "pii", "gdpr"}
	class in classifications
}

handles_phi if is_marked("hipaa.attest.continuu.ms/phi")

handles_phi if {
	some class in {"phi", "ephi", "hipaa"}
	class in classifications
}

has_audit_logging_enabled if {
	some key in parameter("audit_logging_annotations", ["attest.continuu.ms/audit-logging"])
	is_marked(key)
}

# Annotations of the GDPR that nothing declares, or that are empty.
missing_data_protection_annotations contains key if {
	some key in parameter("required_annotations", [
		"gdpr.attest.continuu.ms/lawful-basis",
		"gdpr.attest.continuu.ms/data-controller",
		"gdpr.attest.continuu.ms/retention-period",
	])
	count([value | some value in marks(key); trim_space(sprintf("%v", [value])) != ""]) == 0
}

terms_fix := sprintf("State the terms in metadata.annotations: %s.", [concat(", ", [sprintf("`%v`", [key]) |
	some key in sort(missing_data_protection_annotations)
])])

audit_fix := sprintf("Set metadata.annotations['%v'] to `enabled` once it logs for audits.", [key]) if {
	key := parameter("audit_logging_annotations", ["attest.continuu.ms/audit-logging"])[0]
} else := "List in the parameter audit_logging_annotations what declares audit logging, and set it in metadata.annotations."

# The non-empty annotations of the resource itself and its pod templates: key, path, value.
annotations_at[key][path] := value if {
	some metadata_path in ({["metadata"]} | {metadata_path_of(path) | some path in all_pod_paths})
	some key, value in object.get(input.resource, array.concat(metadata_path, ["annotations"]), {})
	is_string(value)
	trim_space(value) != ""
	path := array.concat(metadata_path, ["annotations", key])
}
