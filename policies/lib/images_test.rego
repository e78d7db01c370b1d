package attest.lib_test

import data.attest.lib

sha := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

references := {
	"nginx": ["docker.io/library/nginx", "", ""],
	"nginx:1.27": ["docker.io/library/nginx", "1.27", ""],
	"bitnami/redis:7": ["docker.io/bitnami/redis", "7", ""],
	"docker.io/nginx": ["docker.io/library/nginx", "", ""],
	"index.docker.io/library/nginx": ["docker.io/library/nginx", "", ""],
	"localhost/app": ["localhost/app", "", ""],
	"localhost:5000/app:2": ["localhost:5000/app", "2", ""],
	"registry.company.com:5000/shop/web:1.4": ["registry.company.com:5000/shop/web", "1.4", ""],
	"GCR.io/company/app": ["gcr.io/company/app", "", ""],
	"[::1]:5000/app": ["[::1]:5000/app", "", ""],
	"[2001:DB8::7]/shop/web:2": ["[2001:db8::7]/shop/web", "2", ""],
	"ko://github.com/shop/web.go/cmd_x": ["ko://github.com/shop/web.go/cmd_x", "ko", ""],
	"a/b/c/d__e-f.g": ["docker.io/a/b/c/d__e-f.g", "", ""],
}

test_references_are_read_as_runtimes_read_them if {
	every reference, parts in references {
		lib.image(reference) == {"repository": parts[0], "tag": parts[1], "digest": parts[2]}
	}
}

test_a_digest_is_read_beside_a_tag if {
	image := lib.image(sprintf("gcr.io/company/app:1@%s", [sha]))
	image == {"repository": "gcr.io/company/app", "tag": "1", "digest": sha}
}

test_what_no_runtime_accepts_is_no_image if {
	every reference in [
		"", "<YOUR-CONTAINER>", "${IMAGE}", "Nginx", "gcr.io/../evil", "gcr.io//app", "app:", "app@sha256:abc",
		"app@sha256:", "https://gcr.io/app", "a b", "nginx:1.27\n", "/nginx", "ko://", "ko://a b", "[::1]", "[x]/app", 7, null, ["nginx"],
	] {
		not lib.image(reference)
	}
}

test_registries_cover_whole_names_only if {
	every reference, registries in {
		"gcr.io/company/app": {"gcr.io", "gcr.io/", "gcr.io/company", "gcr.io/company/", "gcr.io/company/app", "GCR.io"},
		"nginx": {"docker.io", "docker.io/library/", "index.docker.io/library/nginx", "library"},
		"bitnami/redis": {"docker.io/bitnami", "bitnami/"},
		"localhost:5000/app": {"localhost:5000"},
	} {
		every registry in registries {
			lib.in_registry(lib.image(reference).repository, registry)
		}
	}
}

test_registries_do_not_cover_their_neighbours if {
	every reference, registries in {
		"gcr.io.evil.com/app": {"gcr.io", "gcr.io/"},
		"gcr.io/company-evil/app": {"gcr.io/company", "gcr.io/company/"},
		"gcr.io/app": {"docker.io", "", "/", "gcr.io:443", "gcr.io/app/deeper"},
		"evil/gcr.io/app": {"gcr.io/"},
		"localhost:5000/app": {"localhost"},
	} {
		every registry in registries {
			not lib.in_registry(lib.image(reference).repository, registry)
		}
	}
}

test_malformed_images_have_no_entry if {
	images := lib.images with input.resource as {
		"kind": "Pod",
		"spec": {"containers": [{"image": "nginx"}, {"image": "<none>"}, {}]},
	}
	object.keys(images) == {["spec", "containers", 0]}
}

test_image_text_is_the_image_as_written if {
	resource := {"kind": "Pod", "spec": {"containers": [{"image": "nginx"}, {}]}}
	lib.image_text(["spec", "containers", 0]) == "nginx" with input.resource as resource
	lib.image_text(["spec", "containers", 1]) == "" with input.resource as resource
}
