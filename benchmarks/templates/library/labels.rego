package rule

violation[{"msg": msg, "details": {"missing": missing}}] {
	provided := {label | input.review.object.metadata.labels[label]}
	required := {label | label := input.parameters.labels[_].key}
	missing := required - provided
	count(missing) > 0
	msg := sprintf("labels are missing: %v", [missing])
}

violation[{"msg": msg}] {
	value := input.review.object.metadata.labels[key]
	expected := input.parameters.labels[_]
	expected.key == key
	pattern := object.get(expected, "allowedRegex", "")
	pattern != ""
	not regex.match(pattern, value)
	msg := sprintf("label <%v: %v> does not match <%v>", [key, value, pattern])
}
