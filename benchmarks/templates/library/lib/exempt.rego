package lib.exempt

is_exempt(container) {
	exempt_images := object.get(object.get(input, "parameters", {}), "exemptImages", [])
	exemption := exempt_images[_]
	matches(container.image, exemption)
}

matches(image, exemption) {
	not endswith(exemption, "*")
	exemption == image
}

matches(image, exemption) {
	endswith(exemption, "*")
	prefix := trim_suffix(exemption, "*")
	startswith(image, prefix)
}
