package attest.lib

# The images of all containers, by the container's path. A malformed reference is in `needing_image` but not here.
images[path] := image(part.image) if some path, part in container_parts

# Containers, and whatever else says how an image is run.
needing_image contains path if some path, _ in containers

needing_image contains path if some path, _ in fragments_with_image

# The image as it is written; "" where there is none.
image_text(path) := field(container_parts[path], "image", "")

# An image reference (`registry.company.com:5000/shop/web:1.4@sha256:…`) in its parts; `tag` and `digest` are "" where
# absent. As container runtimes do, a reference without a registry means Docker Hub, and one without a folder its
# `library`. What `ko` will build (`ko://github.com/shop/web`) is deployed by a digest that nobody knows yet. Undefined
# where the text is no image reference.
image(reference) := {"repository": full_repository(repository), "tag": tag, "digest": digest} if {
	is_string(reference)
	some [_, repository, tag, digest] in regex.find_all_string_submatch_n(image_pattern, reference, 1)
}

image(reference) := {"repository": reference, "tag": "ko", "digest": ""} if {
	is_string(reference)
	regex.match(`^ko://[A-Za-z0-9][\w.-]*(/[\w.~-]+)*$`, reference)
}

image_pattern := concat("", [
	`^((?:(?:[a-zA-Z0-9][a-zA-Z0-9.-]*|\[[0-9a-fA-F:.]+\])(?::[0-9]+)?/)?[a-z0-9]+(?:(?:/|[._-]+)[a-z0-9]+)*)`,
	`(?::(\w[\w.-]{0,127}))?(?:@(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}))?$`,
])

# Does the image come from this registry, or this folder of one (`gcr.io/`, `registry.company.com/shop`)? `gcr.io` does
# not cover `gcr.io.evil.com`, nor `gcr.io/company` its neighbour `gcr.io/company-evil`.
in_registry(repository, registry) if {
	is_string(registry)
	folder := with_host(sprintf("%s/", [trim_right(registry, "/")]))
	startswith(sprintf("%s/", [repository]), folder)
}

full_repository(repository) := replace_prefix(with_host(repository))

replace_prefix(repository) := sprintf("docker.io/library/%s", [name]) if {
	["docker.io", name] = split(repository, "/")
} else := repository

# A first part without a dot, colon or capital is a folder of Docker Hub: `bitnami/redis`.
with_host(repository) := concat("/", array.concat([registry_host(parts[0])], array.slice(parts, 1, count(parts)))) if {
	parts := split(repository, "/")
	count(parts) > 1
	is_host(parts[0])
} else := sprintf("docker.io/%s", [repository])

is_host(part) if part == "localhost"

is_host(part) if regex.match(`[.:A-Z]`, part)

registry_host(host) := "docker.io" if {
	lower(host) in {"index.docker.io", "registry-1.docker.io"}
} else := lower(host)
