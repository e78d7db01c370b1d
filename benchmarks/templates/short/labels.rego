package rule

violation[{"msg": msg, "details": {"missing": missing}}] {
	provided := {label | input.review.object.metadata.labels[label]}
	missing := {label | label := input.parameters.labels[_].key} - provided
	count(missing) > 0
	msg := sprintf("labels %v are missing", [missing])
}
