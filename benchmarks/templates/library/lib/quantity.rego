package lib.quantity

multiples := {"": 1, "m": 0.001, "k": 1000, "M": 1000000, "G": 1000000000, "Ki": 1024, "Mi": 1048576, "Gi": 1073741824}

canonical(text) := amount {
	is_string(text)
	parts := regex.find_all_string_submatch_n("^([0-9.]+)([A-Za-z]*)$", text, 1)[0]
	amount := to_number(parts[1]) * multiples[parts[2]]
}

canonical(number) := number {
	is_number(number)
}
