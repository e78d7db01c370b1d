package attest.lib_test

import data.attest.lib

test_null_is_an_absent_field if {
	every document in [{}, {"a": null}, {"a": {"b": null}}, null, "a", 7, [], true] {
		lib.field(document, ["a", "b"], "fallback") == "fallback"
	}
	every value in [0, false, "", [], {}] {
		lib.field({"a": {"b": value}}, ["a", "b"], "fallback") == value
		lib.field({"a": value}, "a", "fallback") == value
	}
}

test_null_is_an_empty_object_in_a_list_of_objects if {
	lib.element(null) == {}
	lib.element({"a": 1}) == {"a": 1}
	every value in ["", 7, false, []] {
		not lib.element(value)
	}
}

test_null_is_an_empty_text if {
	lib.text(null) == ""
	lib.text("a") == "a"
	every value in [7, false, [], {}] {
		not lib.text(value)
	}
}

test_lists_in_words if {
	lib.listed(["a", 7, null]) == "a, 7, null"
	lib.listed([]) == ""
}
