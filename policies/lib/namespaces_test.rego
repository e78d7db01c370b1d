package attest.lib_test

import data.attest.lib

test_production_by_name if {
	every name in ["production", "prod", "prod-eu", "shop-prod", "eu-production", "production-shop"] {
		lib.is_production_namespace with input as {"resource": {"metadata": {"namespace": name}}}
		lib.is_production_namespace with input as {"resource": {"metadata": {}}, "namespace": {"metadata": {"name": name}}}
	}
}

test_production_by_label_of_the_namespace if {
	lib.is_production_namespace with input as {
		"resource": {"metadata": {"namespace": "shop"}},
		"namespace": {"metadata": {"name": "shop", "labels": {"environment": "production"}}},
	}
}

test_production_by_label_of_a_team if {
	lib.is_production_namespace with input as {
		"resource": {"metadata": {"namespace": "shop"}},
		"namespace": {"metadata": {"name": "shop", "labels": {"env": "prod"}}},
	}
}

test_production_by_glob if {
	every name, expected in {"live-eu": true, "liver": false, "eu-live": false, "live-test": false} {
		found := {true | lib.is_production_namespace} with input as {
			"resource": {"metadata": {"namespace": name}},
			"parameters": {"production_namespaces": ["live-*"]},
		}
		found == {true | expected}
	}
}

test_production_by_parameter if {
	parameters := {"production_namespaces": ["live"]}
	lib.is_production_namespace with input as {
		"resource": {"metadata": {"namespace": "live"}},
		"parameters": parameters,
	}
	not lib.is_production_namespace with input as {
		"resource": {"metadata": {"namespace": "production"}},
		"parameters": parameters,
	}
}

test_everything_else_is_not_production if {
	every given in [
		{"resource": {"metadata": {"namespace": "production-test"}}},
		{"resource": {"metadata": {"namespace": "non-prod"}}},
		{"resource": {"metadata": {"namespace": "pre-prod"}}},
		{"resource": {"metadata": {"namespace": "nonprod"}}},
		{"resource": {"metadata": {"namespace": "product"}}},
		{"resource": {"metadata": {"namespace": 7}}},
		{"resource": {"metadata": {}}},
		{"resource": {"metadata": {"namespace": "shop", "labels": {"environment": "production"}}}},
		{"resource": {"metadata": {"namespace": "shop"}}, "namespace": {"metadata": {"labels": {"environment": "test"}}}},
	] {
		not lib.is_production_namespace with input as given
	}
}

test_the_resource_knows_its_namespace_better_than_the_caller if {
	namespace := lib.namespace with input as {
		"resource": {"metadata": {"namespace": "shop"}},
		"namespace": {"metadata": {"name": "production"}},
	}
	namespace == "shop"
}
