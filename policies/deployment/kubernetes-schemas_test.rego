package attest.schemas_test

import data.attest.schemas

misfit := {"path": ["spec", "contianers"], "message": "`spec` has no field `contianers`", "fix": "did you mean `containers`?"}

test_what_does_not_fit_is_found if {
	found := {entry.message | some entry in schemas.violation} with input as {"resource": {"kind": "Pod", "metadata": {"name": "web"}}, "schema_errors": [misfit]}
	found == {"Pod 'web' does not fit its type: `spec` has no field `contianers`"}
}

test_the_field_and_what_to_do_are_told if {
	found := schemas.violation with input as {"resource": {"kind": "Pod", "metadata": {"name": "web"}}, "schema_errors": [misfit]}
	some entry in found
	entry.path == ["spec", "contianers"]
	entry.fix == "did you mean `containers`?"
}

test_an_excluded_kind_passes if {
	count(schemas.violation) == 0 with input as {
		"resource": {"kind": "Pod", "metadata": {"name": "web"}}, "schema_errors": [misfit],
		"parameters": {"excluded_kinds": ["Pod"]},
	}
}

test_what_fits_passes if {
	count(schemas.violation) == 0 with input as {"resource": {"kind": "Pod", "metadata": {"name": "web"}}}
}
