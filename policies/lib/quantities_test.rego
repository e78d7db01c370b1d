package attest.lib_test

import data.attest.lib

test_equal_quantities_are_equal if {
	every same in [
		["2", "2000m", 2, 2.0, "2.0", "2.", "+2", "002", "2e0", "2000000u", "2000000000n", "0.002k", "2E0", "20e-1"],
		["1Gi", "1024Mi", "1048576Ki", "1073741824", 1073741824],
		["1G", "1000M", "1000000k", "1e9", "1E9", "1e+09", "1E+9", 1e9],
		["0", "0m", "0.0", ".0", 0, "000", "0Gi"],
		["500m", ".5", "0.5", 0.5, "5e-1", "500e-3"],
		["1.5Gi", "1536Mi"],
		["1Ei", "1024Pi"],
		["1E", "1000P", "1e18"],
		["1n", "0.1n", "0.5n", "1e-12"],
	] {
		count({lib.quantity(value) | some value in same}) == 1
		every value in same {
			lib.quantity(value)
		}
	}
}

test_quantities_are_ordered_as_amounts_not_as_text if {
	every pair in [
		["9m", "10m"], ["999m", "1"], ["1500m", "2"], ["4G", "4Gi"], ["128Mi", "1Gi"], ["0", "1n"],
		["1M", "1Mi"], ["900Ki", "1M"], [1, "1001m"], ["1023Pi", "1Ei"], ["0.1", "0.100000001"],
	] {
		lib.quantity(pair[0]) < lib.quantity(pair[1])
	}
}

test_what_is_no_quantity_has_no_value if {
	every value in [
		"", ".", "m", "Gi", "lots", "1 Gi", "4GB", "4gi", "4KI", "4K", "1e", "1e1.5", "1,5", "1_000", "-1", -1,
		"0x10", "1.2.3", "1Gi ", "NaN", "Inf", true, null, ["1"], {"1": 1}, "1e999", "$(cpu)",
	] {
		not lib.quantity(value)
	}
}
