package attest.lib

# Quantities as Kubernetes reads them (`250m`, `1.5`, `4Gi`, `1e3`, the number 2), in billionths: whatever Kubernetes
# tells apart is then a whole number, and comparisons are exact. What is finer is rounded up, as there.
# Undefined where the value is no quantity, or negative.
quantity(value) := ceil((to_number(digits) * multiplier(suffix)) / power_of_ten(count(fraction))) if {
	some [_, whole, fraction, suffix] in regex.find_all_string_submatch_n(
		`^\+?([0-9]{0,40})\.?([0-9]{0,40})((?:[eE][+-]?[0-9]{1,2})?|[A-Za-z]{1,2})$`,
		quantity_text(value), 1,
	)
	digits := without_leading_zeros(concat("", [whole, fraction]))
}

quantity_text(value) := value if is_string(value)

quantity_text(value) := json.marshal(value) if is_number(value)

without_leading_zeros(digits) := trim_left(digits, "0") if trim_left(digits, "0") != ""

without_leading_zeros(digits) := "0" if regex.match(`^0+$`, digits)

multiplier(suffix) := multipliers[suffix]

multiplier(suffix) := power_of_ten(9 + to_number(trim_left(suffix, "eE+"))) if regex.match(`[0-9]`, suffix)

power_of_ten(exponent) := to_number(sprintf("1e%d", [exponent]))

multipliers := {
	"n": 1,
	"u": 1000,
	"m": 1000000,
	"": 1000000000,
	"k": 1000000000000,
	"M": 1000000000000000,
	"G": 1000000000000000000,
	"T": 1000000000000000000000,
	"P": 1000000000000000000000000,
	"E": 1000000000000000000000000000,
	"Ki": 1024000000000,
	"Mi": 1048576000000000,
	"Gi": 1073741824000000000,
	"Ti": 1099511627776000000000,
	"Pi": 1125899906842624000000000,
	"Ei": 1152921504606846976000000000,
}
